"""What the REST kinds see of the sandbox they live in."""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitstand.sandbox.addresses import Addresses
from leitstand.sandbox.rest.apis import COMPUTE, TABLES, counts
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.policies import TABLE, Policies
from leitstand.sandbox.store import Store

if TYPE_CHECKING:
    from google.cloud import run_v2

    from leitstand.sandbox.balancer import Backend
    from leitstand.sandbox.monitoring import Monitoring

__all__ = ["ACCOUNT", "Answer", "Park"]

Answer = Callable[
    [str, str, str, Sequence[tuple[str, str]], bytes], Awaitable[dict[str, Any] | None]
]

SITE = re.compile(r"(?:https?:)?//(?P<host>[^/]+)/(?P<path>.*)")
# What stands between a host and a full name: the service's path and the version.
VERSION = re.compile(r"(?:[a-z]+/)*(?:beta|v\d+(?:(?:alpha|beta)\d*)?)/")
WITHIN_PROJECT = ("global", "regions", "zones", "locations")
ACCOUNT = re.compile(
    r"serviceAccount:(?P<email>[^@]+@(?P<project>[^.]+)\.iam\.gserviceaccount\.com)"
)


class Park:
    """The sandbox around the kinds: their tables, and the resources of the gRPC side.

    Args:
        store: Where the tables are kept.
        directory: The sandbox's; a kind may use `directory / api` for files of its own.
        project: Id of the sandbox's project.
        region: Where it lies.
        projects: All ids that exist, `project` included.
        services: The Cloud Run services by full name.
        jobs: The Cloud Run jobs by full name.
        sql_instances: The Cloud SQL instances (DatabaseInstance) by "PROJECT/NAME".
        balance: Tells the front door what the load balancer does; see `FrontDoor.balance`.
        addresses: The sandbox's ports, shared with its other servers.

    Attributes:
        policies: The IAM policies of all resources.
        balance: As given; does nothing where the sandbox has no front door.
        addresses: As given, or this park's own.
        monitoring: What alert policies look at; set by whoever has it.
    """

    monitoring: Monitoring

    def __init__(
        self,
        store: Store,
        directory: Path,
        project: str,
        region: str = "",
        *,
        projects: Iterable[str] = (),
        services: Callable[[], Mapping[str, run_v2.Service]] | None = None,
        jobs: Callable[[], Mapping[str, run_v2.Job]] | None = None,
        sql_instances: Callable[[], Mapping[str, Any]] | None = None,
        balance: Callable[[Mapping[str, Backend]], None] | None = None,
        addresses: Addresses | None = None,
    ) -> None:
        self.project = project
        self.region = region
        self.directory = directory
        self.projects = frozenset(projects) - {"", "-"} | {project}
        self.balance: Callable[[Mapping[str, Backend]], None] = balance or (lambda _: None)
        self.policies = Policies(store.json_table(TABLE), self._member_exists)
        self._store = store
        self.addresses = addresses or Addresses(store)
        self._services = services
        self._jobs = jobs
        self._sql_instances = sql_instances
        self._ids = {self.number_of(name): name for name in self.projects}
        self._answer: Answer | None = None

    def connect(self, answer: Answer) -> None:
        """Have `request` answered; called by the engine.

        Args:
            answer: Takes what `Request` holds, in its order.
        """
        self._answer = answer

    async def request(
        self, http: str, api: str, path: str, query: Sequence[tuple[str, str]], body: bytes
    ) -> dict[str, Any] | None:
        """The sandbox's answer to a REST request, as a client gets it; for what calls APIs itself.

        Args:
            http: The HTTP method.
            api: Name of the API.
            path: Below the API's root, percent-encoded, without a leading "/".
            query: Names and values, decoded.
            body: JSON, or nothing.

        Raises:
            ApiError: What the client sees.
        """
        if self._answer is None:
            raise ValueError("nothing answers requests in this park")
        return await self._answer(http, api, path, query, body)

    @property
    def project_number(self) -> str:
        """The number of `project`; a string, since JSON has 64-bit numbers as strings."""
        return self.number_of(self.project)

    def number_of(self, project: str) -> str:
        """The fixed number of a project."""
        return str(100_000_000_000 + zlib.crc32(project.encode()))

    def table(self, api: str, path: str) -> MutableMapping[str, Body]:
        """The resources of a collection by full name; assign a changed one to have it saved."""
        return self._store.json_table(f"{TABLES}{api}/{path}")

    def notes(self, api: str, name: str) -> MutableMapping[str, Body]:
        """What a kind keeps besides its resources; `find` and `counts` do not see it."""
        return self._store.json_table(f"rest_notes/{api}/{name}")

    def apis(self) -> tuple[str, ...]:
        """The APIs that have resources."""
        return tuple(sorted({name.partition(".")[0] for name in self.counts()}))

    def counts(self) -> dict[str, int]:
        """How many resources each collection has, by "compute.networks"; without empty ones."""
        return counts(self._store)

    def full_name(self, reference: str) -> str:
        """The full name in a URL, a partial URL ("global/networks/n") or a full name.

        Project numbers become ids.
        """
        site = SITE.fullmatch(reference)
        path = VERSION.sub("", site["path"], count=1) if site else reference.lstrip("/")
        parts = path.split("/")
        if parts[0] in WITHIN_PROJECT:
            parts = ["projects", self.project, *parts]
        return "/".join(self.by_id(parts))

    def by_id(self, parts: list[str]) -> list[str]:
        """The segments of a path, a project's number replaced by its id."""
        for at, part in enumerate(parts[:-1]):
            if part == "projects":
                number, colon, verb = parts[at + 1].partition(":")
                project = self._ids.get(number, number) + colon + verb
                return [*parts[: at + 1], project, *parts[at + 2 :]]
        return parts

    def find(self, reference: str, api: str = "") -> tuple[str, Body] | None:
        """The REST resource that a URL, a partial URL or a full name means: its key and body.

        Args:
            reference: The hosts `www.googleapis.com` and `compute.googleapis.com` are the same.
            api: Look at its collections only.
        """
        name = self.full_name(reference)
        for table in self._store.sizes(f"{TABLES}{api}/" if api else TABLES):
            resources = self._store.json_table(table)
            if name in resources:
                return name, resources[name]
        return None

    def link(self, full_name: str) -> str:
        """The selfLink of a Compute Engine resource."""
        return COMPUTE + full_name

    def stored(self, table: str, name: str) -> bool:
        """Whether the gRPC side has that resource: of "services", "jobs", "secrets", …"""
        return self._store.has(table, name)

    def services(self) -> Mapping[str, run_v2.Service]:
        """All Cloud Run services by full name."""
        return self._services() if self._services is not None else {}

    def jobs(self) -> Mapping[str, run_v2.Job]:
        """All Cloud Run jobs by full name."""
        return self._jobs() if self._jobs is not None else {}

    def sql_instances(self) -> tuple[Any, ...]:
        """All Cloud SQL instances."""
        return tuple(self._sql_instances().values()) if self._sql_instances is not None else ()

    def _member_exists(self, member: str) -> bool:
        """Whether a member may be in a policy: a service account of the sandbox must be there."""
        account = ACCOUNT.fullmatch(member)
        if account is None or account["project"] not in self.projects:
            return True
        name = f"projects/{account['project']}/serviceAccounts/{account['email']}"
        return name in self.table("iam", "projects.serviceAccounts")
