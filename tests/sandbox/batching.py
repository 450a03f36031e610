"""Jobs of the sandbox in this process: a real gRPC server, real tasks, Google's clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.api_core.future.polling import DEFAULT_POLLING
from google.cloud import run_v2

from leitstand.sandbox.errors import not_found
from leitstand.sandbox.execution_run import Surroundings
from leitstand.sandbox.images.catalogue import Catalogue
from leitstand.sandbox.jobs import Jobs
from leitstand.sandbox.logs import Logs
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.store import Store
from leitstand.sandbox.traffic_log import TrafficLog
from tests.sandbox.serving import LOCATION, PROJECT, Serving, serving

IMAGE = "europe-west3-docker.pkg.dev/leitstand-sandbox/leitstand/web"
JOB = f"{LOCATION}/jobs/migrate"
DATABASE_SECRET = f"projects/{PROJECT}/secrets/DATABASE_URL/versions/1"


class Batch:
    """Jobs behind a server.

    Attributes:
        jobs, executions, tasks: Google's clients.
        logs: What the tasks wrote.
        resource: The resource class itself.
    """

    def __init__(self, directory: Path, secrets: Mapping[str, bytes], grace: float) -> None:
        self._directory = directory
        self._secrets = secrets
        self._grace = grace

    def make(self) -> tuple[Any, ...]:
        self.store = Store(self._directory)
        self.logs = Logs(TrafficLog())
        self._operations = Operations(self.store)
        around = Surroundings(Catalogue.load(), self.logs, self._secret, self._grace)
        self.resource = Jobs(self.store, self._operations, around)
        return self.resource, self._operations, self.logs

    def connect(self, server: Serving) -> None:
        self.server = server
        self.jobs = server.client(run_v2.JobsClient)
        self.executions = server.client(run_v2.ExecutionsClient)
        self.tasks = server.client(run_v2.TasksClient)

    async def close(self) -> None:
        await self._operations.close()
        await self.resource.close()
        self.store.save()

    def create(self, *args: str, job_id: str = "migrate", **settings: Any) -> run_v2.Job:
        """Create a job whose container runs the arguments."""
        operation = self.jobs.create_job(parent=LOCATION, job_id=job_id, job=job(*args, **settings))
        return done(operation)

    def run(self, name: str = JOB, **overrides: Any) -> run_v2.Execution:
        """Run a job to its end, however that is, and return the execution."""
        operation = self.jobs.run_job({"name": name, "overrides": overrides})
        with suppress(GoogleAPICallError):
            done(operation)
        return self.executions.get_execution(name=operation.metadata.name)

    def started(self, name: str = JOB, **overrides: Any) -> str:
        """Start a job and return the execution's name once its first task has a process."""
        execution = self.jobs.run_job({"name": name, "overrides": overrides}).metadata.name
        wait_for(lambda: self.pids(execution))
        return execution

    def pids(self, execution: str) -> list[int]:
        async def read() -> list[int]:
            run = self.resource.executions.running.get(execution)
            return run.pids if run else []

        return self.server.call(read())

    def only_task(self, execution: str) -> run_v2.Task:
        (task,) = self.tasks.list_tasks(parent=execution)
        return task

    def lines(self, log: str = "stdout") -> list[dict[str, Any] | str]:
        """What tasks wrote, oldest first: payloads where they are JSON."""

        async def read() -> list[Any]:
            entries = [entry for _, entry in self.logs._entries]
            ending = f"%2F{log.replace('/', '%2F')}"
            return [
                entry.get("jsonPayload") or entry.get("textPayload")
                for entry in entries
                if entry["logName"].endswith(ending)
            ]

        return self.server.call(read())

    def events(self, event: str) -> list[dict[str, Any]]:
        """The application's structured lines of that event."""
        return [
            line for line in self.lines() if isinstance(line, dict) and line.get("event") == event
        ]

    def _secret(self, name: str) -> bytes:
        if name not in self._secrets:
            raise not_found(name, "Secret")
        return self._secrets[name]


@contextmanager
def batch(
    directory: Path, secrets: Mapping[str, bytes] | None = None, *, grace: float = 2.0
) -> Iterator[Batch]:
    """Jobs for the block; all their processes have ended afterwards."""
    made = Batch(directory, secrets or {}, grace)
    with serving(made.make) as server:
        made.connect(server)
        try:
            yield made
        finally:
            server.call(made.close())


def job(
    *args: str,
    tag: str = "1.0.0",
    command: tuple[str, ...] = (),
    env: tuple[dict[str, Any], ...] = (),
    task_count: int = 1,
    parallelism: int = 0,
    **task: Any,
) -> dict[str, Any]:
    """A job as JSON; `task` are fields of the task template, max_retries 0 unless given."""
    container = {
        "image": f"{IMAGE}:{tag}", "command": list(command), "args": list(args), "env": list(env)
    }  # fmt: skip
    return {
        "template": {
            "task_count": task_count,
            "parallelism": parallelism,
            "template": {"max_retries": 0, **task, "containers": [container]},
        }
    }


def python(code: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Arguments and settings of a job that runs some Python."""
    return ("-c", code), {"command": ("python",), **settings}


def done(operation: Any, timeout: float = 60) -> Any:
    return operation.result(timeout=timeout, polling=DEFAULT_POLLING.with_delay(0.01, 0.05))


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def condition_of(resource: Any, type_: str = "Completed") -> run_v2.Condition:
    (found,) = (condition for condition in resource.conditions if condition.type_ == type_)
    return found
