"""google.cloud.run.v2.Tasks: what each process of an execution did."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.cloud import run_v2

from leitstand.sandbox.errors import not_found
from leitstand.sandbox.job_rules import execution_name, task_name
from leitstand.sandbox.paging import page
from leitstand.sandbox.store import Store

__all__ = ["Tasks"]

_SERVICE = "/google.cloud.run.v2.Tasks/"


class Tasks:
    """Serves Get and List."""

    def __init__(self, store: Store) -> None:
        self._tasks = store.table("tasks", run_v2.Task)

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods by their full gRPC path."""
        return {_SERVICE + "GetTask": self.get, _SERVICE + "ListTasks": self.list}

    async def get(self, request: run_v2.GetTaskRequest) -> run_v2.Task:
        """One task by its full name."""
        task_name(request.name)
        if request.name not in self._tasks:
            raise not_found(request.name)
        return self._tasks[request.name]

    async def list(self, request: run_v2.ListTasksRequest) -> run_v2.ListTasksResponse:
        """Tasks of an execution by index; `-` stands for every job or every execution."""
        execution_name(request.parent)
        parts = ["[^/]+" if part == "-" else re.escape(part) for part in request.parent.split("/")]
        wanted = re.compile(f"{'/'.join(parts)}/tasks/[^/]+")
        found = [task for name, task in self._tasks.items() if wanted.fullmatch(name)]
        found.sort(key=_by_index)
        shown, token = page(found, _by_index, request.page_size, request.page_token, default=100)
        return run_v2.ListTasksResponse(tasks=shown, next_page_token=token)


def _by_index(task: run_v2.Task) -> tuple[str, int]:
    return (task.name.partition("/tasks/")[0], task.index)
