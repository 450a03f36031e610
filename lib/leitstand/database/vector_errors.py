"""What can go wrong with maintenance of vector indexes, told apart by the server's own codes."""

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from leitstand.core.errors import RunFailed
from leitstand.database.errors import DatabaseRefused

if TYPE_CHECKING:
    import psycopg

__all__ = ["MaintenanceRefused", "Trouble", "refusal"]


class Trouble(StrEnum):
    """Causes that an operator treats differently."""

    CANCELLED = "cancelled"
    CONNECTION_LOST = "connection_lost"
    DEADLOCK = "deadlock"
    DISK_FULL = "disk_full"
    EXTENSION_MISSING = "extension_missing"
    HELD = "held"
    INVALID = "invalid"
    LOCK_TIMEOUT = "lock_timeout"
    MEMORY_SHORT = "memory_short"
    NAME_TAKEN = "name_taken"
    NO_DIMENSIONS = "no_dimensions"
    NO_RIGHTS = "no_rights"
    OTHER = "other"
    TOO_MANY_DIMENSIONS = "too_many_dimensions"


class MaintenanceRefused(DatabaseRefused):
    """The database did not carry out a piece of maintenance.

    Attributes:
        trouble: Why, for programs.
    """

    def __init__(self, trouble: Trouble, what: str, reason: str, advice: str) -> None:
        RunFailed.__init__(self, f"{what} {reason}", advice)
        self.trouble = trouble
        self.what = what
        self.reason = reason

    def adding(self, sentence: str) -> "MaintenanceRefused":
        """Return the same with one more sentence."""
        reason = f"{self.reason} {sentence}".strip()
        return MaintenanceRefused(self.trouble, self.what, reason, self.advice)


_GO_ON = "setzen Sie den Lauf fort"
_MEMORY = re.compile(r"memory required is (.+?), maintenance_work_mem is (.+)")
_DIMENSIONS = re.compile(r"column cannot have more than (\d+) dimensions")


def refusal(
    what: str, error: "psycopg.Error", *, seconds: float = 0.0, blockers: str = ""
) -> MaintenanceRefused:
    """Return what an error of the server means for an undertaking.

    Codes: PostgreSQL's documentation, appendix A; pgvector raises program_limit_exceeded for too
    little memory (src/ivfkmeans.c) and for too many dimensions (src/hnswbuild.c, ivfbuild.c).

    Args:
        what: The undertaking, in German, as the subject of a sentence.
        error: What psycopg raised.
        seconds: The deadline for a lock.
        blockers: For whom it waited, in German, as far as that is known.
    """
    state = error.sqlstate or ""
    lines = (error.diag.message_primary or str(error)).strip().splitlines()
    text = lines[0].rstrip(".") if lines else type(error).__name__
    trouble = _trouble(state, text)
    memory, dimensions = _MEMORY.search(text), _DIMENSIONS.search(text)
    reasons = {
        Trouble.LOCK_TIMEOUT: f"hat {seconds:g} s gewartet und aufgegeben."
        f" {f'Im Weg ist {blockers}.' if blockers else 'Wer im Weg war, ist nicht mehr zu sehen.'}",
        Trouble.MEMORY_SHORT: "braucht mehr Arbeitsspeicher:"
        f" nötig sind {memory[1] if memory else '?'},"
        f" maintenance_work_mem ist {memory[2] if memory else '?'}.",
        Trouble.TOO_MANY_DIMENSIONS: "ist nicht möglich: Dieser Typ von Spalte lässt sich nur bis"
        f" {dimensions[1] if dimensions else '2000'} Dimensionen indizieren.",
    }
    reason = reasons.get(trouble) or _REASONS[trouble].format(text=text)
    return MaintenanceRefused(trouble, what, reason, _ADVICE[trouble])


