"""The methods of operations themselves: get, list, wait, delete, cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from leitstand.sandbox.errors import not_found
from leitstand.sandbox.rest.collection import Body, Call
from leitstand.sandbox.rest.discovery import Method
from leitstand.sandbox.rest.listing import matching, page_of
from leitstand.sandbox.rest.operations import RestOperations
from leitstand.sandbox.rest.served import Served

__all__ = ["OperationMethods"]

# Collections of Compute Engine, and where their operations are kept.
SCOPES = {
    "globalOperations": "projects/{project}/global",
    "regionOperations": "projects/{project}/regions/{region}",
    "zoneOperations": "projects/{project}/zones/{zone}",
}


class OperationMethods:
    """Serves the operations of one API.

    Args:
        served: The API.
        operations: All operations.
    """

    def __init__(self, served: Served, operations: RestOperations) -> None:
        self._api = served.document.name
        self._operations = operations

    def find(self, method: Method) -> Callable[[Call], Awaitable[Body]] | None:
        """What serves a method, where it is one of operations."""
        last = method.collection.rpartition(".")[2]
        if last != "operations" and last not in SCOPES:
            return None
        known: dict[str, Callable[[Call], Awaitable[Body]]] = {
            "get": self._get,
            "list": self._list,
            "wait": self._wait,
            "delete": self._delete,
        }
        return known.get(method.verb)

    async def _get(self, call: Call) -> Body:
        return _found(self._operations.get(self._api, _name(call)), call)

    async def _wait(self, call: Call) -> Body:
        return _found(await self._operations.wait(self._api, _name(call)), call)

    async def _delete(self, call: Call) -> Body:
        if not self._operations.forget(self._api, _name(call)):
            raise not_found(_name(call), "Operation")
        return {}

    async def _list(self, call: Call) -> Body:
        collection = call.method.split(".")[-2]
        field = "operations" if collection == "operations" else "items"
        if collection == "operations":
            name = call.params.get("name", "")
            prefix = f"{name}/operations/" if name not in ("", "operations") else "operations/"
        else:
            prefix = SCOPES[collection].format(**call.params) + "/operations/"
        names = [name for name in self._operations.names(self._api) if name.startswith(prefix)]
        found = {name: self._operations.get(self._api, name) or {} for name in names}
        if text := call.params.get("filter"):
            fits = matching(text)
            names = [name for name in names if fits(found[name])]
        shown, token = page_of(names, call.params)
        answer: Body = {field: [found[name] for name in shown]} if shown else {}
        return answer | ({"nextPageToken": token} if token else {})


def _name(call: Call) -> str:
    """Full name of the operation that a call means."""
    scope = SCOPES.get(call.method.split(".")[-2])
    if scope is None:
        return call.params["name"]
    return f"{scope.format(**call.params)}/operations/{call.params['operation']}"


def _found(operation: Body | None, call: Call) -> Body:
    if operation is None:
        raise not_found(_name(call), "Operation")
    return operation
