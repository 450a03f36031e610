"""Observations of Cloud Run jobs and their executions, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["ExecutionState", "JobState", "TaskState", "prepared_template"]


@dataclass(frozen=True)
class JobState:
    """A job as it was read.

    Attributes:
        name: Full resource name.
        etag: Opaque version; a change made on an older one is refused by the API.
        generation: Counts the changes of what is wanted.
        template: The template of the next execution, as JSON values of the API.
        problem: What the API reports when no execution can be made, else empty.
    """

    name: str
    etag: str
    generation: int
    template: Mapping[str, Any]
    problem: str = ""

    @property
    def short_name(self) -> str:
        """The last part of the resource name."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def image(self) -> str:
        """Image reference of the container."""
        return str(_task(self.template)["containers"][0]["image"])

    @property
    def longest(self) -> float:
        """Seconds that an execution may take: the timeout holds for each attempt."""
        task = _task(self.template)
        return float(str(task["timeout"]).removesuffix("s")) * (int(task["max_retries"]) + 1)


@dataclass(frozen=True)
class ExecutionState:
    """An execution as it was read.

    Attributes:
        name: Full resource name.
        created_at: When it was asked for.
        completed: Whether it has ended, in whatever way.
        env: Plain environment variables of its container, those of the request included.
        task_count: Tasks that it has.
        succeeded: Tasks that ended with exit code 0.
        failed: Tasks whose last attempt failed.
        cancelled: Tasks that were ended on request.
        retried: Tasks that needed another attempt.
        problem: What the API reports of its end, else empty.
    """

    name: str
    created_at: datetime
    completed: bool
    env: Mapping[str, str] = field(default_factory=dict)
    task_count: int = 1
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    retried: int = 0
    problem: str = ""

    @property
    def short_name(self) -> str:
        """The last part of the resource name."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def done(self) -> bool:
        """Whether every task succeeded."""
        return self.completed and self.succeeded >= self.task_count


@dataclass(frozen=True)
class TaskState:
    """The last attempt of a task.

    Attributes:
        retried: Attempts before it.
        exit_code: Of the container; 0 also where it was ended by a signal.
        signal: Number of the signal that ended it, or 0.
        problem: What the API says of it, else empty.
    """

    retried: int
    exit_code: int
    signal: int
    problem: str = ""


def prepared_template(
    template: Mapping[str, Any], image: str, timeout: str, max_retries: int
) -> dict[str, Any]:
    """Return a job's template with another image, and the limits of the environment file."""
    task = dict(_task(template))
    first, *rest = task["containers"]
    task |= {
        "containers": [{**first, "image": image}, *rest],
        "timeout": timeout,
        "max_retries": max_retries,
    }
    return {**template, "template": task}


def _task(template: Mapping[str, Any]) -> Mapping[str, Any]:
    task: Mapping[str, Any] = template["template"]
    return task
