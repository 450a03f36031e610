"""Cloud Run jobs, their executions and tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import Conflict, translated
from leitstand.cloud.messages import as_data
from leitstand.cloud.run import Operation
from leitstand.core.job import ExecutionState, JobState, TaskState
from leitstand.core.names import short_name

if TYPE_CHECKING:
    from google.cloud import run_v2

__all__ = ["CloudRunJobs", "Started"]

_NEWEST = 200
"""Executions that are looked at; the API lists the newest first."""


@dataclass(frozen=True)
class Started:
    """Names of an execution that was just started, and of its operation."""

    operation: str
    execution: str


class CloudRunJobs:
    """Reads, changes and runs jobs.

    The operation of a failed execution ends with an error: whether it succeeded is told by the
    execution itself.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def job(self, name: str) -> JobState:
        """Return a job by its full name; read-only."""
        with translated(f"Job {short_name(name)} lesen"):
            return _job_state(self._connection.jobs.get_job(name=name))

    def executions(self, job: str) -> tuple[ExecutionState, ...]:
        """Return the newest executions of a job, the newest first; read-only."""
        with translated(f"Ausführungen von {short_name(job)} auflisten"):
            found = self._connection.executions.list_executions(parent=job)
            return tuple(_execution_state(item) for item in islice(found, _NEWEST))

    def execution(self, name: str) -> ExecutionState:
        """Return an execution by its full name; read-only."""
        with translated(f"Ausführung {short_name(name)} lesen"):
            return _execution_state(self._connection.executions.get_execution(name=name))

    def tasks(self, execution: str) -> tuple[TaskState, ...]:
        """Return the last attempt of every task of an execution; read-only."""
        with translated(f"Tasks von {short_name(execution)} lesen"):
            found = self._connection.tasks.list_tasks(parent=execution)
            return tuple(_task_state(task) for task in found)

    def operation(self, name: str) -> Operation:
        """Return the state of an operation; read-only."""
        with translated(f"Operation {short_name(name)} lesen"):
            found = self._connection.jobs.transport.operations_client.get_operation(name)
        error = found.error.message if found.done and found.HasField("error") else ""
        return Operation(name, found.done, error)

    def start_update(
        self, name: str, template: Mapping[str, Any], generation: int | None = None
    ) -> str:
        """Start a change of a job's template; return the operation's name.

        UpdateJob has no mask: everything else is sent as it was read.

        Args:
            name: Full resource name.
            template: The whole template, as JSON values of the API.
            generation: What the job must still be at; unchecked when left out.

        Raises:
            Conflict: the job was changed since.
        """
        from google.cloud import run_v2
        from google.protobuf.json_format import ParseDict

        what = f"Job {short_name(name)} ändern"
        with translated(what):
            job = self._connection.jobs.get_job(name=name)
            if generation is not None and job.generation != generation:
                raise Conflict(what, f"generation {job.generation}, expected {generation}.")
            message = run_v2.ExecutionTemplate()
            ParseDict(dict(template), run_v2.ExecutionTemplate.pb(message))
            job.template = message
            operation = self._connection.jobs.update_job(request={"job": job}, retry=None)
        return str(operation.operation.name)

    def start_execution(
        self, name: str, etag: str, args: Sequence[str], env: Mapping[str, str]
    ) -> Started:
        """Start an execution of the job as it was read with ``etag``.

        Args:
            name: Full resource name of the job.
            etag: Of the job.
            args: Instead of the container's own.
            env: Besides the container's own.
        """
        override = {
            "args": list(args),
            "env": [{"name": key, "value": value} for key, value in sorted(env.items())],
        }
        request = {"name": name, "etag": etag, "overrides": {"container_overrides": [override]}}
        with translated(f"Job {short_name(name)} ausführen"):
            operation = self._connection.jobs.run_job(request=request, retry=None)
            return Started(str(operation.operation.name), str(operation.metadata.name))


def _job_state(job: "run_v2.Job") -> JobState:
    from google.cloud import run_v2

    condition = job.terminal_condition
    succeeded = condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    return JobState(
        name=job.name,
        etag=job.etag,
        generation=job.generation,
        template=as_data(job.template),
        problem="" if succeeded else condition.message,
    )


def _execution_state(execution: "run_v2.Execution") -> ExecutionState:
    from google.cloud import run_v2

    ended = next((c for c in execution.conditions if c.type_ == "Completed"), None)
    failed = ended is not None and ended.state == run_v2.Condition.State.CONDITION_FAILED
    env = {
        variable.name: variable.value
        for container in execution.template.containers
        for variable in container.env
        if variable.value
    }
    return ExecutionState(
        name=execution.name,
        created_at=execution.create_time,
        completed=bool(execution.completion_time),
        env=env,
        task_count=execution.task_count,
        succeeded=execution.succeeded_count,
        failed=execution.failed_count,
        cancelled=execution.cancelled_count,
        retried=execution.retried_count,
        problem=ended.message if ended is not None and failed else "",
    )


def _task_state(task: "run_v2.Task") -> TaskState:
    result = task.last_attempt_result
    return TaskState(
        retried=task.retried,
        exit_code=result.exit_code,
        signal=result.term_signal,
        problem=result.status.message,
    )
