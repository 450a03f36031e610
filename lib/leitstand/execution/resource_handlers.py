"""Handlers that make and change resources of any kind, as the table of kinds says."""

from collections.abc import Mapping
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import AlreadyThere, Busy, Conflict, NotFound
from leitstand.cloud.resources import Resources
from leitstand.core.difference import Body, Difference, conflicts, differences
from leitstand.core.errors import LeitstandError, RunFailed
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind, Operation
from leitstand.core.nested import value_at
from leitstand.core.patching import laid, patch
from leitstand.core.plan import Action
from leitstand.core.readiness import broken, ready
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.placeholders import Placeholders
from leitstand.execution.resource_waiting import ResourceWaiting

__all__ = ["ChangedByHand", "resource_handlers"]

_TRIES = 4
"""How often an update is tried when the version that it was based on is gone already."""
_LOOKS = 5
"""How often a change that is done is looked for; reads may lag a little behind."""


class ChangedByHand(Conflict):
    """A field was changed since the plan, and not to what is wanted.

    Attributes:
        differences: What is there now.
    """

    def __init__(self, what: str, found: tuple[Difference, ...]) -> None:
        paths = ", ".join(difference.path for difference in found)
        RunFailed.__init__(
            self,
            f"{what} wurde seit dem Plan von Hand geändert: {paths}.",
            "Prüfen Sie, wer das war, und starten Sie das Runbook neu.",
        )
        self.what = what
        self.reason = paths
        self.differences = found


def resource_handlers(
    connection: Connection, names: Mapping[str, str], *, deadline: float
) -> dict[str, Handler]:
    """Return the handlers of resources by kind of action.

    Args:
        connection: Where to act.
        names: Full names of all wanted resources by key; placeholders refer to them.
        deadline: Seconds that one change may take.
    """
    tools = _Tools(connection, names, deadline)
    return {
        "create_resource": _Create(tools),
        "update_resource": _Update(tools),
        "replace_resource": _Replace(tools),
    }


class _Tools:
    """What all handlers share."""

    def __init__(self, connection: Connection, names: Mapping[str, str], deadline: float) -> None:
        self.resources = Resources(connection)
        self.waiting = ResourceWaiting(connection, deadline)
        self.placeholders = Placeholders(connection, names)

    def read(self, action: Action) -> Body | None:
        arguments = action.arguments
        return self.resources.read(_kind(action), action.target, arguments["wanted"])

    def different(self, action: Action) -> tuple[Difference, ...]:
        """Return the stated fields that are not as stated; all of them where nothing exists."""
        wanted = self.placeholders.outputs(action.arguments["wanted"])
        return differences(_kind(action), wanted, self.read(action) or {})

    def create(self, action: Action) -> str:
        """Start a creation; one that exists as wanted was made before this run lost its answer.

        Raises:
            ChangedByHand: somebody made it since the plan, and otherwise.
        """
        kind, arguments = _kind(action), action.arguments
        body = laid(kind, arguments.get("initial", {}), arguments["wanted"])
        resolved = self.placeholders.resolved(body)
        try:
            return self.waiting.start(
                lambda: self.resources.start_create(
                    kind, arguments["id"], action.target, resolved.body
                )
            )
        except AlreadyThere:
            if different := self.different(action):
                raise ChangedByHand(_title(action), different) from None
            return ""
        except LeitstandError as error:
            hidden = resolved.hidden(error)
            if hidden is error:
                raise
            raise hidden from None

    def exists(self, action: Action, operation: str, verb: str, watch: Watch) -> Body:
        """Wait until a resource exists and is ready for use; return it."""
        kind, what = _kind(action), _what(action, verb)
        self.waiting.operation(action, kind, operation, what, watch)
        found: list[Body] = []

        def usable() -> bool:
            body = self.read(action)
            if body is None:
                return False
            if state := broken(kind, body):
                raise ActionFailed(action.id, f"{what} ist fehlgeschlagen: {state}")
            found[:] = [body]
            return ready(kind, body)

        self.waiting.until(action, usable, what, watch)
        return found[0]


