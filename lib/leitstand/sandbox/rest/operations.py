"""Operations of the REST APIs, over tasks of the event loop: Compute Engine's and google's own."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import grpc

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest import operation_forms as forms
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.store import Store

__all__ = ["Begun", "RestOperations"]

KEPT_OPERATIONS = 1000
LONGEST_WAIT_SECONDS = 120.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """What an operation is about.

    Attributes:
        style: Whose operation it is.
        api: Name of the API.
        version: Of the API.
        verb: The method's, such as "insert".
        parent: Full name under which the operation is named; "" for `operations/…`.
        target: Full name of the resource worked on.
        target_id: Its `id`, or "".
        response: Name of the schema of its response.
        request: The `requestId` of the call, or "": the same one gets the same operation.
        creates: The collection's path where the resource is new, else "".
    """

    style: Literal["compute", "google"]
    api: str
    version: str
    verb: str
    parent: str
    target: str
    target_id: str = ""
    response: str = ""
    request: str = ""
    creates: str = ""


class RestOperations:
    """Runs the work of operations and knows them by API and name.

    An operation that was under way when the sandbox stopped has failed afterwards.

    Attributes:
        unfinished: API, collection and full name of each resource whose creation was cut off by
            the end of the sandbox.
    """

    def __init__(self, store: Store) -> None:
        self._table = store.json_table("rest_operations")
        self._tasks: dict[str, asyncio.Task[Body]] = {}
        self._plain: set[asyncio.Task[Body]] = set()
        self._requests = {
            (entry["api"], entry["request"]): key
            for key, entry in self._table.items()
            if entry["request"]
        }
        self.unfinished: list[tuple[str, str, str]] = []
        stopped = ApiError(
            grpc.StatusCode.ABORTED, "The sandbox was stopped during this operation."
        )
        for key, entry in self._table.items():
            if not entry["over"]:
                self._finish(key, None, stopped)
                if entry["creates"]:
                    self.unfinished.append((entry["api"], entry["creates"], entry["target"]))

    async def run(self, work: Coroutine[Any, Any, Body]) -> Body:
        """Do work without an operation; it goes on if the caller goes away."""
        task = asyncio.ensure_future(work)
        self._plain.add(task)
        task.add_done_callback(self._plain.discard)
        return await asyncio.shield(task)

    async def start(self, begun: Begun, work: Coroutine[Any, Any, Body], *, early: bool) -> Body:
        """Run `work` as a task and return its operation at once.

        Args:
            begun: What it is about.
            work: Its result is the operation's response; an `ApiError` becomes its error.
            early: An `ApiError` before the first pause of `work` is raised instead.

        Raises:
            ApiError: See `early`.
        """
        name, body = forms.new(begun)
        key = _key(begun.api, name)
        entry = {
            "api": begun.api,
            "style": begun.style,
            "type": forms.response_type(begun),
            "name": name,
            "target": begun.target,
            "request": begun.request,
            "creates": begun.creates,
            "over": False,
            "body": body,
        }
        task = asyncio.ensure_future(work)
        if early:
            self._plain.add(task)
            # The task gets as far as its first pause.
            await asyncio.sleep(0)
            self._plain.discard(task)
            if task.done() and isinstance(task.exception(), ApiError):
                await task
        self._forget_oldest()
        self._table[key] = entry
        if begun.request:
            self._requests[begun.api, begun.request] = key
        self._tasks[key] = asyncio.ensure_future(self._follow(key, task))
        self._tasks[key].add_done_callback(lambda _: self._tasks.pop(key, None))
        return copy.deepcopy(body)

    def requested(self, api: str, request: str) -> Body | None:
        """The operation that a call with this `requestId` has begun."""
        entry = self._table.get(self._requests.get((api, request), ""))
        return copy.deepcopy(entry["body"]) if entry is not None else None

    def get(self, api: str, name: str) -> Body | None:
        """The operation as it is now."""
        entry = self._table.get(_key(api, name))
        return copy.deepcopy(entry["body"]) if entry is not None else None

    def names(self, api: str) -> list[str]:
        """All operations of an API by full name, in order."""
        return sorted(entry["name"] for entry in self._table.values() if entry["api"] == api)

    async def wait(self, api: str, name: str) -> Body | None:
        """The operation when it is done, or after two minutes."""
        task = self._tasks.get(_key(api, name))
        if task is not None:
            await asyncio.wait([task], timeout=LONGEST_WAIT_SECONDS)
        return self.get(api, name)

    def forget(self, api: str, name: str) -> bool:
        """Forget an operation; its work goes on. False where there is none."""
        return self._table.pop(_key(api, name), None) is not None

    async def close(self) -> None:
        """Cancel the work under way and wait until it has ended."""
        tasks = [*self._tasks.values(), *self._plain]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, key: str, task: asyncio.Task[Body]) -> Body:
        try:
            self._finish(key, await task, None)
        except ApiError as error:
            log.info("operation %s failed: %s", key, error.message)
            self._finish(key, None, error)
        except asyncio.CancelledError:
            cancelled = ApiError(grpc.StatusCode.CANCELLED, "The operation was cancelled.")
            self._finish(key, None, cancelled)
            raise
        except Exception:
            log.exception("operation %s broke", key)
            broken = "The sandbox broke; see supervisor.log in its directory."
            self._finish(key, None, ApiError(grpc.StatusCode.INTERNAL, broken))
        return {}

    def _finish(self, key: str, response: Body | None, error: ApiError | None) -> None:
        entry = self._table.get(key)
        if entry is None:
            return
        forms.finish(entry["style"], entry["body"], entry["type"], response, error)
        self._table[key] = {**entry, "over": True}

    def _forget_oldest(self) -> None:
        spare = len(self._table) + 1 - KEPT_OPERATIONS
        for key in list(self._table)[: max(0, spare)]:
            entry: Mapping[str, Any] = self._table[key]
            if entry["over"]:
                self._requests.pop((entry["api"], entry["request"]), None)
                del self._table[key]


def _key(api: str, name: str) -> str:
    return f"{api}/{name}"
