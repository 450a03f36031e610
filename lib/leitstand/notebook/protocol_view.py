"""What stands at the end of a run's notebook: its steps, and where its record is."""

from collections.abc import Iterable, Mapping
from typing import Any

from leitstand.notebook.sealed import RecordKept
from leitstand.notebook.views import Notice, Row, Table, Tone

__all__ = ["protocol_table", "record_notice"]

_ENDS = {"step.completed": Tone.GOOD, "step.failed": Tone.BAD, "step.paused": Tone.WAIT}


def protocol_table(run: str, events: Iterable[Mapping[str, Any]]) -> Table:
    """Return the steps that a journal tells of, with how long each took."""
    titles: dict[str, str] = {}
    rows = []
    for event in events:
        if event["event"] == "step.started":
            titles[event["step"]] = str(event["title"])
        elif (tone := _ENDS.get(str(event["event"]))) is not None:
            rows.append(Row((titles.get(event["step"], ""), _seconds(event.get("elapsed"))), tone))
    return Table(f"Protokoll des Laufs {run}", ("Schritt", "Dauer"), rows)


def record_notice(kept: RecordKept) -> Notice:
    """Return what became of a run's record."""
    if kept.problem:
        return Notice(kept.problem, Tone.WAIT)
    return Notice(f"Der Lauf ist versiegelt: Beleg {kept.seq}.", Tone.GOOD)


def _seconds(elapsed: object) -> str:
    return f"{elapsed:.1f} s".replace(".", ",") if isinstance(elapsed, int | float) else "–"
