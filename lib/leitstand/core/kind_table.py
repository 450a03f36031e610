"""The table of all kinds. See ``core/kinds.py`` for what the columns mean.

Sources: the discovery documents of the APIs; what cannot be changed in place and the limits of
figures from the reference pages of each resource.
"""

from collections.abc import Mapping

from leitstand.core.kinds import Kind, Operation, Step

__all__ = ["KINDS"]

_LOCATION = "projects/{project}/locations/{region}"
_GLOBAL = "projects/{project}/global"
_REGIONAL = "projects/{project}/regions/{region}"
_POLICY = {
    "read": "getIamPolicy",
    "create": "",
    "update": "setIamPolicy",
    "delete": "",
    "wrapper": "policy",
    "version": "etag",
    "whole": True,
    "lists": {"bindings": "role,condition", "bindings.members": ""},
}


def _compute(name: str, title: str, step: Step, path: str, **more: object) -> Kind:
    return Kind(
        name=f"compute.{name}",
        title=title,
        api="compute.v1",
        collection=name,
        path=path,
        step=step,
        **{"create": "insert", "id_field": "name", "operation": Operation.COMPUTE, **more},  # type: ignore[arg-type]  # columns of the table
    )


_NETWORK = (
    Kind(
        "serviceusage.services", "API des Projekts", "serviceusage.v1", "services",
        "projects/{project}/services/{0}", Step.NETWORK,
        create="", update="enable", delete="", operation=Operation.GOOGLE,
    ),
    _compute(
        "networks", "VPC-Netz", Step.NETWORK, _GLOBAL + "/networks/{0}",
        immutable=("autoCreateSubnetworks", "description"),
    ),
    _compute(
        "subnetworks", "Subnetz", Step.NETWORK, _REGIONAL + "/subnetworks/{0}",
        immutable=("network", "ipCidrRange", "purpose", "region"), version="fingerprint",
    ),
    _compute(
        "globalAddresses", "Globale Adresse", Step.NETWORK, _GLOBAL + "/addresses/{0}", update="",
        state=("status", "RESERVED", "IN_USE"),
    ),
    _compute(
        "addresses", "Interne Adresse", Step.NETWORK, _REGIONAL + "/addresses/{0}", update="",
        state=("status", "RESERVED", "IN_USE"),
    ),
    Kind(
        "servicenetworking.connections", "Privater Dienstzugriff", "servicenetworking.v1",
        "services.connections",
        "services/servicenetworking.googleapis.com/connections/{0}", Step.NETWORK,
        read="list", delete="deleteConnection", operation=Operation.GOOGLE, masked=True,
        immutable=("network",), lists={"reservedPeeringRanges": ""},
    ),
    Kind(
        "vpcaccess.connectors", "Connector (Serverless VPC Access)", "vpcaccess.v1",
        "projects.locations.connectors", _LOCATION + "/connectors/{0}", Step.NETWORK,
        id_parameter="connectorId", operation=Operation.GOOGLE, masked=True,
        state=("state", "READY"), immutable=("network", "ipCidrRange", "subnet"),
        ranges={"minInstances": (2, 9), "maxInstances": (3, 10)}, slow=True,
    ),
)  # fmt: skip

_DATABASE = (
    Kind(
        "sql.instances", "Cloud-SQL-Instanz", "sqladmin.v1", "instances",
        "projects/{project}/instances/{0}", Step.DATABASE,
        create="insert", id_field="name", operation=Operation.SQL, state=("state", "RUNNABLE"),
        version="settings.settingsVersion", immutable=("region", "databaseVersion"),
        lists={"settings.databaseFlags": "name",
               "settings.ipConfiguration.pscConfig.allowedConsumerProjects": ""},
        ranges={
            "settings.backupConfiguration.transactionLogRetentionDays": (1, 35),
            "settings.backupConfiguration.backupRetentionSettings.retainedBackups": (1, 365),
            "settings.maintenanceWindow.day": (1, 7),
            "settings.maintenanceWindow.hour": (0, 23),
        },
        holds_data=True, slow=True,
    ),
    Kind(
        "sql.databases", "Datenbank", "sqladmin.v1", "databases",
        "projects/{project}/instances/{0}/databases/{1}", Step.DATABASE,
        create="insert", id_field="name", update="", operation=Operation.SQL, holds_data=True,
    ),
    _compute(
        "forwardingRules", "Endpunkt (Private Service Connect)", Step.DATABASE,
        _REGIONAL + "/forwardingRules/{0}", version="fingerprint",
        immutable=("target", "IPAddress", "network", "region", "loadBalancingScheme"),
    ),
)  # fmt: skip

_REDIS = (
    Kind(
        "redis.instances", "Memorystore-Instanz", "redis.v1", "projects.locations.instances",
        _LOCATION + "/instances/{0}", Step.REDIS,
        id_parameter="instanceId", operation=Operation.GOOGLE, masked=True,
        state=("state", "READY"),
        immutable=("tier", "connectMode", "authorizedNetwork", "redisVersion",
                   "transitEncryptionMode"),
        lists={"labels": "{}", "redisConfigs": "{}"},
        ranges={"memorySizeGb": (1, 300)}, holds_data=True, slow=True,
    ),
)  # fmt: skip

