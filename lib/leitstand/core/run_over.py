"""Whether a run has ended or waits, as its journal tells, and the refusal to do more in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from leitstand.core.errors import GateRefused

__all__ = ["RunOver", "told"]


class RunOver(GateRefused):
    """The run has ended; nothing more is done or written in it.

    Attributes:
        run: Its id.
    """

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} ist beendet; in ihm geschieht nichts mehr.",
            "Beginnen Sie einen neuen: In JupyterLab führen Sie die Zelle mit begin() noch einmal"
            " aus.",
        )
        self.run = run


def told(events: Sequence[Mapping[str, Any]], kind: str) -> bool:
    """Return whether the run itself journalled this, and nothing that changed it since."""
    for event in reversed(events):
        if event["event"] == kind:
            return True
        if event["event"] in {"action.intent", "run.started", "run.resumed", "run.completed"}:
            return False
    return False
