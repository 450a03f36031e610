"""German words for the events of a journal, and the groups by which a reader chooses them."""

from typing import Final

from leitstand.audit.record_page.words import Tone

__all__ = ["GROUPS", "GROUP_OF", "NAMES", "STATUS", "TONES"]

GROUPS: Final = {
    "run": "Lauf",
    "step": "Schritte",
    "plan": "Plan und Freigabe",
    "action": "Aktionen und Aufrufe",
    "check": "Beobachtung und Urteil",
    "cell": "Zellen",
    "other": "Sonstiges",
}
"""Kinds of events by which a reader chooses."""

GROUP_OF: Final = {
    "run": "run", "error": "run", "step": "step", "plan": "plan", "approval": "plan",
    "action": "action", "rollout": "action", "verdict": "check",
    "observation": "check", "clone": "check", "migration": "check", "snapshot": "check",
    "tenancy": "check", "vectors": "check", "incident": "check", "cell": "cell",
}  # fmt: skip
NAMES: Final = {
    "action.intent": "Aktion angekündigt",
    "action.operation": "Operation begonnen",
    "action.outcome": "Aktion beendet",
    "approval.broken_glass": "NOTFALL: ohne zweite Person",
    "approval.given": "Freigabe erteilt",
    "approval.refused": "Freigabe gilt nicht",
    "approval.requested": "Freigabe erbeten",
    "approval.unannounced": "Notfall nicht gemeldet",
    "cell.completed": "Zelle beendet",
    "cell.earlier": "Zelle vor dem Lauf",
    "cell.started": "Zelle begonnen",
    "error": "Fehler",
    "incident.declared": "Vorfall ausgerufen",
    "incident.ranked": "Ursachen gewichtet",
    "incident.recovered": "Vorfall überstanden",
    "kernel.ended": "Kernel beendet",
    "observation": "Beobachtung",
    "plan.made": "Plan gemacht",
    "redaction": "Maskiert",
    "run.completed": "Lauf abgeschlossen",
    "run.failed": "Lauf gescheitert",
    "run.paused": "Lauf wartet",
    "run.resumed": "Lauf fortgesetzt",
    "run.rolled_back": "Lauf zurückgenommen",
    "run.started": "Lauf begonnen",
    "step.completed": "Schritt beendet",
    "step.failed": "Schritt gescheitert",
    "step.paused": "Schritt wartet",
    "step.started": "Schritt begonnen",
    "verdict": "Urteil",
}
TONES: Final = {
    "approval.broken_glass": Tone.BAD,
    "approval.given": Tone.GOOD,
    "approval.refused": Tone.WAIT,
    "approval.unannounced": Tone.BAD,
    "error": Tone.BAD,
    "run.completed": Tone.GOOD,
    "run.failed": Tone.BAD,
    "run.paused": Tone.WAIT,
    "run.rolled_back": Tone.WAIT,
    "step.failed": Tone.BAD,
    "step.paused": Tone.WAIT,
}
STATUS: Final = {
    "done": "getan",
    "found_done": "war schon getan",
    "failed": "gescheitert",
    "completed": "",
}