_SECRETS = (
    Kind(
        "iam.serviceAccounts", "Dienstkonto", "iam.v1", "projects.serviceAccounts",
        "projects/{project}/serviceAccounts/{0}@{project}.iam.gserviceaccount.com", Step.SECRETS,
        id_field="accountId", wrapper="serviceAccount", masked=True, holds_data=True,
    ),
    Kind(
        "pubsub.topics", "Pub/Sub-Thema", "pubsub.v1", "projects.topics",
        "projects/{project}/topics/{0}", Step.SECRETS,
        create="create", update="", id_field="name",
    ),
    Kind(
        "pubsub.policy", "Recht an einem Pub/Sub-Thema", "pubsub.v1", "projects.topics",
        "projects/{project}/topics/{0}", Step.SECRETS, of="pubsub.topics", **_POLICY,  # type: ignore[arg-type]
    ),
    Kind(
        "secretmanager.secrets", "Secret", "secretmanager.v1", "projects.secrets",
        "projects/{project}/secrets/{0}", Step.SECRETS,
        id_parameter="secretId", masked=True, version="etag", immutable=("replication",),
        lists={"topics": "name", "annotations": "{}", "labels": "{}", "versionAliases": "{}"},
        holds_data=True,
    ),
    Kind(
        "secretmanager.versions", "Secret-Version", "secretmanager.v1", "projects.secrets.versions",
        "projects/{project}/secrets/{0}/versions/{1}", Step.SECRETS,
        create="addVersion", update="", delete="destroy", holds_data=True,
    ),
    Kind(
        "secretmanager.policy", "Zugriff auf ein Secret", "secretmanager.v1", "projects.secrets",
        "projects/{project}/secrets/{0}", Step.SECRETS, of="secretmanager.secrets", **_POLICY,  # type: ignore[arg-type]
    ),
    Kind(
        "sql.users", "Datenbanknutzer", "sqladmin.v1", "users",
        "projects/{project}/instances/{0}/users/{1}", Step.SECRETS,
        create="insert", id_field="name", update="", operation=Operation.SQL, holds_data=True,
    ),
)  # fmt: skip

_SERVICES = (
    Kind(
        "artifactregistry.repositories", "Image-Ablage", "artifactregistry.v1",
        "projects.locations.repositories", _LOCATION + "/repositories/{0}", Step.SERVICES,
        id_parameter="repositoryId", operation=Operation.GOOGLE, masked=True,
        immutable=("format", "mode"), lists={"cleanupPolicies": "{}", "labels": "{}"},
        holds_data=True,
    ),
    Kind(
        "run.services", "Cloud-Run-Dienst", "run.v2", "projects.locations.services",
        _LOCATION + "/services/{0}", Step.SERVICES,
        id_parameter="serviceId", operation=Operation.GOOGLE, masked=True, version="etag",
        state=("terminalCondition.state", "CONDITION_SUCCEEDED"),
        lists={"template.containers": "#", "template.containers.env": "name",
               "annotations": "{}", "labels": "{}",
               "template.annotations": "{}", "template.labels": "{}"},
        forget_on_update=("template.revision",),
        ranges={"template.maxInstanceRequestConcurrency": (1, 1000),
                "scaling.minInstanceCount": (0, 1000), "scaling.maxInstanceCount": (1, 1000)},
    ),
    Kind(
        "run.jobs", "Cloud-Run-Job", "run.v2", "projects.locations.jobs",
        _LOCATION + "/jobs/{0}", Step.SERVICES,
        id_parameter="jobId", operation=Operation.GOOGLE, version="etag", whole=True,
        lists={"template.template.containers": "#", "template.template.containers.env": "name"},
        ranges={"template.template.maxRetries": (0, 10)},
    ),
    _compute(
        "regionNetworkEndpointGroups", "Netzendpunktgruppe (serverlos)", Step.SERVICES,
        _REGIONAL + "/networkEndpointGroups/{0}", update="",
    ),
    _compute(
        "securityPolicies", "Cloud-Armor-Richtlinie", Step.SERVICES,
        _GLOBAL + "/securityPolicies/{0}", version="fingerprint", immutable=("rules",),
        lists={"rules": "priority"},
    ),
    _compute(
        "backendServices", "Backend-Dienst", Step.SERVICES, _GLOBAL + "/backendServices/{0}",
        version="fingerprint", immutable=("loadBalancingScheme",), lists={"backends": "group"},
    ),
    Kind(
        "compute.backendSecurity", "Cloud Armor vor einem Backend-Dienst", "compute.v1",
        "backendServices", _GLOBAL + "/backendServices/{0}", Step.SERVICES,
        of="compute.backendServices", create="", update="setSecurityPolicy", delete="",
        operation=Operation.COMPUTE,
    ),
    _compute(
        "urlMaps", "URL-Zuordnung", Step.SERVICES, _GLOBAL + "/urlMaps/{0}", version="fingerprint",
    ),
    _compute(
        "sslCertificates", "Verwaltetes Zertifikat", Step.SERVICES,
        _GLOBAL + "/sslCertificates/{0}", update="",
    ),
    _compute(
        "targetHttpsProxies", "HTTPS-Proxy", Step.SERVICES, _GLOBAL + "/targetHttpsProxies/{0}",
        version="fingerprint",
    ),
    _compute(
        "globalForwardingRules", "Weiterleitungsregel", Step.SERVICES,
        _GLOBAL + "/forwardingRules/{0}", version="fingerprint",
        immutable=("IPAddress", "IPProtocol", "portRange", "loadBalancingScheme"),
    ),
    Kind(
        "dns.managedZones", "DNS-Zone", "dns.v1", "managedZones",
        "projects/{project}/managedZones/{0}", Step.SERVICES,
        id_field="name", immutable=("dnsName", "visibility"),
    ),
    Kind(
        "dns.resourceRecordSets", "DNS-Eintrag", "dns.v1", "resourceRecordSets",
        "projects/{project}/managedZones/{0}/rrsets/{1}/{2}", Step.SERVICES,
        ranges={"ttl": (0, 2147483647)},
    ),
    Kind(
        "run.policy", "Aufrufrecht eines Dienstes", "run.v2", "projects.locations.services",
        _LOCATION + "/services/{0}", Step.SERVICES, of="run.services", **_POLICY,  # type: ignore[arg-type]
    ),
    Kind(
        "iap.policy", "Zugriff über IAP", "iap.v1", "v1",
        "projects/{number}/iap_web/compute/services/{0}", Step.SERVICES,
        of="compute.backendServices", **_POLICY,  # type: ignore[arg-type]
    ),
)  # fmt: skip

