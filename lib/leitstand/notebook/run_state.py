"""Where an interactive run stands: each section of its runbook, when it was done, and by whom.

Read from the journal alone, so that a new kernel, or a reader without one, sees the same.
"""

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from leitstand.execution.history import History
from leitstand.notebook.frozen import frozen_step
from leitstand.notebook.outline import Outline
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["MIME_TYPE", "RunState", "SectionRow", "StateView", "clock_time", "show_done"]

MIME_TYPE: Final = "application/vnd.leitstand.state+json"
"""Marks the output that shows the state, so that it can be found and renewed."""

Event = Mapping[str, Any]

_COLOURS: Final = {"✓": "#2e7d32", "✗": "#c62828", "▶": "#1565c0", "…": "#b26a00", "–": "#607d8b"}
_MEANS: Final = {"✓": "getan", "✗": "gescheitert", "▶": "läuft", "…": "angefangen", "–": "offen"}
_STEP_ENDS: Final = {"step.completed": "✓", "step.failed": "✗", "step.paused": "…"}
_ENDS: Final = {
    "run.completed": "beendet",
    "run.failed": "gescheitert oder abgebrochen",
    "run.rolled_back": "zurückgenommen",
    "rollout.left": "losgelassen: Jemand anderes hat eingegriffen",
}


@dataclass(frozen=True)
class SectionRow:
    """One section.

    Attributes:
        title: Its heading.
        mark: ``✓``, ``✗``, ``▶``, ``…`` (begun) or ``–``.
        at: When it was done, or came so far; ISO 8601, or empty.
        by: Who did it, or empty.
        steps: Its steps, each with its mark.
    """

    title: str
    mark: str
    at: str = ""
    by: str = ""
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class StateView:
    """What stands at the top of the notebook."""

    run: str
    end: str
    rows: tuple[SectionRow, ...]

    def bundle(self) -> dict[str, Any]:
        """Return it as the data of a display."""
        return {
            MIME_TYPE: {"run": self.run},
            "text/html": self.as_html(),
            "text/plain": self.as_text(),
        }

    def as_text(self) -> str:
        """Return it as plain text."""
        lines = [f"Stand des Laufs {self.run}{self._ended()}"]
        width = max((len(row.title) for row in self.rows), default=0)
        for row in self.rows:
            told = "  ".join(filter(None, (clock_time(row.at), row.by, "; ".join(row.steps))))
            lines.append(f"  {row.mark} {row.title.ljust(width)}  {told}".rstrip())
        return "\n".join(lines)

    def as_html(self) -> str:
        """Return it as a table."""
        rows = "".join(
            f'<tr><td style="color:{_COLOURS[row.mark]}" title="{_MEANS[row.mark]}">'
            f"<b>{row.mark}</b></td><td>{html.escape(row.title)}</td>"
            f"<td>{clock_time(row.at)}</td><td>{html.escape(row.by)}</td>"
            f"<td>{html.escape('; '.join(row.steps))}</td></tr>"
            for row in self.rows
        )
        head = "".join(f"<th>{name}</th>" for name in ("", "Abschnitt", "Zeit", "Wer", "Schritte"))
        return (
            f'<div role="status"><b>Stand des Laufs {html.escape(self.run)}'
            f"{html.escape(self._ended())}</b><table><tr>{head}</tr>{rows}</table></div>"
        )

    def _ended(self) -> str:
        return f" – {self.end}" if self.end else ""


def show_done(events: Iterable[Event], history: History, step: str, title: str) -> None:
    """Show when and by whom a step was done, if nothing is left to do in it.

    Args:
        events: Of the journal.
        history: Of the same.
        step: Id of the step.
        title: Its title.
    """
    done = frozen_step(events, history, step)
    if done is not None:
        when = f"am {clock_time(done.at)} von {done.by}"
        show(Notice(f"{title}: schon getan {when}. Es geschieht kein zweites Mal.", Tone.GOOD))


def clock_time(at: str) -> str:
    """Return day and time of a journal's moment as they are where the reader is; or empty."""
    return f"{datetime.fromisoformat(at).astimezone():%d.%m. %H:%M}" if at else ""


@dataclass
class _Section:
    done: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    acted: bool = False
    at: str = ""
    by: str = ""
    steps: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """By id: mark, title, and when."""


class RunState:
    """Follows the events of a run.

    Args:
        run: Its id.
        outline: Of its runbook.
    """

    def __init__(self, run: str, outline: Outline) -> None:
        self._run = run
        self._required = dict.fromkeys(outline.sections, 0)
        for cell in outline.cells:
            # What the parameters are is settled when begin() has checked them.
            self._required[cell.section] += not cell.parameters
        self._sections = {title: _Section() for title in self._required}
        self._cell = self._current = self._end = self._operator = self._approver = ""
        self._acted = False

    def view(self) -> StateView:
        """Return where the run stands."""
        rows = tuple(self._row(title, section) for title, section in self._sections.items())
        return StateView(self._run, self._end, rows)

    def take(self, events: Iterable[Event]) -> None:
        """Add events, oldest first."""
        for event in events:
            kind = str(event["event"])
            if kind in {"run.started", "run.resumed"}:
                self._operator, self._end = str(event.get("operator", "")), ""
                self._cell = self._current = ""
            elif kind == "cell.started":
                self._cell, self._current = _name(event), str(event.get("section", ""))
                self._acted, self._approver = False, ""
            elif kind == "cell.completed":
                self._completed(event)
            elif kind == "approval.given":
                self._approver = str(event.get("by", ""))
            elif kind.startswith("action."):
                self._acted = True
            elif kind == "step.started" or kind in _STEP_ENDS:
                self._step(kind, event)
            elif kind in _ENDS:
                self._end = _ENDS[kind]

    def _completed(self, event: Event) -> None:
        section = self._sections.get(self._current)
        if section is not None:
            good = event.get("status") == "completed"
            (section.done if good else section.failed).add(self._cell)
            (section.failed if good else section.done).discard(self._cell)
            # Done again without acting: it is still then that it was done.
            if self._acted or not section.acted or not good:
                section.at, section.by = str(event["at"]), self._approver or self._operator
            section.acted |= self._acted
        self._cell = self._current = ""

    def _step(self, kind: str, event: Event) -> None:
        section = self._sections.get(self._current)
        step = str(event.get("step", ""))
        if section is None:
            return
        before = section.steps.get(step)
        if kind == "step.started":
            section.steps[step] = ("▶", str(event.get("title", "")), before[2] if before else "")
        elif before is not None:
            frozen = before[2] if not self._acted and section.acted else ""
            section.steps[step] = (_STEP_ENDS[kind], before[1], frozen or str(event["at"]))

    def _row(self, title: str, section: _Section) -> SectionRow:
        if title == self._current and self._cell:
            mark = "▶"
        elif section.failed:
            mark = "✗"
        elif section.done:
            mark = "✓" if len(section.done) >= self._required[title] else "…"
        else:
            mark = "–"
        steps = tuple(f"{mark} {name}" for mark, name, _ in section.steps.values())
        return SectionRow(title, mark, section.at, section.by, steps)


def _name(event: Event) -> str:
    """Return what tells the cells of a section apart: their place in the runbook."""
    index = event.get("index")
    return str(event.get("cell", "")) if index is None else f"#{index}"
