"""What was really observed of an environment: the evidence that rules look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from leitstand.core.hardening.rule import Finding
from leitstand.core.kind_table import KINDS
from leitstand.core.names import short_name
from leitstand.core.nested import value_at

__all__ = [
    "LISTINGS",
    "Body",
    "Estate",
    "Item",
    "Listing",
    "Policy",
    "at",
    "number",
    "relative",
]

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Listing:
    """How to list everything of a kind that exists, wanted or not.

    Attributes:
        kind: Under which name ``Estate.listed`` holds it.
        api: The discovery document.
        collection: Where the method stands in that document.
        parent: Name of what holds it, with ``{project}``, ``{number}`` and ``{region}``;
            ``{account}`` stands for every service account of the project in turn.
        items: Field of the answer that holds the resources.
        method: The method that lists; ``aggregatedList`` groups its items by location.
    """

    kind: str
    api: str
    collection: str
    parent: str
    items: str
    method: str = "list"


_REGION = "projects/{project}/locations/{region}"

LISTINGS: tuple[Listing, ...] = (
    Listing("run.services", "run.v2", "projects.locations.services", _REGION, "services"),
    Listing("run.jobs", "run.v2", "projects.locations.jobs", _REGION, "jobs"),
    Listing("sql.instances", "sqladmin.v1", "instances", "projects/{project}", "items"),
    Listing(
        "redis.instances", "redis.v1", "projects.locations.instances",
        "projects/{project}/locations/-", "instances",
    ),
    Listing(
        "compute.forwardingRules", "compute.v1", "forwardingRules", "projects/{project}", "items",
        "aggregatedList",
    ),
    Listing(
        "secretmanager.secrets", "secretmanager.v1", "projects.secrets", "projects/{project}",
        "secrets",
    ),
    Listing("logging.sinks", "logging.v2", "projects.sinks", "projects/{project}", "sinks"),
    Listing(
        "iam.keys", "iam.v1", "projects.serviceAccounts.keys",
        "projects/{project}/serviceAccounts/{account}", "keys",
    ),
    Listing(
        "cloudscheduler.jobs", "cloudscheduler.v1", "projects.locations.jobs", _REGION, "jobs"
    ),
)  # fmt: skip
"""What ``Estate.listed`` should hold; a rule says so where a listing it needs is missing."""


@dataclass(frozen=True)
class Policy:
    """What an environment is called and which of the document's choices it made.

    Thresholds do not stand here: they belong to the rules.

    Attributes:
        domain: Host name under which the application is published.
        gui_domain: Host name of LiteLLM's GUI, where it is published; else empty.
        repository: Where images come from, as ``HOST/PROJECT/REPOSITORY``.
        pipeline: E-mail address of the pipeline's service account.
        web: Id of the web service.
        worker: Id of the worker service.
        beat: Id of the beat service.
        litellm: Id of the LiteLLM service.
        migrate: Id of the migrate job.
        litellm_access: Who reaches LiteLLM: an IAP group, or only the VPC.
        databases: The database of the application, and that of LiteLLM.
        snapshot_export: How often Memorystore is to be exported.
        tenant_sampling: Documented sampling rates of Langfuse for single tenants.
    """

    domain: str
    repository: str
    pipeline: str
    gui_domain: str = ""
    web: str = "web"
    worker: str = "worker"
    beat: str = "beat"
    litellm: str = "litellm"
    migrate: str = "migrate"
    litellm_access: Literal["iap_group", "vpc_only"] = "iap_group"
    databases: tuple[str, str] = ("app", "litellm")
    snapshot_export: Literal["daily", "weekly", "none"] = "weekly"
    tenant_sampling: Mapping[str, float] = field(default_factory=dict)

    @property
    def domains(self) -> tuple[str, ...]:
        """All host names that are published."""
        return tuple(name for name in (self.domain, self.gui_domain) if name)


@dataclass(frozen=True)
class Item:
    """One resource that exists: its kind, id, full name and body."""

    kind: str
    id: str
    name: str
    body: Body

    @property
    def key(self) -> str:
        """``kind/id``."""
        return f"{self.kind}/{self.id}"

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value at a dotted path of the body."""
        return at(self.body, path, default)

    def finding(self, path: str, found: Any, expected: Any, evidence: str) -> Finding:
        """Return a finding about this resource."""
        return Finding(self.key, self.name, path, found, expected, evidence)


@dataclass(frozen=True)
class Estate:
    """Everything that was observed of an environment; the rules read nothing else.

    Attributes:
        project: Project id.
        number: Project number.
        region: Region of the environment.
        policy: What is called how, and which choices were made.
        found: Body by key (``kind/id``); anything but a mapping means that it is missing or could
            not be read.
        listed: By kind: everything that exists, wanted or not; a kind that is absent was not
            listed. ``LISTINGS`` says which.
        names: Full names by key, where a resource belongs to another project or region.
        images: Whether an image, written with its digest, carries a valid signature; ``None``
            where no signature was looked at.
    """

    project: str
    number: str
    region: str
    policy: Policy
    found: Mapping[str, object]
    listed: Mapping[str, tuple[Body, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, bool] | None = None

    def all(self, kind: str) -> tuple[Item, ...]:
        """Return everything of a kind that was seen, the wanted resources first."""
        items: dict[str, Item] = {}
        for key, body in self.found.items():
            found_kind, _, part = key.partition("/")
            if found_kind == kind and isinstance(body, Mapping):
                name = self.names.get(key) or self._full_name(kind, part)
                items[name] = Item(kind, part, name, body)
        for body in self.listed.get(kind, ()):
            name = self._name(kind, body)
            items.setdefault(name, Item(kind, short_name(name), name, body))
        return tuple(items.values())

    def get(self, kind: str, id: str) -> Item | None:
        """Return one resource, or ``None`` where it was not seen."""
        return next((item for item in self.all(kind) if item.id == id), None)

    def missing(self, path: str, expected: Any, evidence: str) -> Finding:
        """Return a finding about something that the project lacks as a whole."""
        name = f"projects/{self.project}"
        return Finding(name, name, path, None, expected, evidence)

    def unobserved(self, item: Item | None, path: str, expected: Any, evidence: str) -> Finding:
        """Return that evidence is missing, for one resource or for the whole project."""
        name = f"projects/{self.project}"
        key, resource = (item.key, item.name) if item else (name, name)
        return Finding(key, resource, path, None, expected, evidence, observed=False)

    def _name(self, kind: str, body: Body) -> str:
        if "selfLink" in body:
            return relative(body["selfLink"])
        name = str(body.get("name", ""))
        if "/" in name or kind not in KINDS:
            return name
        return self._full_name(kind, name)

    def _full_name(self, kind: str, id: str) -> str:
        return KINDS[kind].full_name(
            id, project=self.project, number=self.number, region=self.region
        )


def at(body: object, path: str, default: Any = None) -> Any:
    """Return the value at a dotted path, or ``default`` where there is none."""
    found = value_at(body, path)
    return default if found is None else found


def number(value: object, default: float = 0) -> float:
    """Return a JSON number or the text of one (int64) as number; absent ones are ``default``."""
    try:
        return float(value)  # type: ignore[arg-type]  # anything else is refused below
    except (TypeError, ValueError):
        return default


def relative(url: object) -> str:
    """Return a compute URL, whole or partial, as full name (``projects/…``)."""
    text = str(url or "")
    start = text.find("projects/")
    return text[start:] if start >= 0 else text
