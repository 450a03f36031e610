"""Long-running operations (google.longrunning) over tasks of the event loop."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, empty_pb2

from leitstand.sandbox.errors import ApiError, invalid, not_found
from leitstand.sandbox.paging import page
from leitstand.sandbox.store import Store, raw

__all__ = ["Operations"]

KEPT_OPERATIONS = 1000
LONGEST_WAIT_SECONDS = 1800.0
SERVICE = "/google.longrunning.Operations/"

log = logging.getLogger(__name__)


class Operations:
    """Runs the work of operations and answers for them under google.longrunning.

    An operation that was under way when the sandbox stopped is found ABORTED afterwards.
    """

    def __init__(self, store: Store) -> None:
        self._table = store.table("operations", operations_pb2.Operation)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        for name, operation in self._table.items():
            if not operation.done:
                stopped = ApiError(
                    grpc.StatusCode.ABORTED, "The sandbox was stopped during this operation."
                )
                self._finish(name, error=stopped)

    def start(
        self,
        parent: str,
        response_name: str,
        work: Awaitable[Any],
        metadata: Any = None,
    ) -> operations_pb2.Operation:
        """Run `work` as a task and return its operation at once.

        Args:
            parent: `projects/…/locations/…` under which the operation is named.
            response_name: Full name of the resource worked on; stands in the supervisor's log.
            work: Its result is the operation's response; an `ApiError` becomes its error.
            metadata: A message for the operation's metadata (Cloud Run: the resource).
        """
        name = f"{parent}/operations/{uuid.uuid4()}"
        operation = operations_pb2.Operation(name=name)
        if metadata is not None:
            operation.metadata.CopyFrom(_packed(metadata))
        self._forget_oldest()
        self._table[name] = operation
        task = asyncio.ensure_future(self._run(name, response_name, work))
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))
        return _copy(operation)

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods: Get, List, Wait, Delete. (Cloud Run has no Cancel.)"""
        return {
            SERVICE + "GetOperation": self.get,
            SERVICE + "ListOperations": self.list,
            SERVICE + "WaitOperation": self.wait,
            SERVICE + "DeleteOperation": self.delete,
        }

    async def get(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        """The operation as it is now."""
        return _copy(self._find(request.name))

    async def list(
        self, request: operations_pb2.ListOperationsRequest
    ) -> operations_pb2.ListOperationsResponse:
        """Operations under `projects/…/locations/…`, by name; filters are refused."""
        if request.filter:
            raise invalid("The sandbox lists operations without a filter only.", "filter")
        prefix = request.name.removesuffix("/operations") + "/operations/"
        found = sorted(name for name in self._table if name.startswith(prefix))
        names, token = page(
            found, lambda name: (name,), request.page_size, request.page_token, default=100
        )
        return operations_pb2.ListOperationsResponse(
            operations=[self._table[name] for name in names], next_page_token=token
        )

    async def wait(self, request: operations_pb2.WaitOperationRequest) -> operations_pb2.Operation:
        """The operation when it is done or the request's timeout is over."""
        self._find(request.name)
        task = self._tasks.get(request.name)
        if task is not None:
            seconds = LONGEST_WAIT_SECONDS
            if request.HasField("timeout"):
                seconds = request.timeout.ToTimedelta().total_seconds()
            await asyncio.wait([task], timeout=seconds)
        return _copy(self._find(request.name))

    async def delete(self, request: operations_pb2.DeleteOperationRequest) -> empty_pb2.Empty:
        """Forget the operation; its work goes on."""
        self._find(request.name)
        del self._table[request.name]
        return empty_pb2.Empty()

    async def close(self) -> None:
        """Cancel the work under way and wait until it has ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, name: str, response_name: str, work: Awaitable[Any]) -> None:
        try:
            response = await work
        except ApiError as error:
            log.info("operation on %s failed: %s", response_name, error.message)
            self._finish(name, error=error)
        except asyncio.CancelledError:
            self._finish(
                name, error=ApiError(grpc.StatusCode.CANCELLED, "The operation was cancelled.")
            )
            raise
        except Exception:
            log.exception("operation on %s broke", response_name)
            broken = ApiError(
                grpc.StatusCode.INTERNAL, "The sandbox broke; see supervisor.log in its directory."
            )
            self._finish(name, error=broken)
        else:
            self._finish(name, response=response)

    def _finish(self, name: str, response: Any = None, error: ApiError | None = None) -> None:
        operation = self._table.get(name)
        if operation is None:
            return
        if error is not None:
            operation.error.CopyFrom(error.status())
        else:
            operation.response.CopyFrom(_packed(response))
        operation.done = True
        self._table[name] = operation

    def _find(self, name: str) -> operations_pb2.Operation:
        if name not in self._table:
            raise not_found(name, "Operation")
        return self._table[name]

    def _forget_oldest(self) -> None:
        spare = len(self._table) + 1 - KEPT_OPERATIONS
        for name in list(self._table)[: max(0, spare)]:
            if self._table[name].done:
                del self._table[name]


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(raw(message if message is not None else empty_pb2.Empty()))
    return packed


def _copy(operation: operations_pb2.Operation) -> operations_pb2.Operation:
    copy = operations_pb2.Operation()
    copy.CopyFrom(operation)
    return copy
