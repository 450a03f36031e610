"""Progress of a step: what, how long, of what, shown in place in the notebook.

In JupyterLab the display updates itself; the ``leitstand`` engine hands the same messages to the
terminal. Plain papermill shows the last state. Nothing here is journalled.
"""

import html
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

__all__ = ["MIME_TYPE", "Progress", "ProgressState", "State", "read_progress", "render_html"]

MIME_TYPE: Final = "application/vnd.leitstand.progress+json"
"""Content type of a progress message within a display bundle."""

State = Literal["running", "done", "failed", "paused"]

_WORDS: Final[Mapping[State, str]] = {
    "running": "läuft",
    "done": "fertig",
    "failed": "fehlgeschlagen",
    "paused": "wartet",
}
_COLOURS: Final[Mapping[State, str]] = {
    "running": "#1565c0",
    "done": "#2e7d32",
    "failed": "#c62828",
    "paused": "#b26a00",
}
_LEAST_INTERVAL: Final = 0.2


@dataclass(frozen=True)
class ProgressState:
    """One message about a step.

    Attributes:
        step: Stable id of the step.
        title: German title.
        state: running, done, failed or paused.
        elapsed: Seconds since the step began.
        of: Seconds it may take, or None when unknown.
        detail: German half sentence about what is being waited for.
    """

    step: str
    title: str
    state: State
    elapsed: float
    of: float | None = None
    detail: str = ""

    def text(self) -> str:
        """Return the message as one German line."""
        limit = f" von {self.of:.0f} s" if self.of and self.state == "running" else " s"
        elapsed = f"{self.elapsed:.1f}".replace(".", ",")
        detail = f" · {self.detail}" if self.detail else ""
        return f"{self.title}: {_WORDS[self.state]} · {elapsed}{limit}{detail}"


class Progress:
    """A step on display; a context manager that ends as done or failed.

    Outside a kernel it keeps its state and shows nothing.
    """

    def __init__(
        self,
        step: str,
        title: str,
        of: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._started = clock()
        self._published = float("-inf")
        self._display_id = f"leitstand-{uuid.uuid4().hex}"
        self._shown = False
        self.state = ProgressState(step, title, "running", 0.0, of)

    def __enter__(self) -> Self:
        self.update()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.state.state == "running":
            self.end("failed" if error is not None else "done")

    def update(self, detail: str | None = None, of: float | None = None) -> None:
        """Show that the step goes on; at most five times a second."""
        now = self._clock()
        self._set("running", detail, of)
        if now - self._published >= _LEAST_INTERVAL:
            self._publish(now)

    def end(self, state: State = "done", detail: str | None = None) -> None:
        """Show how the step ended."""
        self._set(state, detail, None)
        self._publish(self._clock())

    def _set(self, state: State, detail: str | None, of: float | None) -> None:
        old = self.state
        self.state = ProgressState(
            old.step,
            old.title,
            state,
            self._clock() - self._started,
            of if of is not None else old.of,
            old.detail if detail is None else detail,
        )

    def _publish(self, now: float) -> None:
        self._published = now
        shell = _shell()
        if shell is None:
            return
        from IPython.display import publish_display_data

        publish_display_data(
            data=bundle(self.state),
            transient={"display_id": self._display_id},
            update=self._shown,
        )
        self._shown = True


def bundle(state: ProgressState) -> dict[str, object]:
    """Return the display bundle of a message."""
    return {
        MIME_TYPE: {
            "step": state.step,
            "title": state.title,
            "state": state.state,
            "elapsed": round(state.elapsed, 2),
            "of": state.of,
            "detail": state.detail,
        },
        "text/html": render_html(state),
        "text/plain": state.text(),
    }


def read_progress(data: Mapping[str, object]) -> ProgressState | None:
    """Return the progress message of a display bundle, or None when it holds none."""
    message = data.get(MIME_TYPE)
    if not isinstance(message, Mapping) or message.get("state") not in _WORDS:
        return None
    elapsed, of = message.get("elapsed"), message.get("of")
    return ProgressState(
        step=str(message.get("step", "")),
        title=str(message.get("title", "")),
        state=message["state"],
        elapsed=float(elapsed) if isinstance(elapsed, int | float) else 0.0,
        of=float(of) if isinstance(of, int | float) else None,
        detail=str(message.get("detail") or ""),
    )


def render_html(state: ProgressState) -> str:
    """Return the message as HTML: a bar that fills with the time, and one line of text."""
    filled = 100.0 if state.state != "running" else 0.0
    if state.state == "running" and state.of:
        filled = min(100.0, 100.0 * state.elapsed / state.of)
    colour = _COLOURS[state.state]
    return (
        f'<div role="status" style="font-family:sans-serif;max-width:46em">'
        f"<div>{html.escape(state.text())}</div>"
        f'<div style="height:6px;border-radius:3px;background:#8883">'
        f'<div style="height:6px;border-radius:3px;width:{filled:.0f}%;background:{colour}">'
        f"</div></div></div>"
    )


def _shell() -> object | None:
    import sys

    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    shell: object | None = get_ipython()
    return shell if hasattr(shell, "kernel") else None
