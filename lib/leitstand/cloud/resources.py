"""Reads and changes resources of any kind over REST, by the columns of the table of kinds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.documents import Method
from leitstand.cloud.errors import ApiDisabled, CloudRefused, NotFound
from leitstand.cloud.rest import Body, Rest
from leitstand.core.kinds import Kind, Operation
from leitstand.core.patching import Patch

__all__ = ["OperationState", "Resources"]

_VERSION_PARAMETERS = ("options.requestedPolicyVersion", "optionsRequestedPolicyVersion")
_POLICY_VERSION = 3
"""Of IAM policies: the one that shows conditions, https://cloud.google.com/iam/docs/policies."""

_BY_HEADER = ("bigquery.v2",)
"""APIs that compare a version in the header If-Match only, not in the body.

Source: https://cloud.google.com/bigquery/docs/reference/rest, field ``etag`` is an output.
"""

_PAGE = 1000
"""Resources on one page of a list that is searched."""


@dataclass(frozen=True)
class OperationState:
    """Whether an operation is done, and with which error, if any."""

    done: bool
    error: str = ""


class Resources:
    """Reads and changes resources; each method is one call.

    Names are full names as the APIs write them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def _rest(self) -> Rest:
        return self._connection.rest  # its import takes long, so it is not asked for before a call

    def read(self, kind: Kind, name: str, stated: Mapping[str, Any]) -> Body | None:
        """Return a resource, or ``None`` where there is none; read-only.

        Args:
            kind: Its kind.
            name: Its full name.
            stated: What is wanted of it: a kind that is read from a list is found by the
                fields that the list takes as parameters.

        Raises:
            PermissionDenied: the identity may not read it.
            CloudUnreachable: no answer.
        """
        method = self._method(kind, kind.read)
        body: Body = {}
        query: Body = {}
        if kind.read == "list":
            query = {key: value for key, value in stated.items() if method.takes(key)}
        takes = [name for name in _VERSION_PARAMETERS if method.takes(name)]
        if takes:
            query[takes[0]] = _POLICY_VERSION
        elif "options" in self._fields(kind, method.request):
            body = {"options": {"requestedPolicyVersion": _POLICY_VERSION}}
        try:
            if kind.found_by:
                return self._find(kind, name)
            found = self._call(kind, kind.read, name, _what(kind, name, "lesen"), body, query)
        except (ApiDisabled, NotFound):
            return None
        if kind.read != "list":
            return found
        listed = [item for value in found.values() if isinstance(value, list) for item in value]
        return listed[0] if listed else None

    def start_create(self, kind: Kind, id: str, name: str, body: Mapping[str, Any]) -> str:
        """Start making a resource; return the operation's full name, if there is one.

        Fields of ``body`` that are shown by the API but not taken by a creation are not sent;
        texts where it expects bytes are encoded.

        Raises:
            AlreadyThere: the name is taken.
            Busy: another operation runs on the same resource.
            CloudRefused: the API said no.
            CloudUnreachable: no answer; the resource may have been made all the same.
        """
        method = self._method(kind, kind.create)
        short = id.rpartition("/")[2]
        project = self._connection.environment.project
        query = {key: value.format(project=project) for key, value in kind.create_query.items()}
        if kind.id_parameter:
            query[kind.id_parameter] = short
        sent = self._wrapped(kind, self._taken(kind, method, body))
        if kind.id_field and not method.names(name):
            _put(sent, kind.id_field, short)
        schema = {"$ref": method.request}
        sent = self._rest.document(kind.api).encoded(sent, schema)
        what = _what(kind, name, "anlegen")
        answer = self._call(kind, kind.create, name, what, sent, query)
        made = str(answer.get("name", "")).split("/")
        fits = len(made) != name.count("/") + 1 or made[-1] == name.rpartition("/")[2]
        fits = fits or bool(kind.found_by)
        if kind.operation is Operation.NONE and not fits:
            raise CloudRefused(
                what, f"Angelegt wurde {made[-1]}."
            )  # a version's number is Google's
        return _operation_name(kind, method, name, answer)

    def start_update(self, kind: Kind, name: str, patch: Patch, version: object = None) -> str:
        """Start changing a resource; return the operation's full name, if there is one.

        Args:
            kind: Its kind.
            name: Its full name.
            patch: What is changed.
            version: The version that was read, to be sent back where the kind has one.

        Raises:
            Busy: another operation runs on the same resource.
            Conflict: it has another version by now.
            CloudRefused: the API said no.
            CloudUnreachable: no answer; the resource may have been changed all the same.
        """
        method = self._method(kind, kind.update)
        query: Body = {}
        body, if_match = dict(patch.body), ""
        if kind.version and version is not None:
            if kind.api in _BY_HEADER:
                if_match = str(version)
            else:
                _put(body, kind.version, version)
        sent = self._wrapped(kind, body)
        if kind.masked and method.takes("updateMask"):
            query["updateMask"] = ",".join(patch.paths)
        elif kind.masked:
            sent["updateMask"] = ",".join(patch.paths)
        if not self._fields(kind, method.request):
            sent = {}  # such as the enabling of an API, which says it all by its name
        what = _what(kind, name, "ändern")
        own = self._own_name(kind, name, what)
        answer = self._call(kind, kind.update, own, what, sent, query, if_match)
        return _operation_name(kind, method, name, answer)

    def start_delete(self, kind: Kind, name: str) -> str:
        """Start deleting a resource; return the operation's full name, if there is one.

        Raises:
            Busy: another operation runs on it.
            CloudRefused: the API said no, for instance since the resource is in use.
            NotFound: there is none.
        """
        what = _what(kind, name, "löschen")
        answer = self._call(kind, kind.delete, self._own_name(kind, name, what), what)
        return _operation_name(kind, self._method(kind, kind.delete), name, answer)

    def operation(self, kind: Kind, name: str) -> OperationState:
        """Return the state of an operation; read-only.

        An operation that the API no longer knows is done; the resource tells with what result.
        """
        method = self._rest.document(kind.api).operation_method(name)
        if method is None:
            return OperationState(done=True)
        what = f"Operation {name.rpartition('/')[2]} lesen"
        try:
            found = self._rest.call(kind.api, method.collection, method.name, name, what=what)
        except NotFound:
            return OperationState(done=True)
        done = found.get("done", False) is True or found.get("status") == "DONE"
        return OperationState(done, _error(found))

    def auth_string(self, kind: Kind, name: str) -> str:
        """Return the AUTH string of a Redis instance; read-only. Never to be shown."""
        what = _what(kind, name, "AUTH lesen")
        found = str(self._call(kind, "getAuthString", name, what).get("authString", ""))
        self._connection.learn(found)
        return found

    def _find(self, kind: Kind, name: str) -> Body | None:
        """Return the resource that has the id in its field ``found_by``, from the list."""
        wanted = name.rpartition("/")[2]
        what = _what(kind, name, "suchen")
        query = {"pageSize": _PAGE}
        for answer in self._rest.pages(kind.api, kind.collection, name, what=what, query=query):
            for value in answer.values():
                for item in value if isinstance(value, list) else ():
                    if _at(item, kind.found_by) == wanted:
                        found: Body = item
                        return found
        return None

    def _own_name(self, kind: Kind, name: str, what: str) -> str:
        """Return the name that the API knows a resource by."""
        if not kind.found_by:
            return name
        found = self._find(kind, name)
        if found is None:
            raise NotFound(what, "Es gibt sie nicht.")
        return str(found["name"])

    def _method(self, kind: Kind, name: str) -> Method:
        return self._rest.document(kind.api).method(kind.collection, name)

    def _call(
        self,
        kind: Kind,
        method: str,
        name: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        if_match: str = "",
    ) -> Body:
        return self._rest.call(
            kind.api, kind.collection, method, name,
            what=what, body=body, query=query, if_match=if_match,
        )  # fmt: skip

    def _fields(self, kind: Kind, schema: str) -> frozenset[str]:
        return self._rest.document(kind.api).fields(schema)

    def _taken(self, kind: Kind, method: Method, body: Mapping[str, Any]) -> Body:
        """Leave out what only the answer shows; what neither knows stays, to be refused."""
        if kind.wrapper:
            return dict(body)
        taken = self._fields(kind, method.request)
        shown = self._fields(kind, self._method(kind, kind.read).response)
        return {key: value for key, value in body.items() if key in taken or key not in shown}

    @staticmethod
    def _wrapped(kind: Kind, body: Body) -> Body:
        return {kind.wrapper: body} if kind.wrapper else body


def _what(kind: Kind, name: str, verb: str) -> str:
    return f"{kind.title} {name.rpartition('/')[2]} {verb}"


def _at(body: Body, path: str) -> object:
    value: Any = body
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _put(body: Body, path: str, value: object) -> None:
    *above, last = path.split(".")
    for part in above:
        body[part] = dict(body.get(part) or {})
        body = body[part]
    body[last] = value


def _operation_name(kind: Kind, method: Method, name: str, answer: Body) -> str:
    """Return the full name of the operation that a call began; empty where it began none."""
    if kind.operation is Operation.NONE or not method.starts_operation:
        return ""
    operation = str(answer.get("name", ""))
    if kind.operation is Operation.COMPUTE:
        return f"{name.rsplit('/', 2)[0]}/operations/{operation}"
    if kind.operation is Operation.SQL:
        return f"{'/'.join(name.split('/')[:2])}/operations/{operation}"
    return operation


def _error(operation: Body) -> str:
    error = operation.get("error") or {}
    listed = error.get("errors") or ([error] if error else [])
    return "; ".join(str(e.get("message") or e.get("code")) for e in listed)
