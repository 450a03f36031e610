"""Kinds of services, identities and operations: rows of the table of kinds."""

from leitstand.core.kind_rows import GLOBAL, LOCATION, POLICY, REGIONAL, compute
from leitstand.core.kinds import Kind, Operation, Step

__all__ = ["IDENTITY", "OPERATIONS", "SERVICES"]

SERVICES = (
    Kind(
        "artifactregistry.repositories", "Image-Ablage", "artifactregistry.v1",
        "projects.locations.repositories", LOCATION + "/repositories/{0}", Step.SERVICES,
        id_parameter="repositoryId", operation=Operation.GOOGLE, masked=True,
        immutable=("format", "mode"), lists={"cleanupPolicies": "{}", "labels": "{}"},
        holds_data=True,
    ),
    Kind(
        "run.services", "Cloud-Run-Dienst", "run.v2", "projects.locations.services",
        LOCATION + "/services/{0}", Step.SERVICES,
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
        LOCATION + "/jobs/{0}", Step.SERVICES,
        id_parameter="jobId", operation=Operation.GOOGLE, version="etag", whole=True,
        lists={"template.template.containers": "#", "template.template.containers.env": "name"},
        ranges={"template.template.maxRetries": (0, 10)},
    ),
    Kind(
        "run.jobPolicy", "Startrecht eines Jobs", "run.v2", "projects.locations.jobs",
        LOCATION + "/jobs/{0}", Step.SERVICES, of="run.jobs", **POLICY,  # type: ignore[arg-type]
    ),
    compute(
        "regionNetworkEndpointGroups", "Netzendpunktgruppe (serverlos)", Step.SERVICES,
        REGIONAL + "/networkEndpointGroups/{0}", update="",
    ),
    compute(
        "securityPolicies", "Cloud-Armor-Richtlinie", Step.SERVICES,
        GLOBAL + "/securityPolicies/{0}", version="fingerprint", immutable=("rules",),
        lists={"rules": "priority"},
    ),
    compute(
        "backendServices", "Backend-Dienst", Step.SERVICES, GLOBAL + "/backendServices/{0}",
        version="fingerprint", immutable=("loadBalancingScheme",), lists={"backends": "group"},
    ),
    Kind(
        "compute.backendSecurity", "Cloud Armor vor einem Backend-Dienst", "compute.v1",
        "backendServices", GLOBAL + "/backendServices/{0}", Step.SERVICES,
        of="compute.backendServices", create="", update="setSecurityPolicy", delete="",
        operation=Operation.COMPUTE,
    ),
    compute(
        "urlMaps", "URL-Zuordnung", Step.SERVICES, GLOBAL + "/urlMaps/{0}", version="fingerprint",
    ),
    compute(
        "sslCertificates", "Verwaltetes Zertifikat", Step.SERVICES,
        GLOBAL + "/sslCertificates/{0}", update="",
    ),
    compute(
        "targetHttpsProxies", "HTTPS-Proxy", Step.SERVICES, GLOBAL + "/targetHttpsProxies/{0}",
        version="fingerprint",
    ),
    compute(
        "globalForwardingRules", "Weiterleitungsregel", Step.SERVICES,
        GLOBAL + "/forwardingRules/{0}", version="fingerprint",
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
        LOCATION + "/services/{0}", Step.SERVICES, of="run.services", **POLICY,  # type: ignore[arg-type]
    ),
    Kind(
        "iap.policy", "Zugriff über IAP", "iap.v1", "v1",
        "projects/{number}/iap_web/compute/services/{0}", Step.SERVICES,
        of="compute.backendServices", **POLICY,  # type: ignore[arg-type]
    ),
)  # fmt: skip

IDENTITY = (
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
        of="iam.serviceAccounts", **POLICY,  # type: ignore[arg-type]
    ),
    Kind(
        "project.policy", "Rollen im Projekt", "cloudresourcemanager.v3", "projects",
        "projects/{project}", Step.IDENTITY, of="projects", **POLICY,  # type: ignore[arg-type]
    ),
)  # fmt: skip

OPERATIONS = (
    Kind(
        "cloudscheduler.jobs", "Zeitplan (Cloud Scheduler)", "cloudscheduler.v1",
        "projects.locations.jobs", LOCATION + "/jobs/{0}", Step.OPERATIONS, masked=True,
        lists={"httpTarget.headers": "{}", "pubsubTarget.attributes": "{}",
               "appEngineHttpTarget.headers": "{}"},
    ),
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
        "storage.buckets", "Bucket (Cloud Storage)", "storage.v1", "buckets", "b/{0}",
        Step.OPERATIONS,
        create="insert", id_field="name", create_query={"project": "{project}"},
        immutable=("location",), lists={"labels": "{}"},
        ranges={"retentionPolicy.retentionPeriod": (1, 3155759999)}, holds_data=True,
    ),
    Kind(
        "storage.policy", "Zugriff auf einen Bucket", "storage.v1", "buckets", "b/{0}",
        Step.OPERATIONS, of="storage.buckets", **{**POLICY, "wrapper": ""},  # type: ignore[arg-type]
    ),
    Kind(
        "logging.sinks", "Log-Senke", "logging.v2", "projects.sinks",
        "projects/{project}/sinks/{0}", Step.OPERATIONS,
        id_field="name", masked=True, create_query={"uniqueWriterIdentity": "true"},
    ),
    Kind(
        "logging.metrics", "Log-Metrik", "logging.v2", "projects.metrics",
        "projects/{project}/metrics/{0}", Step.OPERATIONS,
        id_field="name", update="update", whole=True,
        lists={"metricDescriptor.labels": "key", "labelExtractors": "{}"},
    ),
    Kind(
        "monitoring.notificationChannels", "Meldeweg", "monitoring.v3",
        "projects.notificationChannels", "projects/{project}/notificationChannels/{0}",
        Step.OPERATIONS,
        found_by="userLabels.leitstand", id_field="userLabels.leitstand", masked=True,
        immutable=("type",), lists={"labels": "{}", "userLabels": "{}"},
    ),
    Kind(
        "monitoring.alertPolicies", "Alarm", "monitoring.v3", "projects.alertPolicies",
        "projects/{project}/alertPolicies/{0}", Step.OPERATIONS,
        found_by="userLabels.leitstand", id_field="userLabels.leitstand", masked=True,
        lists={"conditions": "displayName", "userLabels": "{}", "notificationChannels": "",
               "conditions.conditionThreshold.aggregations": "#",
               "conditions.conditionAbsent.aggregations": "#"},
    ),
    Kind(
        "bigquery.access", "Schreibrecht auf ein Dataset", "bigquery.v2", "datasets",
        "projects/{project}/datasets/{0}", Step.OPERATIONS, of="bigquery.datasets",
        create="", delete="", version="etag", lists={"access": ""},
    ),
)  # fmt: skip
