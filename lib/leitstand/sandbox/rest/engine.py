"""Answers REST requests: finds the method, checks both ways, and asks what stands behind it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf import json_format

from leitstand.sandbox.errors import ApiError, invalid, not_found, unimplemented
from leitstand.sandbox.rest import validation
from leitstand.sandbox.rest.apis import VERSIONS
from leitstand.sandbox.rest.bridge import answered, bridged
from leitstand.sandbox.rest.bridge_methods import METHODS
from leitstand.sandbox.rest.changes import without_nulls
from leitstand.sandbox.rest.collection import Body, Call, Collection
from leitstand.sandbox.rest.discovery import Document, Method, load
from leitstand.sandbox.rest.operation_methods import OperationMethods
from leitstand.sandbox.rest.operations import RestOperations
from leitstand.sandbox.rest.parameters import checked
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.served import Entry, Served, kinds_of
from leitstand.sandbox.rest.serviceusage import ALWAYS, require_enabled
from leitstand.sandbox.rest.verbs import Verbs
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.store import Store, raw

__all__ = ["Engine", "Request"]

WITH_SERVERS = ("redis",)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    Attributes:
        http: Its method.
        api: Name of the API.
        path: Its path below the API's root, percent-encoded, without a leading "/".
        query: Its query's names and values, decoded.
        body: Its body.
        if_match: Its header If-Match, or "".
    """

    http: str
    api: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    if_match: str = ""


@dataclass(frozen=True)
class _Api:
    served: Served
    verbs: Verbs
    operations: OperationMethods


