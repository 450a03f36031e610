"""Shows a run on the terminal: live with rich, or one plain line per finished step."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from leitstand.notebook.listener import CellStart, Listener, SilentListener
from leitstand.notebook.progress import ProgressState

__all__ = ["LiveView", "PlainView", "view"]

_MARKS = {
    "running": ("▸", "blue"),
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "paused": ("‖", "yellow"),
}


@contextmanager
def view(console: Console, *, quiet: bool) -> Iterator[Listener]:
    """Show a run on the console until the block is left.

    Args:
        console: Where to; live when it is a terminal.
        quiet: Show nothing.
    """
    if quiet:
        yield SilentListener()
    elif console.is_terminal and not console.is_dumb_terminal:
        live = LiveView()
        # Nothing redirects here: what the run prints belongs to the notebook.
        with Live(
            get_renderable=live.render,
            console=console,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield live
            live.finish()
    else:
        yield PlainView(console)


class PlainView:
    """One line per finished step, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def cell_started(self, cell: CellStart) -> None:
        """Do nothing."""

    def cell_ended(self, cell: CellStart, status: str, seconds: float) -> None:
        """Print a line when the cell failed."""
        if status != "completed":
            where = f" ({cell.section})" if cell.section else ""
            self._print(f"✗ Zelle {cell.number} von {cell.total}{where}: {_WORDS[status]}")

    def progress(self, state: ProgressState) -> None:
        """Print a line when the step is over."""
        if state.state != "running":
            self._print(f"{_MARKS[state.state][0]} {state.text()}")

    def notice(self, text: str) -> None:
        """Print it."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


class LiveView:
    """One line per step, the running one with a bar, and where the notebook is."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[ProgressState, float]] = {}
        self._cell: CellStart | None = None
        self._notices: list[str] = []

    def cell_started(self, cell: CellStart) -> None:
        """Show where the notebook is."""
        self._cell = cell

    def cell_ended(self, cell: CellStart, status: str, seconds: float) -> None:
        """Show that the cell failed."""
        if status != "completed":
            self._notices.append(f"Zelle {cell.number} von {cell.total}: {_WORDS[status]}")

    def progress(self, state: ProgressState) -> None:
        """Show the step."""
        self._steps[state.step] = (state, time.monotonic())

    def notice(self, text: str) -> None:
        """Show it below the steps."""
        self._notices.append(text)

    def finish(self) -> None:
        """Leave only the steps and the notices on the terminal."""
        self._cell = None

    def render(self) -> RenderableType:
        """Return what the terminal shows now; a running step's time goes on between messages."""
        table = Table.grid(padding=(0, 1))
        for state, heard in list(self._steps.values()):
            running = state.state == "running"
            elapsed = state.elapsed + (time.monotonic() - heard if running else 0.0)
            mark, style = _MARKS[state.state]
            bar: RenderableType = ""
            if running and state.of:
                bar = ProgressBar(total=state.of, completed=min(elapsed, state.of), width=20)
            seconds = f"{elapsed:.0f} s" if running else f"{elapsed:.1f} s".replace(".", ",")
            table.add_row(
                Text(mark, style=style), Text(state.title), Text(seconds, style="dim"), bar,
                Text(state.detail, style="dim"),
            )  # fmt: skip
        rows: list[RenderableType] = [table] if self._steps else []
        rows += [Text(text, style="yellow") for text in list(self._notices)]
        if self._cell is not None:
            section = f" · {self._cell.section}" if self._cell.section else ""
            where = f"Zelle {self._cell.number} von {self._cell.total}{section}"
            rows.append(Text(where, style="dim"))
        return Group(*rows)


_WORDS = {"failed": "fehlgeschlagen", "interrupted": "angehalten", "died": "Kernel beendet"}