def _trouble(state: str, text: str) -> Trouble:
    if state == "54000" and _MEMORY.search(text):
        return Trouble.MEMORY_SHORT
    if state == "54000" and "dimensions" in text:
        return Trouble.TOO_MANY_DIMENSIONS
    if "does not have dimensions" in text:
        return Trouble.NO_DIMENSIONS
    if state == "42704" and ("access method" in text or "operator class" in text):
        return Trouble.EXTENSION_MISSING
    if not state or state.startswith("08") or state in {"57P01", "57P02", "57P03"}:
        return Trouble.CONNECTION_LOST
    return _BY_STATE.get(state, Trouble.OTHER)


_BY_STATE = {
    "57014": Trouble.CANCELLED,
    "55P03": Trouble.LOCK_TIMEOUT,
    "40P01": Trouble.DEADLOCK,
    "53100": Trouble.DISK_FULL,
    "42501": Trouble.NO_RIGHTS,
    "42P07": Trouble.NAME_TAKEN,
}

_REASONS = {
    Trouble.CANCELLED: "wurde auf dem Server abgebrochen.",
    Trouble.CONNECTION_LOST: "verlor die Verbindung zur Datenbank: {text}.",
    Trouble.DEADLOCK: "geriet mit einer anderen Sitzung in eine Verklemmung.",
    Trouble.DISK_FULL: "fand keinen Speicherplatz mehr: {text}.",
    Trouble.EXTENSION_MISSING: "ist nicht möglich, da pgvector in dieser Datenbank fehlt: {text}.",
    Trouble.NAME_TAKEN: "ist nicht möglich, da der Name schon vergeben ist: {text}.",
    Trouble.NO_DIMENSIONS: "ist nicht möglich, da die Spalte keine Zahl von Dimensionen nennt.",
    Trouble.NO_RIGHTS: "ist dieser Rolle nicht erlaubt: {text}.",
    Trouble.OTHER: "ist gescheitert: {text}.",
}
_ADVICE = {
    Trouble.CANCELLED: f"Klären Sie, wer die Anweisung beendet hat, und {_GO_ON}.",
    Trouble.CONNECTION_LOST: f"Prüfen Sie Netz und Zustand der Instanz, und {_GO_ON}.",
    Trouble.DEADLOCK: f"Warten Sie, bis die andere Sitzung fertig ist, und {_GO_ON}.",
    Trouble.DISK_FULL: "Vergrößern Sie den Speicher der Instanz (für die Zeit des Neuaufbaus liegt"
    f" der Index doppelt), und {_GO_ON}.",
    Trouble.EXTENSION_MISSING: "Legen Sie die Erweiterung mit CREATE EXTENSION vector an, und"
    " planen Sie die Wartung neu.",
    Trouble.HELD: f"Warten Sie, bis der andere Lauf fertig ist, und {_GO_ON}.",
    Trouble.INVALID: f"Prüfen Sie das Log der Datenbank, und {_GO_ON}.",
    Trouble.LOCK_TIMEOUT: "Warten Sie das Ende dieser Transaktion ab, oder beenden Sie sie, und"
    f" {_GO_ON}.",
    Trouble.MEMORY_SHORT: "Planen Sie die Wartung mit mehr maintenance_work_mem und weniger"
    " gleichzeitigen Indizes neu, oder wählen Sie weniger Listen.",
    Trouble.NAME_TAKEN: "Benennen Sie den anderen Index um, oder löschen Sie ihn, und"
    " planen Sie die Wartung neu.",
    Trouble.NO_DIMENSIONS: "Legen Sie die Dimensionen der Spalte fest, zum Beispiel vector(384).",
    Trouble.NO_RIGHTS: "Machen Sie die Rolle zum Mitglied der Rolle, der die Tabelle gehört, und"
    f" {_GO_ON}.",
    Trouble.OTHER: f"Beheben Sie die Ursache, und {_GO_ON}.",
    Trouble.TOO_MANY_DIMENSIONS: "Speichern Sie die Spalte als halfvec (bis 4000 Dimensionen),"
    " oder nehmen Sie ein Modell mit weniger Dimensionen.",
}
