"""Errors of locks.

::

    GateRefused
    └── Locked                another run works on the target, or a person has reserved it
    RunFailed
    ├── LockLost              somebody has taken the run's locks over
    ├── LockNotRenewed        it is not sure any more that the run holds its locks
    └── LockStoreUnusable     the place of the locks does not answer, or refuses
        └── LockStoreMissing  it is not there
"""

from datetime import datetime

from leitstand.core.errors import GateRefused, RunFailed
from leitstand.core.locks import Lease, Takeover

__all__ = [
    "LockLost",
    "LockNotRenewed",
    "LockStoreMissing",
    "LockStoreUnusable",
    "Locked",
]


class Locked(GateRefused):
    """Another run holds the lock, or a person has reserved it.

    Attributes:
        target: Full name of the resource.
        lease: Of the holder.
        silence: Seconds since its last sign of life.
    """

    def __init__(self, target: str, lease: Lease, silence: float, environment: str) -> None:
        holder = lease.holder
        resource = target.rsplit("/", 1)[-1]
        if holder.run:
            message = f"Der Lauf {holder.run} arbeitet gerade an {resource}."
            ticket = f", {holder.ticket}" if holder.ticket else ""
            who = (
                f"{holder.operator} auf {holder.host} ({holder.runbook}{ticket}),"
                f" letztes Lebenszeichen vor {silence:.0f} s"
            )
            advice = (
                "Warten Sie, bis er beendet ist, oder sprechen Sie sich mit seinem Bediener ab:"
                f" {who}. Notfalls übernehmen Sie: leitstand lock take {holder.run}"
                f" --env {environment} --reason GRUND."
            )
        else:
            message = f"{holder.operator} hat {resource} reserviert: {lease.reason}"
            left = max(0.0, lease.expires - silence) / 60
            advice = f"Sprechen Sie sich ab; die Reservierung gilt noch {left:.0f} min."
        super().__init__(message, advice)
        self.target = target
        self.lease = lease
        self.silence = silence


class LockLost(RunFailed):
    """Somebody has taken the run's locks over; it does nothing any more.

    Attributes:
        by: Who it was; None where the lock is just gone.
    """

    def __init__(self, run: str, by: Takeover | None, at: datetime | None) -> None:
        if by is None:
            message = f"Die Sperre des Laufs {run} ist nicht mehr da."
        else:
            who = f"{by.by} (Lauf {by.run})" if by.run else by.by
            when = f" um {at.astimezone():%H:%M:%S} Uhr am {at.astimezone():%d.%m.}" if at else ""
            reason = by.reason if by.reason.endswith((".", "!", "?")) else f"{by.reason}."
            message = f"Ihre Sperre wurde übernommen von {who}{when}: {reason}"
        super().__init__(
            message,
            "Der Lauf ändert nichts mehr. Sprechen Sie sich ab; danach geht er weiter mit"
            f" leitstand resume {run}.",
        )
        self.by = by


class LockNotRenewed(RunFailed):
    """The run could not renew its locks for so long that others may have them.

    Attributes:
        silence: Seconds since it last could.
    """

    def __init__(self, url: str, silence: float, cause: str) -> None:
        super().__init__(
            f"Die Sperre in {url} ließ sich seit {silence:.0f} s nicht erneuern: {cause}",
            "Der Lauf beginnt keine Änderung mehr. Prüfen Sie die Verbindung, und setzen Sie ihn"
            " mit leitstand resume fort.",
        )
        self.silence = silence


class LockStoreUnusable(RunFailed):
    """The place where the locks lie does not answer, refuses, or holds something else.

    Attributes:
        url: Its address.
    """

    def __init__(self, url: str, cause: str, advice: str = "") -> None:
        super().__init__(
            f"Die Sperren in {url} sind nicht erreichbar: {cause}",
            advice
            or "Ohne Sperre ändert niemand etwas. Prüfen Sie Verbindung und Rechte, und"
            " setzen Sie den Lauf fort.",
        )
        self.url = url


class LockStoreMissing(LockStoreUnusable):
    """The bucket of the locks is not there."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(url, cause, "Legen Sie den Bucket an: leitstand run provision.")
