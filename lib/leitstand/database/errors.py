"""Errors of database access, translated once from psycopg's exceptions.

::

    RunFailed
    ├── DatabaseUnreachable        no answer, or none in time
    └── DatabaseRefused            the database said no
        ├── AddressUnusable        the address cannot be understood
        ├── SessionsHidden         the role may not see what others do
        ├── FenceIncomplete        somebody can still write to a fenced database
        ├── ReplicaGiven           a replica was given where a primary is needed
        ├── RescueUnderWay         another process writes the same rescue export
        └── RescueUnusable         the rescue export's directory holds something else

No message holds an address's password.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leitstand.core.errors import RunFailed

if TYPE_CHECKING:
    import psycopg

__all__ = [
    "AddressUnusable",
    "DatabaseRefused",
    "DatabaseUnreachable",
    "FenceIncomplete",
    "ReplicaGiven",
    "RescueUnderWay",
    "RescueUnusable",
    "SessionsHidden",
    "translated",
]

# Connection exceptions, shutdowns, too many connections, and a statement's deadline.
_UNREACHABLE = ("08", "57P", "53300", "57014")


class DatabaseUnreachable(RunFailed):
    """The database did not answer, or not in time."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"Die Datenbank antwortet nicht: {what}: {reason}",
            "Prüfen Sie Netz und Zustand der Instanz, und setzen Sie den Lauf fort.",
        )
        self.what = what
        self.reason = reason


class DatabaseRefused(RunFailed):
    """The database refused a statement or a login."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"Die Datenbank lehnt ab: {what}: {reason}",
            "Beheben Sie die Ursache, und setzen Sie den Lauf fort.",
        )
        self.what = what
        self.reason = reason


class AddressUnusable(DatabaseRefused):
    """The address is no URL of a PostgreSQL database; it may hold a password and is not shown."""

    def __init__(self) -> None:
        RunFailed.__init__(
            self,
            "Die Adresse der Datenbank ist keine gültige PostgreSQL-URL.",
            "Prüfen Sie die Secret-Version; Sonderzeichen im Passwort müssen %-kodiert sein.",
        )
        self.what = self.reason = ""


class SessionsHidden(DatabaseRefused):
    """The role may not see the sessions of others, so an answer would be incomplete."""

    def __init__(self, role: str, hidden: int) -> None:
        RunFailed.__init__(
            self,
            f"Die Rolle {role} sieht {hidden} fremde Sitzungen nicht.",
            f"Geben Sie ihr Einblick mit: GRANT pg_read_all_stats TO {role}.",
        )
        self.what = self.reason = ""
        self.role = role
        self.hidden = hidden


class FenceIncomplete(DatabaseRefused):
    """Somebody can still write to a database that was to be fenced."""

    def __init__(self, database: str, reasons: Sequence[str]) -> None:
        RunFailed.__init__(
            self,
            f"Die Datenbank {database} ist nicht gesperrt: {'; '.join(reasons)}.",
            "Beheben Sie die Ursache, und setzen Sie den Lauf fort; das Sperren ist wiederholbar.",
        )
        self.what = database
        self.reason = "; ".join(reasons)


class ReplicaGiven(DatabaseRefused):
    """A replica was given where only a primary can answer."""

    def __init__(self) -> None:
        RunFailed.__init__(
            self,
            "Diese Datenbank ist ein Replikat und schreibt kein eigenes Log.",
            "Geben Sie die Adresse der primären Instanz an.",
        )
        self.what = self.reason = ""


class RescueUnderWay(DatabaseRefused):
    """Another process writes the same rescue export just now."""

    def __init__(self, directory: str) -> None:
        RunFailed.__init__(
            self,
            f"Ein anderer Prozess schreibt gerade die Rettungsdateien nach {directory}.",
            "Warten Sie, bis er fertig ist, und setzen Sie den Lauf fort.",
        )
        self.what, self.reason = directory, ""


class RescueUnusable(DatabaseRefused):
    """The directory holds something else than a whole rescue export."""

    def __init__(self, directory: str, reason: str) -> None:
        RunFailed.__init__(
            self,
            f"Das Verzeichnis {directory} enthält keinen vollständigen Rettungsexport: {reason}.",
            "Sichern Sie seinen Inhalt an anderer Stelle, und setzen Sie den Lauf fort.",
        )
        self.what, self.reason = directory, reason


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn psycopg's exceptions into ours; ``what`` names the undertaking in German.

    Raises:
        DatabaseUnreachable: no answer, or not in time.
        DatabaseRefused: any other refusal.
    """
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise _translation(what, error) from error


def _translation(what: str, error: "psycopg.Error") -> RunFailed:
    import psycopg

    state = error.sqlstate or ""
    text = error.diag.message_primary or str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = lines[0] if lines else type(error).__name__
    reason = reason if reason.endswith(".") else f"{reason}."
    lost = not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    # A login that is refused has no SQLSTATE in the client, only the server's FATAL line.
    if lost and "FATAL:" in text and not any(word in text for word in _NOT_NOW):
        return DatabaseRefused(what, reason.partition("FATAL:")[2].strip() or reason)
    if lost or state.startswith(_UNREACHABLE):
        return DatabaseUnreachable(what, reason)
    return DatabaseRefused(what, reason)


_NOT_NOW = (
    "the database system is",
    "terminating connection",
    "too many clients",
    "remaining connection slots",
)
