"""google.cloud.run.v2.Executions: the runs of a job, each a handful of processes."""

from __future__ import annotations

import asyncio
import re
import secrets
import string
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.cloud import run_v2

from leitstand.sandbox import job_conditions as conditions
from leitstand.sandbox.errors import failed_precondition, not_found
from leitstand.sandbox.execution_run import ExecutionRun, Surroundings, new_tasks
from leitstand.sandbox.job_rules import JobName, execution_name
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.paging import page
from leitstand.sandbox.service_rules import check_etag
from leitstand.sandbox.store import Store

__all__ = ["Executions"]

_SERVICE = "/google.cloud.run.v2.Executions/"
_Status = run_v2.ExecutionReference.CompletionStatus
_LETTERS = string.ascii_lowercase + string.digits


class Executions:
    """Serves Get, List, Delete and Cancel; starts executions for `Jobs`.

    An execution that was under way when the sandbox stopped is found failed afterwards.
    """

    def __init__(self, store: Store, operations: Operations, surroundings: Surroundings) -> None:
        self._executions = store.table("executions", run_v2.Execution)
        self._tasks = store.table("tasks", run_v2.Task)
        self._jobs = store.table("jobs", run_v2.Job)
        self._operations = operations
        self._around = surroundings
        self._runs: dict[str, ExecutionRun] = {}
        self._ends: dict[str, asyncio.Task[None]] = {}
        for execution in list(self._executions.values()):
            if not conditions.is_completed(execution):
                self._bury(execution)

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods by their full gRPC path."""
        return {
            _SERVICE + "GetExecution": self.get,
            _SERVICE + "ListExecutions": self.list,
            _SERVICE + "DeleteExecution": self.delete,
            _SERVICE + "CancelExecution": self.cancel,
        }

    @property
    def running(self) -> Mapping[str, ExecutionRun]:
        """The executions under way by full name; read-only."""
        return dict(self._runs)

    def new(self, job: run_v2.Job, template: run_v2.ExecutionTemplate) -> run_v2.Execution:
        """An execution of a job that is not started and not kept yet."""
        name = JobName.parse(job.name)
        short = f"{name.job}-{''.join(secrets.choice(_LETTERS) for _ in range(5))}"
        now = datetime.now(UTC)
        labels, annotations = dict(template.labels), dict(template.annotations)
        return run_v2.Execution(
            name=f"{job.name}/executions/{short}",
            uid=str(uuid.uuid4()),
            generation=1,
            labels=labels,
            annotations=annotations,
            create_time=now,
            update_time=now,
            launch_stage=job.launch_stage,
            job=name.job,
            parallelism=template.parallelism,
            task_count=template.task_count,
            template=template.template,
            reconciling=True,
            log_uri=_log_uri(name, short),
            etag=f'"{uuid.uuid4().hex[:24]}"',
        )

    def start(self, execution: run_v2.Execution) -> Awaitable[None]:
        """Keep and run an execution; what is returned ends when the execution has."""
        self._executions[execution.name] = execution
        for task in new_tasks(execution):
            self._tasks[task.name] = task
        run = ExecutionRun(execution, self._tasks, self._around, self._save)
        self._runs[execution.name] = run
        self._ends[execution.name] = asyncio.create_task(self._run(run))
        self._save(execution)
        # Whoever waits may be cancelled; the execution is not.
        return asyncio.shield(self._ends[execution.name])

    async def stop(self, name: str) -> None:
        """End the processes of an execution, if it has any, and wait for them."""
        if run := self._runs.get(name):
            run.cancel()
            await asyncio.wait({self._ends[name]})

    async def remove_all(self, job: str) -> None:
        """Stop and forget every execution of a job."""
        prefix = f"{job}/executions/"
        for name in [name for name in self._executions if name.startswith(prefix)]:
            await self.stop(name)
            self._forget(name)

    async def close(self) -> None:
        """End every process and wait until all are gone; their executions stay unfinished."""
        ends = list(self._ends.values())
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)

    async def get(self, request: run_v2.GetExecutionRequest) -> run_v2.Execution:
        """One execution by its full name."""
        return self._find(request.name)

    async def list(self, request: run_v2.ListExecutionsRequest) -> run_v2.ListExecutionsResponse:
        """Executions of a job, or with `jobs/-` of all in the location; newest first."""
        name = JobName.parse(request.parent)
        job = "[^/]+" if name.job == "-" else re.escape(name.job)
        wanted = re.compile(f"{re.escape(name.parent)}/jobs/{job}/executions/[^/]+")
        found = [item for key, item in self._executions.items() if wanted.fullmatch(key)]
        found.sort(key=_newest_first)
        shown, token = page(
            found, _newest_first, request.page_size, request.page_token, default=100
        )
        return run_v2.ListExecutionsResponse(executions=shown, next_page_token=token)

    async def delete(self, request: run_v2.DeleteExecutionRequest) -> Any:
        """Delete an execution and its tasks; one that runs is stopped first."""
        execution = self._checked(request)
        work = self._delete(execution, request.validate_only)
        return self._operations.start(_parent(execution), execution.name, work, execution)

    async def cancel(self, request: run_v2.CancelExecutionRequest) -> Any:
        """End an execution that runs: SIGTERM to its tasks, after the grace SIGKILL."""
        execution = self._checked(request)
        if conditions.is_completed(execution):
            short = execution.name.rpartition("/")[2]
            raise failed_precondition(
                f"Execution '{short}' has already completed and cannot be cancelled."
            )
        work = self._cancel(execution, request.validate_only)
        return self._operations.start(_parent(execution), execution.name, work, execution)

    async def _run(self, run: ExecutionRun) -> None:
        try:
            await run.run()
        finally:
            self._runs.pop(run.execution.name, None)
            self._ends.pop(run.execution.name, None)

    async def _delete(self, execution: run_v2.Execution, validate_only: bool) -> run_v2.Execution:
        if not validate_only:
            await self.stop(execution.name)
            self._forget(execution.name)
            execution.delete_time = datetime.now(UTC)
        return execution

    async def _cancel(self, execution: run_v2.Execution, validate_only: bool) -> run_v2.Execution:
        if not validate_only:
            await self.stop(execution.name)
        return execution

    def _forget(self, name: str) -> None:
        self._executions.pop(name, None)
        for task in [task for task in self._tasks if task.startswith(f"{name}/tasks/")]:
            del self._tasks[task]

    def _bury(self, execution: run_v2.Execution) -> None:
        """Mark an execution failed whose processes ended with an earlier supervisor."""
        now = datetime.now(UTC)
        for name, task in self._tasks.items():
            if name.startswith(f"{execution.name}/tasks/") and not conditions.is_completed(task):
                task.completion_time = task.update_time = now
                conditions.task_failed(task, conditions.STOPPED)
                self._tasks[name] = task
                execution.failed_count += 1
        execution.running_count = 0
        execution.completion_time = execution.update_time = now
        conditions.execution_failed(execution, conditions.STOPPED)
        self._save(execution)

    def _save(self, execution: run_v2.Execution) -> None:
        if execution.name not in self._executions:
            return
        self._executions[execution.name] = execution
        job = self._jobs.get(execution.name.partition("/executions/")[0])
        if job is not None and job.latest_created_execution.name == execution.name.split("/")[-1]:
            reference = job.latest_created_execution
            reference.completion_time = execution.completion_time
            reference.completion_status = _Status(_status(execution))
            self._jobs[job.name] = job

    def _checked(self, request: Any) -> run_v2.Execution:
        execution = self._find(request.name)
        check_etag(execution.name.rpartition("/")[2], request.etag, execution.etag)
        return execution

    def _find(self, name: str) -> run_v2.Execution:
        execution_name(name)
        if name not in self._executions:
            raise not_found(name)
        return self._executions[name]


def _status(execution: run_v2.Execution) -> int:
    if not conditions.is_completed(execution):
        return _Status.EXECUTION_RUNNING if execution.start_time else _Status.EXECUTION_PENDING
    if execution.cancelled_count:
        return _Status.EXECUTION_CANCELLED
    return _Status.EXECUTION_FAILED if execution.failed_count else _Status.EXECUTION_SUCCEEDED


def _newest_first(execution: run_v2.Execution) -> tuple[float, str]:
    return (-execution.create_time.timestamp(), execution.name)


def _parent(execution: run_v2.Execution) -> str:
    return execution_name(execution.name).parent


def _log_uri(job: JobName, execution: str) -> str:
    return (
        "https://console.cloud.google.com/logs/query;query="
        f"resource.type%3D%22cloud_run_job%22%20labels.%22run.googleapis.com%2Fexecution_name%22"
        f"%3D%22{execution}%22?project={job.project}"
    )
