"""One collection of REST resources: what every kind has in common, and what it may change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.rest import wording
from leitstand.sandbox.rest.changes import at
from leitstand.sandbox.rest.names import Template

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Body", "Call", "Collection", "Custom"]

Body = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One validated call, as a method of a kind sees it.

    Attributes:
        method: Its id in the discovery document, such as "redis.projects.locations.instances.get".
        params: What its path and query say, by parameter name; repeated ones joined by ",".
        body: The validated JSON of the request; {} where it has none.
        name: Full name of the resource, as the key of the table has it (project numbers replaced
            by ids); of the parent, where the path names no resource of the collection.
        if_match: The header If-Match of the request, or "".
    """

    method: str
    params: Mapping[str, str]
    body: Body
    name: str
    if_match: str = ""

    @property
    def verb(self) -> str:
        """The last part of the method's id: "insert", "getIamPolicy"."""
        return self.method.rpartition(".")[2]


Custom = Callable[[Call], Awaitable[Body]]


class Collection:
    """One collection of REST resources as the discovery document names it.

    The engine serves get, list, insert/create, patch, update and delete of it from the table
    `park.table(api, path)`; kinds override what differs. `check`, `complete` and `identify` run
    without a pause and before anything is stored; a stored resource has passed them.

    Attributes:
        api: Name of the API, such as "compute".
        path: Of the collection, such as "networks" or "projects.locations.instances".
        operations: What changes mostly answer: Compute Engine's operation, google.longrunning's,
            or the resource itself. Each method answers what the document says; this decides how
            refusals are worded.
        id_from: Where a create has its id: a query parameter's name ("instanceId"), or else a
            field of the body (dotted: "datasetReference.datasetId").
        wrapped: The field of the create's and the patch's body that holds the resource, where
            that is not the body itself ("serviceAccount", "topic").
        full_name: Key of the table, such as "projects/{project}/global/networks/{network}".
        items: The field of a list's answer that holds the resources; "" is the only array of
            objects that the document has in it.
        immutable: Dotted paths that PATCH and PUT refuse to change (400).
        versioned: "etag" or "fingerprint": gets a new value with every change; a stale one in a
            change is refused (412 conditionNotMet for Compute Engine, else ABORTED, 409).
        by_header: Whether a change says in its header If-Match which version it is based on, and
            not in its body (412 conditionNotMet).
    """

    api: ClassVar[str]
    path: ClassVar[str]
    operations: ClassVar[Literal["compute", "google", "plain"]] = "plain"
    id_from: ClassVar[str] = "name"
    wrapped: ClassVar[str] = ""
    full_name: ClassVar[str]
    items: ClassVar[str] = ""
    immutable: ClassVar[tuple[str, ...]] = ()
    versioned: ClassVar[str] = ""
    by_header: ClassVar[bool] = False

    def __init__(self, park: Park) -> None:
        self.park = park

    @property
    def table(self) -> MutableMapping[str, Body]:
        """The resources of this collection by full name; assign a changed one to have it saved."""
        return self.park.table(self.api, self.path)

    def existing(self, name: str) -> Body:
        """The resource of that full name, as the table has it.

        Raises:
            ApiError: NOT_FOUND.
        """
        if name not in self.table:
            raise wording.missing(self, name)
        return self.table[name]

    def identify(self, call: Call, resource: Body) -> str:
        """The full name that a create gives its resource; `call.name` is the parent.

        Raises:
            ApiError: INVALID_ARGUMENT, the id is missing.
        """
        template = Template(self.full_name)
        if template.whole(call.name):
            return call.name
        identity: Any = call.params.get(self.id_from)
        for content in () if identity else (resource, call.body):
            identity = identity or at(content, self.id_from)
        if not identity:
            raise invalid(f"Required field '{self.id_from}' not specified", self.id_from)
        return template.below(call.name, str(identity))

    def shown(self, call: Call, body: Body, before: Body | None) -> Body:
        """What a plain create or change answers: the resource, or what else the document says."""
        return body

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Refuse what Google refuses: missing references, bad ranges; `before` is None at a create.

        Raises:
            ApiError: The refusal.
        """

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Fill outputs and defaults in place: selfLink, id, address, state.

        `name` of the body is the full name already where the id is no field of it.
        """

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """Do the work of the change: start a process, move the front door; may change `body`.

        A create is in the table meanwhile, a change is not; an ApiError (the operation's error)
        takes the create out again and leaves the change undone.
        """

    async def remove(self, name: str, body: Body) -> None:
        """Undo what is behind the resource; called before it is deleted.

        Raises:
            ApiError: It is in use. At once, where raised before the first pause; else it is the
                operation's error.
        """

    async def start(self) -> None:
        """Bring back what is behind the stored resources: the sandbox starts again."""

    async def halt(self) -> None:
        """Begin no more work; the sandbox is about to stop."""

    async def close(self) -> None:
        """End what is behind the resources; the sandbox stops."""

    def custom(self) -> Mapping[str, Custom]:
        """Further methods by the last part of their ids: "enable", "getAuthString".

        Each returns its answer. Where the document says that the answer is an operation, it is
        run as one and returns the operation's response ({} for Compute Engine); an ApiError before
        its first pause refuses the call at once. A name of a generic method replaces that.
        """
        return {}