class Engine:
    """The REST side of one sandbox; belongs to one event loop.

    Documents and kinds are loaded when their API is first asked for, or at the start where there
    are resources of it.

    Args:
        store: Where resources and operations are kept.
        park: What the kinds see of the sandbox.
        rpc: Has the methods of the gRPC side, the faults, and the log of calls.
        kinds: Makes the collections of an API, by path.
    """

    def __init__(
        self,
        store: Store,
        park: Park,
        rpc: Rpc,
        kinds: Callable[[str, Park], dict[str, Collection]] = kinds_of,
    ) -> None:
        self._store = store
        self._park = park
        self._rpc = rpc
        self._make_kinds = kinds
        self._kinds: dict[str, dict[str, Collection]] = {}
        self._loading: dict[str, asyncio.Task[_Api]] = {}
        self._operations = RestOperations(store)
        park.connect(lambda *parts: self.answer(Request(*parts)))

    async def start(self) -> None:
        """Bring back what is behind the stored resources.

        What was being created when the sandbox stopped is not there any more.
        """
        for api, path, name in self._operations.unfinished:
            self._park.table(api, path).pop(name, None)
        # The servers first: what Cloud Scheduler starts at once shall find them where they are.
        for api in sorted(self._park.apis(), key=lambda api: api not in WITH_SERVERS):
            for kind in self._kinds_of(api).values():
                if kind.table:
                    await kind.start()

    async def halt(self) -> None:
        """End the work under way, and begin no more; what is behind the resources goes on."""
        for loading in self._loading.values():
            loading.cancel()
        await self._operations.close()
        for kinds in self._kinds.values():
            for kind in kinds.values():
                await kind.halt()

    async def close(self) -> None:
        """Halt, and end what is behind the resources."""
        await self.halt()
        for kinds in self._kinds.values():
            for kind in kinds.values():
                await kind.close()

    def collection(self, api: str, path: str) -> Collection:
        """The collection of that path, such as "projects.locations.jobs"."""
        return self._kinds_of(api)[path]

    @property
    def park(self) -> Park:
        """What the kinds see of the sandbox."""
        return self._park

    def paths(self) -> tuple[str, ...]:
        """All methods as faults name them ("/compute/networks/insert"); loads every document.

        Those that a gRPC method stands behind are left out: faults strike that one.
        """
        methods = (method for api in VERSIONS for method in load(api).methods)
        return tuple(_path(method) for method in methods if method not in METHODS)

    async def answer(self, request: Request) -> Body | None:
        """The JSON of the answer; None where the method has none.

        Raises:
            ApiError: What the client sees.
        """
        api = await self._api(request.api)
        document = api.served.document
        path = "/".join(self._park.by_id(request.path.split("/")))
        found = document.route(request.http, path)
        if found is None:
            raise not_found(f"{request.http} /{request.path}", "Method")
        method, values = found
        if method.suffix:
            path = path.removesuffix(f":{method.suffix}")
        resource = _resource(path)

        def parsed() -> tuple[dict[str, str], Body]:
            params = checked(document, method, values, request.query)
            return params, _body(document, method, request.body)

        entry = api.served.entry(method)
        own = entry is not None and method.verb in entry.custom
        if not own and method.id in METHODS:
            self._check_enabled(request.api, resource)
            return await self._over(document, method, *parsed())

        async def handle(_: Any) -> Body | None:
            self._check_enabled(request.api, resource)
            params, body = parsed()
            name = _name(entry, path)
            call = Call(method.id, params, body, name, request.if_match)
            answer = await self._behind(api, entry, method)(call)
            return _checked_answer(document, method, answer)

        answer: Body | None = await self._rpc.run(_path(method.id), resource, handle, None)
        return answer

    def _check_enabled(self, api: str, resource: str) -> None:
        """Refuse a call of an API that the project of the resource has not enabled."""
        service, parts = f"{api}.googleapis.com", resource.split("/")
        if service not in ALWAYS and parts[0] == "projects" and len(parts) > 1:
            require_enabled(self._park, service, parts[1])

    def _behind(
        self, api: _Api, entry: Entry | None, method: Method
    ) -> Callable[[Call], Awaitable[Body]]:
        """What serves a method."""
        if entry is not None and method.verb in entry.custom:
            kind = entry

            async def own(call: Call) -> Body:
                return self._again(method, call) or await api.verbs.own(kind, method, call)

            return own
        if (operation := api.operations.find(method)) is not None:
            return operation
        verb = api.verbs.find(method.verb)
        if entry is None or verb is None:
            raise unimplemented(method.id)
        generic = entry

        async def answer(call: Call) -> Body:
            return self._again(method, call) or await verb(generic, method, call)

        return answer

    def _again(self, method: Method, call: Call) -> Body | None:
        """The operation that an earlier call with the same `requestId` has begun."""
        request = call.params.get("requestId", "")
        return self._operations.requested(method.id.partition(".")[0], request) if request else None

    async def _over(
        self, document: Document, method: Method, params: dict[str, str], body: Body
    ) -> Body | None:
        """The answer of the gRPC method behind a REST method."""
        bridge = bridged(method.id, params, without_nulls(body))
        assert bridge is not None
        path, content = bridge
        message = self._rpc.request_type(path)()
        try:
            json_format.ParseDict(content, raw(message))
        except json_format.ParseError as error:
            raise invalid(f"Invalid JSON payload received. {error}") from error
        answer = answered(await self._rpc.call(path, message))
        try:
            return _checked_answer(document, method, answer)
        except _Unfit as error:
            log.exception("%s broke", method.id)
            raise ApiError(
                grpc.StatusCode.INTERNAL, "The sandbox broke; see supervisor.log in its directory."
            ) from error

    def _kinds_of(self, api: str) -> dict[str, Collection]:
        if api not in self._kinds:
            self._kinds[api] = self._make_kinds(api, self._park)
        return self._kinds[api]

    async def _api(self, name: str) -> _Api:
        if name not in self._loading:
            self._loading[name] = asyncio.ensure_future(self._load(name))
        return await asyncio.shield(self._loading[name])

    async def _load(self, name: str) -> _Api:
        # Not on the event loop: the largest document takes as long as a hundred requests.
        document = await asyncio.to_thread(load, name)
        served = Served(document, self._kinds_of(name))
        return _Api(
            served,
            Verbs(served, self._park, self._operations),
            OperationMethods(served, self._operations),
        )


def _path(method_id: str) -> str:
    """How faults and the log of calls name a method."""
    return "/" + method_id.replace(".", "/")


class _Unfit(Exception):
    """An answer does not fit the document; the sandbox has a bug."""


def _body(document: Document, method: Method, text: bytes) -> Body:
    if not method.request:
        return {}
    try:
        content = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    return validation.request_body(document, method.id, method.request, content)


def _checked_answer(document: Document, method: Method, answer: Body) -> Body | None:
    if not method.response:
        return None
    read, faults = validation.answer(document, method.response, answer)
    if faults:
        raise _Unfit(f"{method.id}: {'; '.join(faults)}")
    return dict(read)


def _name(entry: Entry | None, path: str) -> str:
    if entry is None:
        return ""
    return entry.template.name_in([unquote(part) for part in path.split("/")])


def _resource(path: str) -> str:
    """What a request is about, for the log of calls and the check of its project."""
    parts = [unquote(part) for part in path.split("/")]
    if "projects" in parts:
        return "/".join(parts[parts.index("projects") :])
    return "/".join(parts[1:])
