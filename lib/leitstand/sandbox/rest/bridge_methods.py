"""Which methods of the REST APIs a gRPC handler of the sandbox answers.

The names on the left are the ids of Google's discovery documents (run.v2, sqladmin.v1 whose ids
begin with `sql`, secretmanager.v1, artifactregistry.v1, monitoring.v3, logging.v2). Where a request
field takes the HTTP body is what the `google.api.http` annotations of the APIs say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["METHODS", "Bridge"]


@dataclass(frozen=True)
class Bridge:
    """A gRPC method behind a REST method.

    Attributes:
        path: Full gRPC path.
        body: Request field that takes the HTTP body; `*` is the request itself, "" takes none.
        named: Whether the path's `name` belongs into the body, as in `PATCH {service.name}`.
    """

    path: str
    body: str = ""
    named: bool = False


def _collection(
    prefix: str, service: str, methods: Mapping[str, tuple[str, str]]
) -> dict[str, Bridge]:
    """The methods of one collection, each `{"create": ("CreateService", "service")}`."""
    return {
        f"{prefix}.{verb}": Bridge(
            f"{service}/{name}", body, named=verb == "patch" and body != "body"
        )
        for verb, (name, body) in methods.items()
    }


def _standard(kind: str, plural: str, *verbs: str) -> dict[str, tuple[str, str]]:
    """The standard methods of a kind as its gRPC service names them."""
    field = kind[0].lower() + kind[1:]
    known = {
        "create": (f"Create{kind}", field),
        "get": (f"Get{kind}", ""),
        "list": (f"List{plural}", ""),
        "patch": (f"Update{kind}", field),
        "delete": (f"Delete{kind}", ""),
    }
    return {verb: known[verb] for verb in verbs}


ALL = ("create", "get", "list", "patch", "delete")
READ = ("get", "list")
OPERATIONS = "/google.longrunning.Operations"


def _run() -> dict[str, Bridge]:
    place, service = "run.projects.locations", "/google.cloud.run.v2."
    executions = {
        **_standard("Execution", "Executions", *READ, "delete"),
        "cancel": ("CancelExecution", "*"),
    }
    return {
        **_collection(
            f"{place}.services", f"{service}Services", _standard("Service", "Services", *ALL)
        ),
        **_collection(
            f"{place}.services.revisions",
            f"{service}Revisions",
            _standard("Revision", "Revisions", *READ, "delete"),
        ),
        **_collection(
            f"{place}.jobs",
            f"{service}Jobs",
            {**_standard("Job", "Jobs", *ALL), "run": ("RunJob", "*")},
        ),
        **_collection(f"{place}.jobs.executions", f"{service}Executions", executions),
        **_collection(
            f"{place}.jobs.executions.tasks",
            f"{service}Tasks",
            _standard("Task", "Tasks", *READ),
        ),
        **_collection(
            f"{place}.operations",
            OPERATIONS,
            {
                **_standard("Operation", "Operations", *READ, "delete"),
                "wait": ("WaitOperation", "*"),
            },
        ),
    }


def _secret_manager() -> dict[str, Bridge]:
    place = "secretmanager.projects.secrets"
    service = "/google.cloud.secretmanager.v1.SecretManagerService"
    versions = {
        "access": ("AccessSecretVersion", ""),
        "enable": ("EnableSecretVersion", "*"),
        "disable": ("DisableSecretVersion", "*"),
        "destroy": ("DestroySecretVersion", "*"),
        "get": ("GetSecretVersion", ""),
        "list": ("ListSecretVersions", ""),
    }
    secrets = {**_standard("Secret", "Secrets", *ALL), "addVersion": ("AddSecretVersion", "*")}
    return {
        **_collection(place, service, secrets),
        **_collection(f"{place}.versions", service, versions),
    }


def _artifact_registry() -> dict[str, Bridge]:
    place = "artifactregistry.projects.locations.repositories"
    service = "/google.devtools.artifactregistry.v1.ArtifactRegistry"
    return {
        **_collection(place, service, _standard("Repository", "Repositories", *ALL)),
        **_collection(f"{place}.packages", service, _standard("Package", "Packages", *READ)),
        **_collection(
            f"{place}.packages.versions", service, _standard("Version", "Versions", *READ)
        ),
        **_collection(f"{place}.packages.tags", service, _standard("Tag", "Tags", *ALL)),
        **_collection(
            f"{place}.dockerImages", service, _standard("DockerImage", "DockerImages", *READ)
        ),
        **_collection(
            "artifactregistry.projects.locations.operations",
            OPERATIONS,
            _standard("Operation", "Operations", "get"),
        ),
    }


def _cloud_sql() -> dict[str, Bridge]:
    service = "/google.cloud.sql.v1.Sql"
    read = {"get": ("Get", ""), "list": ("List", "")}
    change = {"insert": ("Insert", "body"), "delete": ("Delete", "")}
    instances = {
        **read,
        **change,
        "patch": ("Patch", "body"),
        "update": ("Update", "body"),
        "clone": ("Clone", "body"),
        "restart": ("Restart", ""),
        "restoreBackup": ("RestoreBackup", "body"),
    }
    recovery = {"getLatestRecoveryTime": ("GetLatestRecoveryTime", "")}
    return {
        **_collection("sql.instances", f"{service}InstancesService", instances),
        **_collection("sql.projects.instances", f"{service}InstancesService", recovery),
        **_collection(
            "sql.connect", f"{service}ConnectService", {"get": ("GetConnectSettings", "")}
        ),
        **_collection("sql.backupRuns", f"{service}BackupRunsService", {**read, **change}),
        **_collection("sql.databases", f"{service}DatabasesService", {**read, **change}),
        **_collection(
            "sql.users",
            f"{service}UsersService",
            {**read, **change, "update": ("Update", "body")},
        ),
        **_collection("sql.operations", f"{service}OperationsService", read),
    }


def _signals() -> dict[str, Bridge]:
    return {
        "monitoring.projects.timeSeries.list": Bridge(
            "/google.monitoring.v3.MetricService/ListTimeSeries"
        ),
        "logging.entries.list": Bridge(
            "/google.logging.v2.LoggingServiceV2/ListLogEntries", body="*"
        ),
    }


METHODS: Mapping[str, Bridge] = MappingProxyType(
    {**_run(), **_secret_manager(), **_artifact_registry(), **_cloud_sql(), **_signals()}
)