_IDENTITY = (
    Kind(
        "iam.workloadIdentityPools", "Pool (Workload Identity Federation)", "iam.v1",
        "projects.locations.workloadIdentityPools",
        "projects/{project}/locations/global/workloadIdentityPools/{0}", Step.IDENTITY,
        id_parameter="workloadIdentityPoolId", operation=Operation.GOOGLE, masked=True,
        state=("state", "ACTIVE"),
    ),
    Kind(
        "iam.providers", "Anbieter (Workload Identity Federation)", "iam.v1",
        "projects.locations.workloadIdentityPools.providers",
        "projects/{project}/locations/global/workloadIdentityPools/{0}/providers/{1}",
        Step.IDENTITY,
        id_parameter="workloadIdentityPoolProviderId", operation=Operation.GOOGLE, masked=True,
        state=("state", "ACTIVE"), lists={"attributeMapping": "{}"},
    ),
    Kind(
        "iam.policy", "Wer ein Dienstkonto nutzen darf", "iam.v1", "projects.serviceAccounts",
        "projects/{project}/serviceAccounts/{0}@{project}.iam.gserviceaccount.com", Step.IDENTITY,
        of="iam.serviceAccounts", **_POLICY,  # type: ignore[arg-type]
    ),
    Kind(
        "project.policy", "Rollen im Projekt", "cloudresourcemanager.v3", "projects",
        "projects/{project}", Step.IDENTITY, of="projects", **_POLICY,  # type: ignore[arg-type]
    ),
)  # fmt: skip

_OPERATIONS = (
    Kind(
        "logging.buckets", "Log-Bucket", "logging.v2", "projects.locations.buckets",
        "projects/{project}/locations/global/buckets/{0}", Step.OPERATIONS,
        id_parameter="bucketId", built_in=("_Default", "_Required"), masked=True,
        ranges={"retentionDays": (1, 3650)}, holds_data=True,
    ),
    Kind(
        "bigquery.datasets", "BigQuery-Dataset", "bigquery.v2", "datasets",
        "projects/{project}/datasets/{0}", Step.OPERATIONS,
        create="insert", id_field="datasetReference.datasetId", version="etag",
        immutable=("location",), holds_data=True,
    ),
    Kind(
        "logging.sinks", "Log-Senke", "logging.v2", "projects.sinks",
        "projects/{project}/sinks/{0}", Step.OPERATIONS,
        id_field="name", masked=True, create_query={"uniqueWriterIdentity": "true"},
    ),
    Kind(
        "bigquery.access", "Schreibrecht auf ein Dataset", "bigquery.v2", "datasets",
        "projects/{project}/datasets/{0}", Step.OPERATIONS, of="bigquery.datasets",
        create="", delete="", version="etag", lists={"access": ""},
    ),
)  # fmt: skip

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        *_NETWORK, *_DATABASE, *_REDIS, *_SECRETS, *_SERVICES, *_IDENTITY, *_OPERATIONS,
    )
}  # fmt: skip
