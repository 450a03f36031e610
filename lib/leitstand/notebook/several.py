"""Says in one line of progress how far several actions are that run at the same time."""

from collections.abc import Set

from leitstand.execution.parallel import Status
from leitstand.notebook.progress import Progress

__all__ = ["Several"]


class Several:
    """Watches a schedule.

    Attributes:
        progress: Where it is told; None while nothing is shown.
    """

    def __init__(self, ids: Set[str]) -> None:
        self.progress: Progress | None = None
        self._open = set(ids)
        self._working: dict[str, str] = {}

    def watch(self, id: str, status: Status, detail: str) -> None:
        """Take note of one action, and say what is open and what is being worked on."""
        if status in {Status.STARTED, Status.WAITING}:
            self._working[id] = detail or self._working.get(id, "")
        else:
            self._working.pop(id, None)
            self._open.discard(id)
        if self.progress is not None:
            self.progress.update(self._text())

    def _text(self) -> str:
        if not self._working:
            return ""
        working = [f"{key} ({text})" if text else key for key, text in self._working.items()]
        first = working[:2]
        more = len(self._working) - len(first)
        names = ", ".join(first) + (f" und {more} weitere" if more > 0 else "")
        return f"noch {len(self._open)}: {names}"
