"""Why a source is missing, said in German and without a secret."""

from collections.abc import Iterator

from leitstand.cloud.errors import ApiDisabled, CloudUnreachable, NotFound, PermissionDenied
from leitstand.core.errors import LeitstandError
from leitstand.core.triage.grouping import without_secrets
from leitstand.core.triage.signals import Missing, Silence, Source
from leitstand.database.errors import DatabaseUnreachable
from leitstand.execution.triage.answers import TooLate

__all__ = ["NAMES", "NoSessionLeft", "NothingThere", "missing"]

NAMES = {
    Source.SERVICES: "Cloud Run",
    Source.TRAFFIC: "Cloud Monitoring",
    Source.DATABASE: "Die Datenbank",
    Source.STORAGE: "Der Speicherplatz der Datenbank",
    Source.VECTORS: "Der Vektorspeicher",
    Source.ISOLATION: "Die Trennung der Mandanten",
    Source.REDIS: "Memorystore",
    Source.QUEUE: "Die Warteschlange",
    Source.GATEWAY: "LiteLLM",
    Source.SECRETS: "Secret Manager",
    Source.CERTIFICATES: "Die Zertifikate",
    Source.LOGS: "Cloud Logging",
    Source.RUNS: "Das Verzeichnis der Läufe",
    Source.OPERATIONS: "Die letzten Änderungen",
}
_CANCELLED = "57014"
"""SQLSTATE of a statement that took too long: the database was reached."""


class NothingThere(LeitstandError):
    """The environment has nothing of the kind."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "")


class NoSessionLeft(LeitstandError):
    """The database has no room for another session."""

    def __init__(self) -> None:
        super().__init__("Die Datenbank nimmt keine Sitzung mehr an: Alle Plätze sind belegt.", "")


def missing(source: Source, error: BaseException) -> Missing:
    """Return why a source did not answer."""
    name = NAMES[source]
    if isinstance(error, TooLate) or any(isinstance(e, TimeoutError) for e in _chain(error)):
        return Missing(f"{name}: keine Antwort in der Frist.", Silence.LATE)
    if isinstance(error, NoSessionLeft):
        return Missing(error.message, Silence.FULL)
    if isinstance(error, NothingThere):
        return Missing(error.message)
    if isinstance(error, ApiDisabled):
        return Missing(f"{name}: Die API ist im Projekt nicht eingeschaltet.")
    if isinstance(error, PermissionDenied):
        permission = f"Die Berechtigung {error.permission}" if error.permission else "Das Recht"
        return Missing(f"{name}: {permission} fehlt ({error.what}).")
    if isinstance(error, NotFound):
        return Missing(f"{name}: Das gibt es nicht ({error.what}).")
    if isinstance(error, CloudUnreachable):
        return Missing(f"{name}: keine Antwort von Google Cloud ({error.what}).")
    if isinstance(error, LeitstandError):
        return Missing(without_secrets(f"{name}: {error.message}"), _told_by(error))
    # What else is raised comes of an answer that has another form than its API promises.
    return Missing(f"{name}: Die Antwort ist nicht zu verstehen ({type(error).__name__}).")


def _told_by(error: LeitstandError) -> Silence:
    if not isinstance(error, DatabaseUnreachable):
        return Silence.NOTHING
    cancelled = getattr(error.__cause__, "sqlstate", None) == _CANCELLED
    return Silence.LATE if cancelled else Silence.UNREACHABLE


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    while error is not None:
        yield error
        error = error.__cause__
