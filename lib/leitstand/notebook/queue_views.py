"""Tables about queue and workers."""

from leitstand.core.scaling.decision import Load
from leitstand.core.scaling.stated import is_manual
from leitstand.notebook.queue_wording import scaling_text, seconds_text
from leitstand.notebook.queueing import Standing
from leitstand.notebook.views import Notice, Row, Tone
from leitstand.notebook.wording import number

__all__ = ["by_hand", "load_rows", "standing_rows"]


def load_rows(load: Load) -> list[Row]:
    """Return what was seen of the queue."""
    per_minute = 60 / load.seconds if load.seconds else 0
    oldest = seconds_text(load.oldest_seconds) if load.length else "–"
    return [
        Row(("Wartende Aufgaben", str(load.length))),
        Row(("Älteste wartet seit", oldest)),
        Row(("In Arbeit", str(load.in_hand))),
        Row(("Zulauf je Minute", number(load.arrived * per_minute))),
        Row(("Abgeholt je Minute", number(load.taken * per_minute))),
    ]


def standing_rows(standing: Standing) -> list[Row]:
    """Return how a service is scaled and what runs of it."""
    name = standing.state.short_name
    measured = "nicht messbar" if standing.measured is None else str(standing.measured)
    return [
        Row((f"Skalierung von {name}", scaling_text(standing.scaling))),
        Row((f"Laufende Instanzen von {name}", measured)),
    ]


def by_hand(*standings: Standing) -> list[Notice]:
    """Return a notice for each service whose scaling by hand is a deviation."""
    return [
        Notice(
            f"{standing.state.short_name} ist von Hand skaliert. Das weicht von der Umgebungsdatei"
            " ab und steht so im Runbook „Abweichungen finden“, bis es zurückgenommen ist.",
            Tone.WAIT,
        )
        for standing in standings
        if is_manual(standing.scaling)
    ]
