"""The methods that every collection has: get, list, create, patch, update, delete."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.rest import changes, wording
from leitstand.sandbox.rest.collection import Body, Call
from leitstand.sandbox.rest.discovery import Method
from leitstand.sandbox.rest.listing import matching, page_of
from leitstand.sandbox.rest.names import within
from leitstand.sandbox.rest.operations import Begun, RestOperations
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.served import Entry, Served, style_of

__all__ = ["Verbs"]

Verb = Callable[[Entry, Method, Call], Awaitable[Body]]


class Verbs:
    """Serves one API.

    Args:
        served: The API.
        park: The sandbox around it.
        operations: Run what takes time.
    """

    def __init__(self, served: Served, park: Park, operations: RestOperations) -> None:
        self._served = served
        self._park = park
        self._operations = operations
        # Full names of resources on which an operation is under way.
        self._busy: set[str] = set()

    def find(self, verb: str) -> Verb | None:
        """The method of that name, where it is one that every collection has."""
        known: dict[str, Verb] = {
            "get": self._get,
            "list": self._list,
            "aggregatedList": self._aggregated,
            "insert": self._create,
            "create": self._create,
            "patch": self._change,
            "update": self._change,
            "delete": self._delete,
        }
        return known.get(verb)

    async def own(self, entry: Entry, method: Method, call: Call) -> Body:
        """A method of the kind's own, as an operation where the document wants one."""
        own = entry.custom[method.verb]
        if style_of(self._served.document, method) == "plain":
            return await own(call)
        self._check_free(entry, call.name)

        async def response() -> Body:
            return await own(call)

        body = entry.kind.table.get(call.name, {})
        return await self._begin(entry, method, call, body, response(), early=True)

    async def _get(self, entry: Entry, method: Method, call: Call) -> Body:
        return copy.deepcopy(entry.kind.existing(call.name))

    async def _list(self, entry: Entry, method: Method, call: Call) -> Body:
        table = entry.kind.table
        names = sorted(name for name in table if within(name, call.name))
        if text := call.params.get("filter"):
            fits = matching(text)
            names = [name for name in names if fits(table[name])]
        if call.params.get("orderBy", "name") != "name":
            raise invalid("The sandbox lists resources by their names only.", "orderBy")
        shown, token = page_of(names, call.params)
        schema = self._served.document.schemas[method.response]
        field, allowed = self._items(entry, schema)
        answer: Body = {}
        if "default" in schema["properties"].get("kind", {}):
            answer["kind"] = schema["properties"]["kind"]["default"]
        if shown:
            answer[field] = [_reduced(table[name], allowed) for name in shown]
        if token:
            answer["nextPageToken"] = token
        return answer

    async def _aggregated(self, entry: Entry, method: Method, call: Call) -> Body:
        """What there is in all regions and globally, grouped by where it is; on one page."""
        path = entry.kind.path
        everywhere = self._park.table(entry.kind.api, f"global{path[0].upper()}{path[1:]}")
        project = "/".join(call.name.split("/")[:2])
        items: dict[str, dict[str, list[Body]]] = {}
        for table in (entry.kind.table, everywhere):
            for name in sorted(table):
                if within(name, project):
                    place = name.removeprefix(f"{project}/").rsplit("/", 2)[0]
                    group = items.setdefault(place, {path: []})
                    group[path].append(copy.deepcopy(table[name]))
        schema = self._served.document.schemas[method.response]
        return {"kind": schema["properties"]["kind"]["default"], "items": items}

    async def _create(self, entry: Entry, method: Method, call: Call) -> Body:
        kind = entry.kind
        resource = changes.without_nulls(self._unwrapped(entry, method, call))
        name = kind.identify(call, resource)
        if name in kind.table:
            raise wording.taken(kind, name)
        body: Body = resource
        fields = entry.fields.get("properties", {})
        named = kind.id_from != "name" or entry.template.whole(call.name)
        if named and "name" in fields:
            body["name"] = name
        if "default" in fields.get("kind", {}):
            body["kind"] = fields["kind"]["default"]
        self._renew(entry, body)
        kind.check(name, body, None)
        kind.complete(name, body, None)
        # From here on the name is taken: of several clients at once, one wins.
        kind.table[name] = body

        async def settle() -> Body:
            try:
                await kind.settle(name, body, None)
            except BaseException:
                kind.table.pop(name, None)
                raise
            kind.table[name] = body
            return kind.shown(call, copy.deepcopy(body), None)

        return await self._begin(entry, method, call, body, settle(), name=name, creates=True)

    async def _change(self, entry: Entry, method: Method, call: Call) -> Body:
        kind = entry.kind
        before = kind.existing(call.name)
        self._check_free(entry, call.name)
        change = self._unwrapped(entry, method, call)
        given = change.get(kind.versioned) if kind.versioned else None
        if kind.by_header:
            given = None if call.if_match == "*" else call.if_match
        if given and given != before.get(kind.versioned):
            raise wording.stale(kind, call.name)
        after = self._changed(entry, method, call, before, change)
        for field in changes.changed_paths(before, after, kind.immutable):
            raise wording.fixed(kind, field)
        self._renew(entry, after)
        kind.check(call.name, after, before)
        kind.complete(call.name, after, before)

        async def settle() -> Body:
            await kind.settle(call.name, after, before)
            kind.table[call.name] = after
            return kind.shown(call, copy.deepcopy(after), before)

        return await self._begin(entry, method, call, after, settle())

    async def _delete(self, entry: Entry, method: Method, call: Call) -> Body:
        kind = entry.kind
        body = kind.existing(call.name)
        self._check_free(entry, call.name)
        given = call.params.get("etag")
        if given and kind.versioned and given != body.get(kind.versioned):
            raise wording.stale(kind, call.name)

        async def remove() -> Body:
            await kind.remove(call.name, body)
            kind.table.pop(call.name, None)
            self._park.policies.forget(call.name)
            return {}

        return await self._begin(entry, method, call, body, remove(), early=True)

    async def _begin(
        self,
        entry: Entry,
        method: Method,
        call: Call,
        body: Body,
        work: Coroutine[Any, Any, Body],
        *,
        name: str = "",
        creates: bool = False,
        early: bool = False,
    ) -> Body:
        """Do the work, as an operation where the document wants one; the resource is busy till."""
        name = name or call.name

        async def busily() -> Body:
            try:
                return await work
            finally:
                self._busy.discard(name)

        # A method of a parent (`services:batchEnable`) makes nothing busy.
        if entry.template.whole(name):
            self._busy.add(name)
        document = self._served.document
        style = style_of(document, method)
        if style == "plain":
            return await self._operations.run(busily())
        deleted = method.verb == "delete"
        begun = Begun(
            style=style,
            api=document.name,
            version=document.version,
            verb=method.verb,
            parent=_scope(name) if style == "compute" else self._served.operations_parent(name),
            target=name,
            target_id=str(body.get("id", "")),
            response="" if deleted else entry.schema,
            request=call.params.get("requestId", ""),
            creates=entry.kind.path if creates else "",
        )
        return await self._operations.start(begun, busily(), early=early)

    def _check_free(self, entry: Entry, name: str) -> None:
        if name in self._busy:
            raise wording.busy(entry.kind, name)

    def _unwrapped(self, entry: Entry, method: Method, call: Call) -> Body:
        """The resource in the body of a create or a change."""
        schema = self._served.document.schemas.get(method.request, {})
        if entry.kind.wrapped and entry.kind.wrapped in schema.get("properties", {}):
            return dict(call.body.get(entry.kind.wrapped) or {})
        return dict(call.body)

    def _changed(
        self, entry: Entry, method: Method, call: Call, before: Body, change: Body
    ) -> Body:
        mask = call.params.get("updateMask") or ""
        if change is not call.body:
            mask = mask or str(call.body.get("updateMask") or "")
        if method.http == "PUT":
            return changes.replaced(before, change, entry.fields)
        if mask:
            return changes.masked(before, change, mask, entry.fields)
        described = method.parameters.get("updateMask", {}).get("description", "")
        if described.startswith("Required."):
            raise invalid("update_mask is required", "updateMask")
        name = {"name": before["name"]} if "name" in before else {}
        return {**changes.merged(before, change), **name}

    def _renew(self, entry: Entry, body: Body) -> None:
        if entry.kind.versioned:
            body[entry.kind.versioned] = changes.fingerprint()

    def _items(self, entry: Entry, schema: Any) -> tuple[str, frozenset[str]]:
        """The field of a list's answer that holds the resources, and the fields that those have."""
        for field, content in schema["properties"].items():
            items = content.get("items", {})
            item = self._served.document.schemas.get(items.get("$ref", ""), items)
            if field == entry.kind.items or (not entry.kind.items and item.get("properties")):
                return field, frozenset(item.get("properties", ()))
        raise ValueError(f"{entry.kind.path}: no field of the list holds its resources")


def _reduced(body: Body, allowed: frozenset[str]) -> Body:
    return {name: value for name, value in copy.deepcopy(body).items() if name in allowed}


def _scope(name: str) -> str:
    """Where Compute Engine keeps the operations on a resource."""
    parts = name.split("/")
    if len(parts) > 4 and parts[2] in ("regions", "zones"):
        return "/".join(parts[:4])
    return "/".join([*parts[:2], "global"])