class _Create:
    """Makes a resource that does not exist."""

    def __init__(self, tools: _Tools) -> None:
        self._tools = tools

    def reached(self, action: Action) -> bool:
        return self._tools.read(action) is not None

    def start(self, action: Action, etag: str) -> str:
        return self._tools.create(action)

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        return _evidence(action, self._tools.exists(action, operation, "Anlegen", watch))


class _Update:
    """Changes the fields of a resource that are not as stated."""

    def __init__(self, tools: _Tools) -> None:
        self._tools = tools

    def reached(self, action: Action) -> bool:
        return self._tools.read(action) is not None and not self._tools.different(action)

    def start(self, action: Action, etag: str) -> str:
        return self._tools.waiting.start(lambda: self._start(action))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        tools, kind, what = self._tools, _kind(action), _what(action, "Ändern")
        found = tools.exists(action, operation, "Ändern", watch)
        looks = 0
        known = bool(operation) or kind.operation is Operation.NONE

        def as_wanted() -> bool:
            nonlocal looks
            looks += 1
            different = tools.different(action)
            if different and known and looks >= _LOOKS:
                paths = ", ".join(difference.path for difference in different)
                raise ActionFailed(action.id, f"{what}: Noch nicht wie gewünscht: {paths}")
            return not different

        tools.waiting.until(action, as_wanted, what, watch)
        return _evidence(action, tools.read(action) or found)

    def _start(self, action: Action) -> str:
        """Start the update on what is there now; where that is outdated already, look again."""
        tools, kind = self._tools, _kind(action)
        wanted = tools.placeholders.outputs(action.arguments["wanted"])
        for attempt in range(1, _TRIES + 1):
            found = tools.read(action)
            if found is None:
                raise NotFound(_what(action, "Ändern"), "Die Ressource gibt es nicht.")
            before = action.arguments.get("before")
            if before is not None and (changed := conflicts(kind, wanted, before, found)):
                raise ChangedByHand(_title(action), changed)
            if not differences(kind, wanted, found):
                return ""
            version = value_at(found, kind.version) if kind.version else None
            try:
                return tools.resources.start_update(
                    kind, action.target, patch(kind, wanted, found), version
                )
            except Busy:
                raise
            except Conflict:
                if attempt == _TRIES:
                    raise
        raise AssertionError("unreachable")


class _Replace:
    """Deletes a resource that cannot be changed in place, and makes it anew."""

    def __init__(self, tools: _Tools) -> None:
        self._tools = tools

    def reached(self, action: Action) -> bool:
        return self._tools.read(action) is not None and not self._tools.different(action)

    def start(self, action: Action, etag: str) -> str:
        tools, kind = self._tools, _kind(action)
        found = tools.read(action)
        if found is not None:
            wanted = tools.placeholders.outputs(action.arguments["wanted"])
            before = action.arguments.get("before")
            if before is not None and (changed := conflicts(kind, wanted, before, found)):
                raise ChangedByHand(_title(action), changed)
            self._delete(action)
        return tools.create(action)

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        return _evidence(action, self._tools.exists(action, operation, "Ersetzen", watch))

    def _delete(self, action: Action) -> None:
        tools, kind = self._tools, _kind(action)
        try:
            operation = tools.waiting.start(
                lambda: tools.resources.start_delete(kind, action.target)
            )
        except NotFound:
            return
        quiet: Watch = lambda _: None  # noqa: E731
        what = _what(action, "Löschen")
        tools.waiting.operation(action, kind, operation, what, quiet)
        tools.waiting.until(action, lambda: tools.read(action) is None, what, quiet)


def _kind(action: Action) -> Kind:
    return KINDS[action.arguments["kind"]]


def _title(action: Action) -> str:
    return f"{_kind(action).title} {action.arguments['id']}"


def _what(action: Action, verb: str) -> str:
    return f"{verb} von {_title(action)}"


def _evidence(action: Action, found: Body) -> dict[str, Any]:
    evidence = {"name": action.target}
    return {**evidence, "etag": found["etag"]} if found.get("etag") else evidence
