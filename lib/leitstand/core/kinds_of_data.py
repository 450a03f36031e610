"""Kinds of the network, of databases, of Redis and of secrets: rows of the table of kinds."""

from leitstand.core.kind_rows import GLOBAL, LOCATION, POLICY, REGIONAL, compute
from leitstand.core.kinds import Kind, Operation, Step

__all__ = ["DATABASE", "NETWORK", "REDIS", "SECRETS"]

NETWORK = (
    Kind(
        "serviceusage.services", "API des Projekts", "serviceusage.v1", "services",
        "projects/{project}/services/{0}", Step.NETWORK,
        create="", update="enable", delete="", operation=Operation.GOOGLE,
    ),
    compute(
        "networks", "VPC-Netz", Step.NETWORK, GLOBAL + "/networks/{0}",
        immutable=("autoCreateSubnetworks", "description"),
    ),
    compute(
        "subnetworks", "Subnetz", Step.NETWORK, REGIONAL + "/subnetworks/{0}",
        immutable=("network", "ipCidrRange", "purpose", "region"), version="fingerprint",
    ),
    compute(
        "globalAddresses", "Globale Adresse", Step.NETWORK, GLOBAL + "/addresses/{0}", update="",
        state=("status", "RESERVED", "IN_USE"),
    ),
    compute(
        "addresses", "Interne Adresse", Step.NETWORK, REGIONAL + "/addresses/{0}", update="",
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
        "projects.locations.connectors", LOCATION + "/connectors/{0}", Step.NETWORK,
        id_parameter="connectorId", operation=Operation.GOOGLE, masked=True,
        state=("state", "READY"), immutable=("network", "ipCidrRange", "subnet"),
        ranges={"minInstances": (2, 9), "maxInstances": (3, 10)}, slow=True,
    ),
)  # fmt: skip

DATABASE = (
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
    compute(
        "forwardingRules", "Endpunkt (Private Service Connect)", Step.DATABASE,
        REGIONAL + "/forwardingRules/{0}", version="fingerprint",
        immutable=("target", "IPAddress", "network", "region", "loadBalancingScheme"),
    ),
)  # fmt: skip

REDIS = (
    Kind(
        "redis.instances", "Memorystore-Instanz", "redis.v1", "projects.locations.instances",
        LOCATION + "/instances/{0}", Step.REDIS,
        id_parameter="instanceId", operation=Operation.GOOGLE, masked=True,
        state=("state", "READY"),
        immutable=("tier", "connectMode", "authorizedNetwork", "redisVersion",
                   "transitEncryptionMode"),
        lists={"labels": "{}", "redisConfigs": "{}"},
        ranges={"memorySizeGb": (1, 300)}, holds_data=True, slow=True,
    ),
)  # fmt: skip

SECRETS = (
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
        "projects/{project}/topics/{0}", Step.SECRETS, of="pubsub.topics", **POLICY,  # type: ignore[arg-type]
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
        "projects/{project}/secrets/{0}", Step.SECRETS, of="secretmanager.secrets", **POLICY,  # type: ignore[arg-type]
    ),
    Kind(
        "sql.users", "Datenbanknutzer", "sqladmin.v1", "users",
        "projects/{project}/instances/{0}/users/{1}", Step.SECRETS,
        create="insert", id_field="name", update="", operation=Operation.SQL, holds_data=True,
    ),
)  # fmt: skip
