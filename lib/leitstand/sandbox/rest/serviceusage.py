"""Which APIs a project has enabled: `serviceusage.services`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import grpc

from leitstand.sandbox.errors import ApiError, failed_precondition, invalid
from leitstand.sandbox.paging import page
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["ALWAYS", "Services", "begin_disabled", "require_enabled"]

TITLES: Mapping[str, str] = {
    "artifactregistry.googleapis.com": "Artifact Registry API",
    "bigquery.googleapis.com": "BigQuery API",
    "cloudresourcemanager.googleapis.com": "Cloud Resource Manager API",
    "cloudscheduler.googleapis.com": "Cloud Scheduler API",
    "compute.googleapis.com": "Compute Engine API",
    "dns.googleapis.com": "Cloud DNS API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "iamcredentials.googleapis.com": "IAM Service Account Credentials API",
    "iap.googleapis.com": "Cloud Identity-Aware Proxy API",
    "logging.googleapis.com": "Cloud Logging API",
    "monitoring.googleapis.com": "Cloud Monitoring API",
    "pubsub.googleapis.com": "Cloud Pub/Sub API",
    "redis.googleapis.com": "Google Cloud Memorystore for Redis API",
    "run.googleapis.com": "Cloud Run Admin API",
    "secretmanager.googleapis.com": "Secret Manager API",
    "servicenetworking.googleapis.com": "Service Networking API",
    "serviceusage.googleapis.com": "Service Usage API",
    "sqladmin.googleapis.com": "Cloud SQL Admin API",
    "storage.googleapis.com": "Cloud Storage API",
    "sts.googleapis.com": "Security Token Service API",
    "vpcaccess.googleapis.com": "Serverless VPC Access API",
}
# Without these two nothing could be enabled at all.
ALWAYS = ("serviceusage.googleapis.com", "cloudresourcemanager.googleapis.com")
LARGEST_BATCH = 20
CONSOLE = "https://console.developers.google.com/apis/api"


def begin_disabled(park: Park, project: str) -> None:
    """Have a project begin with its APIs disabled; one of which nothing is said has them all.

    Changes nothing where that was done before.
    """
    table = park.table("serviceusage", "services")
    for service in ALWAYS:
        table.setdefault(f"projects/{project}/services/{service}", {"state": "ENABLED"})


def require_enabled(park: Park, service: str, project: str = "") -> None:
    """Refuse a call of an API that the project has not enabled.

    Args:
        park: The sandbox.
        service: Such as `redis.googleapis.com`.
        project: Id; the sandbox's own, if left out.

    Raises:
        ApiError: PERMISSION_DENIED, SERVICE_DISABLED.
    """
    consumer = project or park.project
    if _is_enabled(park, consumer, service):
        return
    number = park.number_of(consumer)
    title = TITLES.get(service, service)
    url = f"{CONSOLE}/{service}/overview?project={number}"
    raise ApiError(
        grpc.StatusCode.PERMISSION_DENIED,
        f"{title} has not been used in project {number} before or it is disabled. Enable it by "
        f"visiting {url} then retry. If you enabled this API recently, wait a few minutes for the "
        "action to propagate to our systems and retry.",
        "SERVICE_DISABLED",
        {
            "service": service,
            "serviceTitle": title,
            "consumer": f"projects/{number}",
            "containerInfo": number,
            "activationUrl": url,
        },
    )


class Services(Collection):
    """The APIs that the sandbox knows, and whether a project has enabled them."""

    api: ClassVar[str] = "serviceusage"
    path: ClassVar[str] = "services"
    operations: ClassVar[Literal["compute", "google", "plain"]] = "google"
    full_name: ClassVar[str] = "projects/{project}/services/{service}"

    def custom(self) -> Mapping[str, Custom]:
        """All methods: services are neither created nor deleted."""
        return {
            "get": self._get,
            "list": self._list,
            "batchGet": self._batch_get,
            "enable": self._enable,
            "disable": self._disable,
            "batchEnable": self._batch_enable,
        }

    async def _get(self, call: Call) -> Body:
        return self._shown(call.name)

    async def _list(self, call: Call) -> Body:
        project = _project(call.name)
        shown = [self._shown(f"projects/{project}/services/{service}") for service in TITLES]
        wanted = re.fullmatch(r"\s*(?:state:(ENABLED|DISABLED))?\s*", call.params.get("filter", ""))
        if wanted is None:
            raise invalid("The filter must be state:ENABLED or state:DISABLED.", "filter")
        if wanted[1]:
            shown = [service for service in shown if service["state"] == wanted[1]]
        listed, token = page(
            sorted(shown, key=_name),
            lambda service: (_name(service),),
            int(call.params.get("pageSize", "0")),
            call.params.get("pageToken", ""),
            maximum=200,
        )
        return {"services": list(listed), **({"nextPageToken": token} if token else {})}

    async def _batch_get(self, call: Call) -> Body:
        names = [name for name in call.params.get("names", "").split(",") if name]
        if len(names) > 30:
            raise invalid("At most 30 services can be read at once.", "names")
        return {"services": [self._shown(name) for name in names]}

    async def _enable(self, call: Call) -> Body:
        _check_known(call.name)
        return {"service": self._put(call.name, "ENABLED")}

    async def _disable(self, call: Call) -> Body:
        service = _check_known(call.name)
        if service in ALWAYS:
            raise failed_precondition(f"The service {service} cannot be disabled in the sandbox.")
        return {"service": self._put(call.name, "DISABLED")}

    async def _batch_enable(self, call: Call) -> Body:
        services = list(call.body.get("serviceIds", ()))
        if not 1 <= len(services) <= LARGEST_BATCH:
            raise invalid(
                f"Between 1 and {LARGEST_BATCH} services can be enabled at once.", "service_ids"
            )
        names = [f"projects/{_project(call.name)}/services/{service}" for service in services]
        for name in names:
            _check_known(name)
        return {"services": [self._put(name, "ENABLED") for name in names]}

    def _put(self, name: str, state: str) -> Body:
        project = _project(name)
        if f"projects/{project}/services/{ALWAYS[0]}" not in self.table:
            # Until now everything was enabled, and the rest shall stay so.
            for service in TITLES:
                self.table[f"projects/{project}/services/{service}"] = {"state": "ENABLED"}
        self.table[f"projects/{project}/services/{name.rpartition('/')[2]}"] = {"state": state}
        return self._shown(name)

    def _shown(self, name: str) -> Body:
        service = _check_known(name)
        project = _project(name)
        number = self.park.number_of(project)
        enabled = _is_enabled(self.park, project, service)
        return {
            "name": f"projects/{number}/services/{service}",
            "parent": f"projects/{number}",
            "config": {"name": service, "title": TITLES[service]},
            "state": "ENABLED" if enabled else "DISABLED",
        }


def _is_enabled(park: Park, project: str, service: str) -> bool:
    table = park.table("serviceusage", "services")
    if f"projects/{project}/services/{ALWAYS[0]}" not in table:
        return True
    return bool(table.get(f"projects/{project}/services/{service}", {}).get("state") == "ENABLED")


def _check_known(name: str) -> str:
    service = name.rpartition("/")[2]
    if service not in TITLES:
        raise ApiError(
            grpc.StatusCode.NOT_FOUND,
            f"Not found or permission denied for service(s): {service}.",
            "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
            {"services": service},
        )
    return service


def _project(name: str) -> str:
    parts = name.split("/")
    if parts[0] != "projects" or len(parts) < 2:
        raise invalid("The sandbox has services of projects only.", "parent")
    return parts[1]


def _name(service: Body) -> str:
    return str(service["name"])
