"""A complete healthy estate, as Google's REST APIs answer, and the change of one thing in it."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from leitstand.core.deviations import Agreement
from leitstand.core.hardening import Estate, Policy, examine

__all__ = [
    "DIGEST", "NUMBER", "PIPELINE", "POLICY", "added", "changed", "chosen", "healthy",
    "listed", "red", "secret", "unlisted", "url", "with_variable", "without",
]  # fmt: skip

PROJECT, NUMBER, REGION = "leitstand-prod", "123456789012", "europe-west3"
COMPUTE = "https://www.googleapis.com/compute/v1"
NETWORK = f"{COMPUTE}/projects/{PROJECT}/global/networks/main"
REPOSITORY = "europe-west3-docker.pkg.dev/leitstand-staging/leitstand"
DIGEST = f"sha256:{'a' * 64}"
ATTACHMENT = f"projects/tenant-p/regions/{REGION}/serviceAttachments/a-1"
CONNECTOR = f"projects/{PROJECT}/locations/{REGION}/connectors/main"
ADDRESS = "203.0.113.7"
WRITER = f"serviceAccount:service-{NUMBER}@gcp-sa-logging.iam.gserviceaccount.com"
IAP_AGENT = f"serviceAccount:service-{NUMBER}@gcp-sa-iap.iam.gserviceaccount.com"
PIPELINE = f"pipeline@{PROJECT}.iam.gserviceaccount.com"
POOL = f"iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/pipeline"

POLICY = Policy(
    domain="app.example.com",
    gui_domain="llm.example.com",
    repository=REPOSITORY,
    pipeline=PIPELINE,
)


def url(part: str) -> str:
    return f"{COMPUTE}/projects/{PROJECT}/{part}"


def secret(name: str, of: str, version: str = "1") -> dict[str, Any]:
    return {"name": name, "valueSource": {"secretKeyRef": {"secret": of, "version": version}}}


def container(image: str, cpu: str, memory: str, *env: dict[str, Any], idle: bool) -> Any:
    resources: dict[str, Any] = {"limits": {"cpu": cpu, "memory": memory}}
    if idle:  # false is a zero value, which REST leaves out
        resources["cpuIdle"] = True
    return {"image": f"{REPOSITORY}/{image}@{DIGEST}", "resources": resources, "env": list(env)}


LANGFUSE = (
    secret("LANGFUSE_SECRET_KEY", "langfuse-secret-key"),
    {"name": "LANGFUSE_SAMPLE_RATE", "value": "0.05"},
    {"name": "LANGFUSE_SAMPLE_RATE_BY_TENANT", "value": "{}"},
    {"name": "LANGFUSE_MASKING", "value": "true"},
)
DATABASE = secret("DATABASE_URL", "database-url")


def service(
    name: str, ingress: str, least: int, most: int, concurrency: int, container: Any
) -> dict[str, Any]:
    return {
        "name": f"projects/{PROJECT}/locations/{REGION}/services/{name}",
        "etag": '"1"',
        "generation": "3",
        "ingress": f"INGRESS_TRAFFIC_{ingress}",
        "scaling": {"minInstanceCount": least, "maxInstanceCount": most},
        "template": {
            "serviceAccount": f"{name}@{PROJECT}.iam.gserviceaccount.com",
            "vpcAccess": {"connector": CONNECTOR, "egress": "PRIVATE_RANGES_ONLY"},
            "maxInstanceRequestConcurrency": concurrency,
            "containers": [container],
        },
    }


def _network() -> dict[str, Any]:
    return {
        "compute.networks/main": {"name": "main", "selfLink": NETWORK},
        "compute.subnetworks/services": {
            "name": "services", "network": NETWORK, "ipCidrRange": "10.20.0.0/22",
        },
        "compute.globalAddresses/web": {
            "name": "web", "address": ADDRESS, "addressType": "EXTERNAL", "status": "IN_USE",
        },
        "servicenetworking.connections/servicenetworking-googleapis-com": {
            "network": f"projects/{NUMBER}/global/networks/main",
            "peering": "servicenetworking-googleapis-com",
            "reservedPeeringRanges": ["private-services"],
        },
        "vpcaccess.connectors/main": {"name": CONNECTOR, "state": "READY"},
    }  # fmt: skip


def _data() -> dict[str, Any]:
    return {
        "sql.instances/main": {
            "name": "main",
            "state": "RUNNABLE",
            "pscServiceAttachmentLink": ATTACHMENT,
            "settings": {
                "settingsVersion": "4",
                "deletionProtectionEnabled": True,
                "ipConfiguration": {
                    "privateNetwork": f"projects/{PROJECT}/global/networks/main",
                    "pscConfig": {"pscEnabled": True, "allowedConsumerProjects": [PROJECT]},
                },
                "backupConfiguration": {
                    "enabled": True,
                    "pointInTimeRecoveryEnabled": True,
                    "transactionLogRetentionDays": 7,
                    "backupRetentionSettings": {"retentionUnit": "COUNT", "retainedBackups": 8},
                },
                "maintenanceWindow": {"day": 7, "hour": 3},
                "databaseFlags": [{"name": "hnsw.ef_search", "value": "64"}],
            },
        },
        "sql.databases/main/app": {"name": "app", "charset": "UTF8"},
        "sql.databases/main/litellm": {"name": "litellm", "charset": "UTF8"},
        "compute.forwardingRules/sql-endpoint": {
            "name": "sql-endpoint",
            "selfLink": url(f"regions/{REGION}/forwardingRules/sql-endpoint"),
            "target": f"{COMPUTE}/{ATTACHMENT}",
            "pscConnectionStatus": "ACCEPTED",
        },
        "redis.instances/main": {
            "name": f"projects/{PROJECT}/locations/{REGION}/instances/main",
            "tier": "STANDARD_HA",
            "authEnabled": True,
            "authorizedNetwork": f"projects/{PROJECT}/global/networks/main",
        },
    }


def _secrets() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("database-url", "litellm-database-url", "langfuse-secret-key"):
        found[f"secretmanager.secrets/{name}"] = {
            "name": f"projects/{NUMBER}/secrets/{name}",
            "rotation": {"rotationPeriod": "7776000s", "nextRotationTime": "2027-01-01T00:00:00Z"},
            "topics": [{"name": f"projects/{PROJECT}/topics/secret-rotation"}],
        }
        found[f"secretmanager.versions/{name}/1"] = {
            "name": f"projects/{NUMBER}/secrets/{name}/versions/1", "state": "ENABLED",
        }  # fmt: skip
        found[f"secretmanager.policy/{name}"] = {
            "bindings": [
                {
                    "role": "roles/secretmanager.secretAccessor",
                    "members": [f"serviceAccount:web@{PROJECT}.iam.gserviceaccount.com"],
                }
            ]
        }
    return found


def _services() -> dict[str, Any]:
    web = container("web", "2", "2Gi", DATABASE, *LANGFUSE, idle=True)
    gateway = container(
        "litellm", "1", "1Gi", secret("DATABASE_URL", "litellm-database-url"), *LANGFUSE,
        {"name": "LITELLM_LOG_REQUESTS", "value": "true"},
        {"name": "AI_CORE_RATE_LIMIT_QUOTA", "value": "600"},
        idle=True,
    )  # fmt: skip
    worker = container("web", "1", "1Gi", DATABASE, *LANGFUSE, idle=False)
    beat = container("web", "1", "512Mi", DATABASE, idle=False)
    migrate = container("web", "1", "512Mi", DATABASE, idle=False)
    return {
        "run.services/web": service("web", "INTERNAL_LOAD_BALANCER", 2, 10, 30, web),
        "run.services/worker": service("worker", "INTERNAL_ONLY", 1, 20, 1, worker),
        "run.services/beat": service("beat", "INTERNAL_ONLY", 1, 1, 1, beat),
        "run.services/litellm": service("litellm", "INTERNAL_LOAD_BALANCER", 1, 4, 80, gateway),
        "run.jobs/migrate": {
            "name": f"projects/{PROJECT}/locations/{REGION}/jobs/migrate",
            "template": {
                "taskCount": 1,
                "template": {
                    "timeout": "900s",
                    "maxRetries": 1,
                    "serviceAccount": f"migrate@{PROJECT}.iam.gserviceaccount.com",
                    "vpcAccess": {"connector": CONNECTOR},
                    "containers": [migrate],
                },
            },
        },
        "run.policy/web": {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]},
        "run.policy/litellm": {
            "bindings": [
                {
                    "role": "roles/run.invoker",
                    "members": [IAP_AGENT],
                }
            ]
        },
    }


def _front() -> dict[str, Any]:
    group = f"regions/{REGION}/networkEndpointGroups"
    backends = {
        name: {
            "name": name,
            "loadBalancingScheme": "EXTERNAL_MANAGED",
            "backends": [{"group": url(f"{group}/{service}")}],
            "logConfig": {"enable": True},
        }
        for name, service in (("web", "web"), ("litellm-gui", "litellm"))
    }
    backends["litellm-gui"]["iap"] = {"enabled": True}
    records = {
        f"dns.resourceRecordSets/main/{name}./A": {
            "name": f"{name}.", "type": "A", "ttl": 300, "rrdatas": [ADDRESS],
        }
        for name in POLICY.domains
    }  # fmt: skip
    return {
        **{
            f"compute.regionNetworkEndpointGroups/{name}": {
                "name": name, "networkEndpointType": "SERVERLESS", "cloudRun": {"service": name},
            }
            for name in ("web", "litellm")
        },
        **{f"compute.backendServices/{name}": body for name, body in backends.items()},
        "compute.urlMaps/main": {
            "name": "main",
            "defaultService": url("global/backendServices/web"),
            "pathMatchers": [
                {"name": "litellm", "defaultService": url("global/backendServices/litellm-gui")}
            ],
        },
        "compute.sslCertificates/main": {
            "name": "main",
            "type": "MANAGED",
            "managed": {"domains": list(POLICY.domains), "status": "ACTIVE"},
        },
        "compute.targetHttpsProxies/main": {
            "name": "main",
            "urlMap": url("global/urlMaps/main"),
            "sslCertificates": [url("global/sslCertificates/main")],
        },
        "compute.globalForwardingRules/main": {
            "name": "main",
            "IPAddress": ADDRESS,
            "IPProtocol": "TCP",
            "portRange": "443-443",
            "loadBalancingScheme": "EXTERNAL_MANAGED",
            "target": url("global/targetHttpsProxies/main"),
        },
        **records,
        "iap.policy/litellm-gui": {
            "bindings": [
                {"role": "roles/iap.httpsResourceAccessor", "members": ["group:llm@example.com"]}
            ]
        },
    }  # fmt: skip


def _identity() -> dict[str, Any]:
    roles = (
        "run.admin", "artifactregistry.writer", "cloudsql.client", "secretmanager.secretAccessor",
        "redis.admin", "compute.networkUser",
    )  # fmt: skip
    agent = f"serviceAccount:{NUMBER}@cloudservices.gserviceaccount.com"
    return {
        "iam.providers/pipeline/github": {
            "attributeCondition": "assertion.repository_owner_id == '91' && "
            "assertion.repository_id == '812' && assertion.ref == 'refs/heads/main'",
            "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
        },
        "iam.policy/pipeline": {
            "bindings": [
                {
                    "role": "roles/iam.workloadIdentityUser",
                    "members": [f"principalSet://{POOL}/attribute.repository_id/812"],
                }
            ]
        },
        "project.policy/this": {
            "bindings": [
                *(
                    {"role": f"roles/{role}", "members": [f"serviceAccount:{PIPELINE}"]}
                    for role in roles
                ),
                {"role": "roles/editor", "members": [agent]},
                {"role": "roles/owner", "members": ["user:owner@example.com"]},
            ]
        },
    }


def _logging() -> dict[str, Any]:
    return {
        "logging.buckets/_Default": {"retentionDays": 90},
        "logging.buckets/_Required": {"retentionDays": 400, "locked": True},
        "logging.sinks/bigquery": {
            "name": "bigquery",
            "destination": f"bigquery.googleapis.com/projects/{PROJECT}/datasets/logs",
            "filter": 'logName:"cloudaudit.googleapis.com" OR severity>=WARNING',
            "writerIdentity": WRITER,
        },
        "bigquery.datasets/logs": {
            "datasetReference": {"datasetId": "logs", "projectId": PROJECT},
            "access": [{"role": "WRITER", "userByEmail": WRITER.removeprefix("serviceAccount:")}],
        },
    }


def _listed() -> dict[str, tuple[Mapping[str, Any], ...]]:
    default = (
        'NOT LOG_ID("cloudaudit.googleapis.com/activity") AND '
        'NOT LOG_ID("externalaudit.googleapis.com/activity") AND '
        'NOT LOG_ID("cloudaudit.googleapis.com/system_event") AND '
        'NOT LOG_ID("externalaudit.googleapis.com/system_event") AND '
        'NOT LOG_ID("cloudaudit.googleapis.com/access_transparency") AND '
        'NOT LOG_ID("externalaudit.googleapis.com/access_transparency")'
    )
    bucket = f"logging.googleapis.com/projects/{PROJECT}/locations/global/buckets"
    account = f"projects/{PROJECT}/serviceAccounts/{PIPELINE}"
    instance = f"projects/{PROJECT}/locations/{REGION}/instances/main"
    exclusion = {"name": "probes", "filter": 'httpRequest.requestUrl:"/healthz"'}
    return {
        "run.services": (),
        "run.jobs": (),
        "sql.instances": (),
        "redis.instances": (),
        "secretmanager.secrets": (),
        "compute.forwardingRules": (),
        "logging.sinks": (
            {
                "name": "_Default", "destination": f"{bucket}/_Default", "filter": default,
                "exclusions": [exclusion],
            },
            {"name": "_Required", "destination": f"{bucket}/_Required"},
        ),
        "iam.keys": ({"name": f"{account}/keys/1", "keyType": "SYSTEM_MANAGED"},),
        "cloudscheduler.jobs": (
            {
                "name": f"projects/{PROJECT}/locations/{REGION}/jobs/redis-export",
                "schedule": "0 2 * * 0",
                "state": "ENABLED",
                "httpTarget": {"uri": f"https://redis.googleapis.com/v1/{instance}:export"},
            },
        ),
    }  # fmt: skip


def healthy() -> Estate:
    """An estate in which every rule holds."""
    parts = (_network, _data, _secrets, _services, _front, _identity, _logging)
    found = {key: body for part in parts for key, body in part().items()}
    images = {f"{REPOSITORY}/{name}@{DIGEST}": True for name in ("web", "litellm")}
    return Estate(PROJECT, NUMBER, REGION, POLICY, found, _listed(), images=images)


def changed(key: str, path: str, value: object, estate: Estate | None = None) -> Estate:
    """An estate, the healthy one by default, with one field set; numbers in paths index lists."""
    estate = estate or healthy()
    found = copy.deepcopy(dict(estate.found))
    place: Any = found[key]
    *above, last = path.split(".")
    for part in above:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    place[int(last) if isinstance(place, list) else last] = value
    return replace(estate, found=found)


def without(key: str) -> Estate:
    """The healthy estate without one resource."""
    estate = healthy()
    return replace(estate, found={name: body for name, body in estate.found.items() if name != key})


def added(key: str, body: Mapping[str, Any]) -> Estate:
    """The healthy estate with one more wanted resource."""
    estate = healthy()
    return replace(estate, found={**estate.found, key: body})


def listed(kind: str, *bodies: Mapping[str, Any]) -> Estate:
    """The healthy estate with more of a kind than is wanted."""
    estate = healthy()
    return replace(estate, listed={**estate.listed, kind: (*estate.listed[kind], *bodies)})


def unlisted(kind: str) -> Estate:
    """The healthy estate of which nobody listed everything of a kind."""
    estate = healthy()
    return replace(
        estate, listed={name: bodies for name, bodies in estate.listed.items() if name != kind}
    )


def chosen(**choices: Any) -> Estate:
    """The healthy estate of an environment that made another choice."""
    estate = healthy()
    return replace(estate, policy=replace(estate.policy, **choices))


def with_variable(key: str, variable: Mapping[str, Any]) -> Estate:
    """The healthy estate in which a service or job has one variable more, or another value."""
    path = "template.template.containers" if key.startswith("run.jobs") else "template.containers"
    estate = healthy()
    found: Any = copy.deepcopy(dict(estate.found))
    body = found[key]
    for part in path.split("."):
        body = body[part]
    kept = [entry for entry in body[0]["env"] if entry["name"] != variable["name"]]
    body[0]["env"] = [*kept, variable]
    return replace(estate, found=found)


def red(estate: Estate) -> set[str]:
    """Return the ids of the rules that are broken."""
    return {finding.rule for finding in examine(estate, Agreement())}
