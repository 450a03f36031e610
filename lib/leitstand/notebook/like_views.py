"""Tables of predictions: where a plan departs, and what has changed since the rehearsal."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from leitstand.core.predictions.plans import ABSENT, Departure
from leitstand.core.predictions.world import Change
from leitstand.notebook.views import Row, Table, Tone

__all__ = ["changes_table", "departures_table", "place_text"]

_LONGEST = 120
_MIGRATIONS = "migrations."


def departures_table(found: Sequence[Departure], rehearsal: str) -> Table:
    """Return where a plan departs from what a rehearsal predicted."""
    rows = [
        Row((place_text(one), _text(one.predicted), _text(one.planned)), Tone.BAD) for one in found
    ]
    return Table(f"Abweichungen von der Probe {rehearsal}", ("Wo", "Vorhersage", "Jetzt"), rows)


def changes_table(found: Sequence[Change], at: datetime) -> Table:
    """Return what has changed about the services since the rehearsal read them."""
    rows = [Row((one.path, _text(one.before), _text(one.now)), Tone.WAIT) for one in found]
    return Table(
        f"Was sich an den Diensten seit {at.astimezone():%d.%m. %H:%M} geändert hat",
        ("Wo", "Damals", "Jetzt"),
        rows,
        "An Verkehr, Revisionen und Skalierung der Dienste nichts.",
    )


def place_text(departure: Departure) -> str:
    """Return where a departure is, in German words and the plan's own names."""
    if departure.part == "plan":
        if not departure.path:
            return "ein Plan, den die Probe nicht hatte"
        if departure.path.startswith(_MIGRATIONS):
            return f"Migration {departure.path.removeprefix(_MIGRATIONS)}"
        return "Ziel" if departure.path == "target" else "Reihenfolge"
    back = "Rückweg " if departure.part == "way_back" else ""
    if not departure.path:
        what = "zusätzlich" if departure.predicted == ABSENT else "fehlt"
        return f"{back}{departure.id} ({what})"
    path = departure.path.removeprefix("arguments.")
    return f"{back}{departure.id}: {path}"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
