"""Operations of Cloud SQL: a resource of its own, not google.longrunning."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.cloud import sqladmin_v1 as sql

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.paging import page
from leitstand.sandbox.sql.binaries import ProgramFailed
from leitstand.sandbox.sql.errors import SqlFailure, missing, operation_in_progress
from leitstand.sandbox.store import Store

__all__ = ["SITE", "SqlOperations"]

SERVICE = "/google.cloud.sql.v1.SqlOperationsService/"
SITE = "https://sqladmin.googleapis.com/v1/projects"
KEPT_OPERATIONS = 1000
Status = sql.Operation.SqlOperationStatus
Type = sql.Operation.SqlOperationType

log = logging.getLogger(__name__)


class SqlOperations:
    """Runs the work of operations, one at a time for each instance.

    An operation that was under way when the sandbox stopped is found DONE with an error.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table = store.table("sql_operations", sql.Operation)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._busy: dict[str, str] = {}
        for name, operation in list(self._table.items()):
            if operation.status != Status.DONE:
                self._finish(name, SqlFailure("ABORTED", "The sandbox was stopped meanwhile."))

    def check_idle(self, *instances: str) -> None:
        """Make sure that no operation is under way on these instances.

        Args:
            instances: Each `PROJECT/NAME`.

        Raises:
            ApiError: ABORTED, operationInProgress.
        """
        if any(instance in self._busy for instance in instances):
            raise operation_in_progress()

    def start(
        self,
        type_: int,
        instance: str,
        work: Callable[[sql.Operation], Awaitable[None]],
        also: Iterable[str] = (),
    ) -> sql.Operation:
        """Begin an operation and return it at once.

        Args:
            type_: What it does.
            instance: `PROJECT/NAME` of the instance it is about.
            work: Does it, given the operation, and may add contexts to it.
            also: Further instances that no other operation may touch meanwhile.

        Raises:
            ApiError: ABORTED, operationInProgress.
        """
        instances = (instance, *also)
        self.check_idle(*instances)
        project, _, target = instance.partition("/")
        number = str(uuid.uuid4())
        now = datetime.now(UTC)
        operation = sql.Operation(
            kind="sql#operation",
            name=number,
            status=Status.PENDING,
            user="sandbox@leitstand.example",
            insert_time=now,
            operation_type=type_,
            target_id=target,
            target_project=project,
            target_link=f"{SITE}/{project}/instances/{target}",
            self_link=f"{SITE}/{project}/operations/{number}",
        )
        self._forget_oldest()
        name = f"{project}/{number}"
        self._table[name] = operation
        answer = sql.Operation(operation)
        for busy in instances:
            self._busy[busy] = name
        # Before any work: a sandbox that is killed must find what it had begun.
        self._store.flush()
        task = asyncio.ensure_future(self._run(name, work))
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))
        return answer

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {SERVICE + "Get": self.get, SERVICE + "List": self.list_all}

    async def get(self, request: sql.SqlOperationsGetRequest) -> sql.Operation:
        """The operation as it is now."""
        name = f"{request.project}/{request.operation}"
        if name not in self._table:
            raise missing("operation", request.operation)
        return sql.Operation(self._table[name])

    async def list_all(self, request: sql.SqlOperationsListRequest) -> sql.OperationsListResponse:
        """The project's operations, newest first, of one instance where asked."""
        found = [
            operation
            for name, operation in reversed(list(self._table.items()))
            if name.startswith(f"{request.project}/")
            and request.instance in ("", operation.target_id)
        ]
        order = {operation.name: place for place, operation in enumerate(found)}
        shown, token = page(
            found, lambda operation: (order[operation.name],), request.max_results,
            request.page_token, default=100,
        )  # fmt: skip
        return sql.OperationsListResponse(
            kind="sql#operationsList", items=shown, next_page_token=token
        )

    async def wait(self, operation: sql.Operation) -> sql.Operation:
        """The operation when it is done."""
        name = f"{operation.target_project}/{operation.name}"
        if task := self._tasks.get(name):
            await asyncio.wait([task])
        return self._table[name]

    async def close(self) -> None:
        """Cancel the work under way and wait until it has ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, name: str, work: Callable[[sql.Operation], Awaitable[None]]) -> None:
        operation = self._table[name]
        operation.status = Status(Status.RUNNING)
        operation.start_time = datetime.now(UTC)
        self._table[name] = operation
        failure: SqlFailure | None = None
        try:
            await work(operation)
        except SqlFailure as error:
            failure = error
        except ApiError as error:
            failure = SqlFailure(error.reason or error.code.name, error.message)
        except asyncio.CancelledError:
            self._finish(name, SqlFailure("ABORTED", "The sandbox was stopped meanwhile."))
            raise
        except ProgramFailed as error:
            failure = SqlFailure("INTERNAL_ERROR", str(error))
        except Exception:
            log.exception("operation on %s broke", operation.target_id)
            failure = SqlFailure("INTERNAL_ERROR", "The sandbox broke; see its supervisor.log.")
        self._finish(name, failure)

    def _finish(self, name: str, failure: SqlFailure | None) -> None:
        operation = self._table[name]
        operation.status = Status(Status.DONE)
        operation.end_time = datetime.now(UTC)
        if failure is not None:
            log.info("operation on %s failed: %s", operation.target_id, failure.message)
            error = sql.OperationError(
                kind="sql#operationError", code=failure.code, message=failure.message
            )
            operation.error = sql.OperationErrors(kind="sql#operationErrors", errors=[error])
        self._busy = {one: held for one, held in self._busy.items() if held != name}
        self._table[name] = operation

    def _forget_oldest(self) -> None:
        spare = len(self._table) + 1 - KEPT_OPERATIONS
        for name in list(self._table)[: max(0, spare)]:
            if self._table[name].status == Status.DONE:
                del self._table[name]
