"""Which steps of a run are done for good, when, and by whom. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from leitstand.execution.history import History

__all__ = ["Frozen", "frozen_step"]

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Frozen:
    """A step that has changed something and reached its goal.

    Attributes:
        at: When, ISO 8601.
        by: Who operated the run then.
    """

    at: str
    by: str


def frozen_step(events: Iterable[Event], history: History, step: str) -> Frozen | None:
    """Return when a step was done, if nothing is left to do in it; None otherwise.

    A step that only looks is never done for good: it looks again.

    Args:
        events: Of the journal.
        history: Of the same.
        step: Id of the step.
    """
    found: Frozen | None = None
    inside, by = False, ""
    actions: set[str] = set()
    for event in events:
        kind = event["event"]
        if kind in {"run.started", "run.resumed"}:
            by, inside = str(event.get("operator", "")), False
        elif kind == "step.started":
            inside, actions = event.get("step") == step, set()
        elif kind == "action.outcome" and inside:
            actions.add(str(event["id"]))
        elif kind == "step.completed" and inside:
            inside = False
            if actions:
                done = all(history.action(action).done for action in actions)
                found = Frozen(str(event["at"]), by) if done else None
    return found
