"""Kinds of resources: what a provisioning must know of each, as data.

A further kind is one more entry of the table in ``core/kind_table.py``; no code knows a kind.
Names of methods, fields and parameters are those of Google's discovery documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any

__all__ = ["STEP_TITLES", "Kind", "Lists", "Operation", "Resource", "Step", "is_reference"]


class Step(IntEnum):
    """The steps of the production page, in their order."""

    NETWORK = 1
    DATABASE = 2
    REDIS = 3
    SECRETS = 4
    SERVICES = 5
    IDENTITY = 6
    OPERATIONS = 7


class Operation(Enum):
    """How an API tells that a change is done.

    Attributes:
        NONE: The answer is the changed resource itself.
        GOOGLE: ``google.longrunning``: ``done`` with ``error`` or ``response``.
        COMPUTE: Compute Engine: ``status`` is ``DONE``, problems stand in ``error.errors``.
        SQL: Cloud SQL: like Compute Engine, but one at a time for each instance.
    """

    NONE = "none"
    GOOGLE = "google"
    COMPUTE = "compute"
    SQL = "sql"


STEP_TITLES: Mapping[Step, str] = {
    Step.NETWORK: "Netz",
    Step.DATABASE: "Cloud SQL",
    Step.REDIS: "Memorystore",
    Step.SECRETS: "Secrets",
    Step.SERVICES: "Dienste und Load Balancer",
    Step.IDENTITY: "Pipeline",
    Step.OPERATIONS: "Betrieb",
}
"""What each step is called, in German."""

Lists = Mapping[str, str]


@dataclass(frozen=True)
class Kind:
    """One kind of resource.

    Attributes:
        name: As environment files write it, e.g. ``compute.networks``.
        title: German name of one such resource.
        api: The discovery document, e.g. ``compute.v1``.
        collection: Where its methods stand in that document, e.g. ``projects.locations.instances``.
        path: Full name: ``{project}``, ``{number}`` and ``{region}`` of the environment, ``{0}``,
            ``{1}`` … the parts of the id between slashes.
        step: Where it belongs in the order of the production page.
        of: Kind of the resource that it is a part of (its access policy, for instance); it has that
            resource's id and goes without a name of its own.
        read: Method that reads one; a missing resource answers 404.
        create: Method that makes one; empty where it always exists.
        update: Method that changes one in place; empty where there is none.
        delete: Method that deletes one.
        built_in: Ids that every project has from the start, so that they are never created.
        id_parameter: Query parameter of ``create`` that takes the id.
        id_field: Field of the body that takes the id instead.
        found_by: Field that holds the id, where the API gives names of its own: the resource is
            looked up in the list by it before it is read, changed or deleted.
        create_query: Further query parameters of ``create``; ``{project}`` is the environment's.
        wrapper: Field of the request in which ``create`` and ``update`` expect the body.
        operation: How the API tells that a change is done.
        state: Field, and its values that show a resource ready for use; empty where existing is
            enough.
        version: Field that carries the version to be sent back (``etag``, ``fingerprint``).
        masked: Whether ``update`` takes an ``updateMask``.
        whole: Whether ``update`` expects the whole body and not only what changes.
        immutable: Dotted paths that cannot be changed in place.
        lists: By dotted path of a list: the field by which its objects are matched, or ``""``
            where the stated members must be among those that are there, or ``"#"`` where they are
            matched by position. Several key fields are divided by commas; ``"{}"`` marks a map,
            which a mask names whole.
            Other lists are compared whole.
        ranges: By dotted path: smallest and largest value that the API accepts, both included.
        forget_on_update: Dotted paths that must not be sent back on an update.
        holds_data: Whether a replacement would lose data; it is then never planned.
        slow: Whether a change takes minutes, so that it is started as early as possible.
    """

    name: str
    title: str
    api: str
    collection: str
    path: str
    step: Step
    of: str = ""
    read: str = "get"
    create: str = "create"
    update: str = "patch"
    delete: str = "delete"
    built_in: tuple[str, ...] = ()
    id_parameter: str = ""
    id_field: str = ""
    found_by: str = ""
    create_query: Mapping[str, str] = field(default_factory=dict)
    wrapper: str = ""
    operation: Operation = Operation.NONE
    state: tuple[str, ...] = ()
    version: str = ""
    masked: bool = False
    whole: bool = False
    immutable: tuple[str, ...] = ()
    lists: Lists = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    forget_on_update: tuple[str, ...] = ()
    holds_data: bool = False
    slow: bool = False

    def full_name(self, id: str, *, project: str, number: str, region: str) -> str:
        """Return the full name of the resource with that id."""
        return self.path.format(*id.split("/"), project=project, number=number, region=region)


@dataclass(frozen=True)
class Resource:
    """A resource that is wanted.

    Attributes:
        kind: Its kind.
        id: Its id within the kind, as the environment file writes it.
        name: Its full name, as its API writes it.
        body: The stated fields, as JSON values in the API's names; references to fields that are
            known only after creation stand as ``${kind/id#field}``.
        initial: Further fields that only a creation sends; they are never compared.
        after: Keys (``kind/id``) of what must exist before it.
    """

    kind: Kind
    id: str
    name: str
    body: Mapping[str, Any]
    initial: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``kind/id``: unique within an environment."""
        return f"{self.kind.name}/{self.id}"


def is_reference(value: object) -> bool:
    """Return whether a value holds a reference that is known only when the plan is applied."""
    return isinstance(value, str) and "${" in value
