"""A journal that cannot be written: nothing is done that it would not tell of."""

import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.journal import Journal
from leitstand.core.plan import Action, Plan
from leitstand.execution.executor import Executor, Watch
from tests.fixtures.approved import approved_in


class Counter:
    """A world in which one number is set."""

    def __init__(self) -> None:
        self.value = 0

    def reached(self, action: Action) -> bool:
        return bool(self.value == action.arguments["value"])

    def start(self, action: Action, etag: str) -> str:
        self.value = action.arguments["value"]
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        return {}


@contextmanager
def no_room_in(path: Path) -> Iterator[None]:
    """Let the kernel refuse every file that grows beyond this one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_action_does_not_start_while_its_intent_cannot_be_journalled(tmp_path: Path) -> None:
    journal, world = Journal(tmp_path / "journal.jsonl"), Counter()
    action = Action("set", "set_value", "counters/one", {"value": 7})
    plan = Plan("test", "sandbox", "counters/one", {}, (action,))
    journal.append("run.started", run="a", env="sandbox")
    executor = Executor(approved_in(journal, plan), journal, {"set_value": world})
    with no_room_in(journal.path), pytest.raises(OSError, match="File too large"):
        executor.apply("set")
    assert 0 == world.value
    executor.apply("set")
    assert 7 == world.value
    assert ["action.intent", "action.outcome"] == [
        event["event"]
        for event in journal.events()
        if event["event"] in {"action.intent", "action.outcome"}
    ]
