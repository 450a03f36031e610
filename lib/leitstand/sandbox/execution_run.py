"""An execution under way: its tasks as processes, with attempts, parallelism and cancellation."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime

from google.cloud import run_v2

from leitstand.sandbox import job_conditions as conditions
from leitstand.sandbox.containers import (
    SecretReader,
    Spawn,
    environment,
    held_command,
    inherited,
    spawn,
)
from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.images.catalogue import Catalogue, CatalogueImage, UnknownImage
from leitstand.sandbox.job_log import JobLog
from leitstand.sandbox.job_rules import JobName
from leitstand.sandbox.logs import Logs
from leitstand.sandbox.task_process import Outcome, TaskProcess

__all__ = ["ExecutionRun", "Surroundings", "new_tasks"]

# However many tasks may run at once, this machine runs no more.
_MOST_AT_ONCE = 8


@dataclass(frozen=True)
class Surroundings:
    """What tasks are started with.

    Attributes:
        catalogue: The images.
        logs: Where the lines of the processes go.
        secrets: Reads secret versions.
        grace: Seconds between SIGTERM and SIGKILL (Cloud Run: 10).
        spawn: Starts the processes.
    """

    catalogue: Catalogue
    logs: Logs
    secrets: SecretReader
    grace: float = 3.0
    spawn: Spawn = spawn


def new_tasks(execution: run_v2.Execution) -> list[run_v2.Task]:
    """The tasks of a new execution, none of them started."""
    template = execution.template
    short = execution.name.rpartition("/")[2]
    made = []
    for index in range(execution.task_count):
        task = run_v2.Task(
            name=f"{execution.name}/tasks/{short}-task{index}",
            uid=str(uuid.uuid4()),
            generation=1,
            labels=execution.labels,
            annotations=execution.annotations,
            create_time=execution.create_time,
            scheduled_time=execution.create_time,
            update_time=execution.create_time,
            job=execution.job,
            execution=short,
            containers=template.containers,
            max_retries=template.max_retries,
            timeout=template.timeout,
            service_account=template.service_account,
            reconciling=True,
            index=index,
            log_uri=execution.log_uri,
        )
        made.append(task)
    return made


class ExecutionRun:
    """Runs every task of one execution, and keeps the execution's counts and conditions.

    Changes `execution` and `tasks`, and calls `saved` with each that changed.
    """

    def __init__(
        self,
        execution: run_v2.Execution,
        tasks: MutableMapping[str, run_v2.Task],
        surroundings: Surroundings,
        saved: Callable[[run_v2.Execution], None],
    ) -> None:
        self.execution = execution
        self._job = JobName.parse(execution.name.partition("/executions/")[0])
        self._tasks = tasks
        self._around = surroundings
        self._saved = saved
        self._cancelled = False
        self._processes: dict[str, TaskProcess] = {}
        self._failure = ""
        self._slots = asyncio.Semaphore(min(execution.parallelism or _MOST_AT_ONCE, _MOST_AT_ONCE))

    @property
    def pids(self) -> list[int]:
        """Process groups of the tasks that run just now."""
        return [process.pid for process in self._processes.values() if process.pid is not None]

    def cancel(self) -> None:
        """Have every task ended; `run` returns when they are."""
        self._cancelled = True
        for process in self._processes.values():
            process.cancel()

    async def run(self) -> None:
        """Run all tasks to their ends and settle the execution."""
        self.execution.start_time = datetime.now(UTC)
        conditions.execution_started(self.execution)
        self._save()
        prefix = f"{self.execution.name}/tasks/"
        own = [task for name, task in self._tasks.items() if name.startswith(prefix)]
        await asyncio.gather(*(self._run_task(task) for task in own))
        self.execution.completion_time = datetime.now(UTC)
        if self.execution.cancelled_count:
            conditions.execution_cancelled(self.execution)
        elif self.execution.failed_count:
            conditions.execution_failed(self.execution, self._failure)
        else:
            conditions.execution_succeeded(self.execution)
        self._save()

    async def _run_task(self, task: run_v2.Task) -> None:
        async with self._slots:
            if not self._cancelled:
                await self._attempts(task)
        if not conditions.is_completed(task):
            conditions.task_cancelled(task)
            self.execution.cancelled_count += 1
            self._close(task)
        self._save()

    async def _attempts(self, task: run_v2.Task) -> None:
        task.start_time = datetime.now(UTC)
        conditions.task_started(task)
        self.execution.running_count += 1
        self._save(task)
        for attempt in range(task.max_retries + 1):
            if attempt:
                self.execution.retried_count += task.retried == 0
                task.retried = attempt
                self._save(task)
            outcome = await self._attempt(task, attempt)
            if outcome is not None:
                task.last_attempt_result = conditions.attempt_result(outcome)
            if self._cancelled or (outcome is not None and outcome.succeeded):
                break
        self.execution.running_count -= 1
        if outcome is not None and outcome.succeeded:
            conditions.task_succeeded(task)
            self.execution.succeeded_count += 1
        elif self._cancelled:
            return
        else:
            conditions.task_failed(task, task.last_attempt_result.status.message)
            self.execution.failed_count += 1
            reason = task.last_attempt_result.status.message
            short = task.name.rpartition("/")[2]
            self._failure = self._failure or f"Task {short} failed with message: {reason}"
        self._close(task)

    async def _attempt(self, task: run_v2.Task, attempt: int) -> Outcome | None:
        """One attempt; None where the container could not even be started."""
        log = JobLog(self._around.logs, self._job, task.execution, task.index, attempt)
        container = task.containers[0]
        try:
            image = self._around.catalogue.resolve(container.image)
            variables = self._environment(image, container, task, attempt)
        except (ApiError, UnknownImage) as error:
            self._not_started(task, log, error)
            return None
        timeout = task.timeout.total_seconds() or 600.0
        command = held_command(container, image.module)
        around = self._around
        process = TaskProcess(command, variables, timeout, around.grace, log, around.spawn)
        self._processes[task.name] = process
        try:
            outcome = await process.run()
        except OSError as error:
            self._not_started(task, log, error)
            return None
        finally:
            del self._processes[task.name]
        self._tell(log, outcome)
        return outcome

    def _not_started(self, task: run_v2.Task, log: JobLog, error: Exception) -> None:
        result = run_v2.TaskAttemptResult()
        status = run_v2.TaskAttemptResult.pb(result).status
        status.code, status.message = 9, str(error)
        task.last_attempt_result = result
        log.system("ERROR", str(error))

    def _environment(
        self, image: CatalogueImage, container: run_v2.Container, task: run_v2.Task, attempt: int
    ) -> dict[str, str]:
        own = environment(container, self._job.project, self._around.secrets)
        return {
            **inherited(image.inherits),
            "APP_VERSION": image.tag,
            **image.behaviour,
            **own,
            "CLOUD_RUN_JOB": self._job.job,
            "CLOUD_RUN_EXECUTION": task.execution,
            "CLOUD_RUN_TASK_INDEX": str(task.index),
            "CLOUD_RUN_TASK_COUNT": str(self.execution.task_count),
            "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
        }

    def _tell(self, log: JobLog, outcome: Outcome) -> None:
        if outcome.timed_out:
            log.system("ERROR", "Terminating task because it has reached the maximum timeout.")
        elif outcome.signal:
            log.system("WARNING", f"Container terminated on signal {outcome.signal}.")
        else:
            severity = "INFO" if outcome.code == 0 else "WARNING"
            log.system(severity, f"Container called exit({outcome.code}).")

    def _close(self, task: run_v2.Task) -> None:
        task.completion_time = datetime.now(UTC)
        self._save(task)

    def _save(self, task: run_v2.Task | None = None) -> None:
        now = datetime.now(UTC)
        if task is not None:
            task.update_time = now
            # An execution that was deleted takes its tasks with it.
            if task.name in self._tasks:
                self._tasks[task.name] = task
        self.execution.update_time = now
        self._saved(self.execution)
