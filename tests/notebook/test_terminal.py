"""How a run looks on the terminal."""

import io

from rich.console import Console

from leitstand.notebook.listener import CellStart, SilentListener
from leitstand.notebook.progress import ProgressState
from leitstand.notebook.terminal import LiveView, PlainView, view

CELL = CellStart(3, 2, 5, "Plan")


def plain() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=80), out


def test_without_a_terminal_each_finished_step_is_one_line():
    console, out = plain()
    with view(console, quiet=False) as listener:
        listener.cell_started(CELL)
        listener.progress(ProgressState("a", "Beobachten [x]", "running", 0.5))
        listener.progress(ProgressState("a", "Beobachten [x]", "done", 1.25))
        listener.cell_ended(CELL, "completed", 1.0)
        listener.cell_ended(CELL, "failed", 1.0)
    expected = [
        "✓ Beobachten [x]: fertig · 1,2 s", "✗ Zelle 2 von 5 (Plan): fehlgeschlagen",
    ]  # fmt: skip
    assert expected == out.getvalue().splitlines()
    assert isinstance(listener, PlainView)


def test_quiet_shows_nothing():
    console, out = plain()
    with view(console, quiet=True) as listener:
        listener.notice("x")
    assert "" == out.getvalue()
    assert isinstance(listener, SilentListener)


def test_a_terminal_shows_every_step_the_running_one_with_a_bar():
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True)
    live = LiveView()
    live.cell_started(CELL)
    live.progress(ProgressState("a", "Beobachten", "done", 1.25))
    live.progress(ProgressState("b", "Verkehr verlagern", "running", 10.0, 20.0, "10 %"))
    live.notice("Achtung")
    console.print(live.render())
    shown = out.getvalue()
    for text in ("✓", "Beobachten", "Verkehr verlagern", "━", "10 %", "Achtung", "Zelle 2 von 5"):
        assert text in shown
