"""Is the disk of the database full, or does its write-ahead log pile up?"""

from collections.abc import Iterator

from leitstand.core.german import capacity, count, duration, percent
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.signals import Missing, Source
from leitstand.core.triage.store_signals import StorageSignal
from leitstand.core.triage.view import Suspect, Talk, View

__all__ = ["archiving_broken", "disks_full"]

_GIB = 1 << 30
_ENLARGE = Treatment(
    "provision",
    {},
    "Vergrößert die Platte, nachdem data_disk_size_gb in der Umgebungsdatei erhöht ist."
    " Kleiner wird sie danach nie wieder.",
)


def disks_full(view: View) -> Iterator[Suspect]:
    """Yield a suspect if the disk is nearly full and does not grow by itself, or writes failed.

    A disk that grows by itself counts against the size it may grow to; without such a limit it
    is full only where growing did not keep up.
    """
    storage, groups = view.signals.storage, view.groups(Talk.DISK)
    share, evidence, against = 0.0, list(view.lines(groups)), list[Evidence]()
    if not isinstance(storage, Missing):
        share = _share(storage)
        grows = "wächst von selbst" if storage.grows else "wächst nicht von selbst"
        figure = Evidence(
            f"{capacity(storage.used_bytes)} von {capacity(_limit(storage))} sind belegt"
            f" ({percent(storage.used_bytes / max(1, _limit(storage)))}); die Platte {grows}.",
            Source.STORAGE,
        )
        (evidence if share >= view.policy.disk_share else against).append(figure)
    if share < view.policy.disk_share and not groups:
        return
    acute = bool(groups) or share >= view.policy.disk_full_share
    first = min((group.first for group in groups), default=None)
    over = (share - view.policy.disk_share) / (1 - view.policy.disk_share)
    strength = 0.5 + 0.5 * min(1.0, max(0.0, over))
    if acute:
        strength = (0.98 if groups else 0.9) if share >= view.policy.disk_share else 0.7
        strength = 0.5 if against else strength
    yield Suspect(
        Hypothesis(
            Cause.DISK_FULL,
            "Die Platte der Datenbank ist voll" if acute else "Die Platte der Datenbank wird voll",
            strength,
            tuple(evidence),
            tuple(against),
            (_ENLARGE,),
            "Alle: Die Datenbank nimmt nichts Neues mehr an."
            if acute
            else "Noch niemand. Ist die Platte voll, nimmt die Datenbank nichts Neues mehr an.",
            began=first,
            acute=acute,
        ),
        first,
    )


def archiving_broken(view: View) -> Iterator[Suspect]:
    """Yield a suspect if the write-ahead log was not archived for too long and tries fail."""
    database = view.signals.database
    if isinstance(database, Missing):
        return
    archiver = database.health.archiver
    last = archiver.last_archived_at
    if not (archiver.enabled and archiver.failing):
        return
    if last is not None and view.ago(last) < view.policy.archive_seconds:
        return
    failed = count(archiver.failed_count, "Ein Versuch scheiterte", "Versuche scheiterten")
    since = "noch nie" if last is None else f"zuletzt vor {duration(view.ago(last))}"
    yield Suspect(
        Hypothesis(
            Cause.ARCHIVING_BROKEN,
            "Das Protokoll der Datenbank wird nicht mehr archiviert",
            0.45,
            (
                Evidence(
                    f"{failed}; gelungen ist es {since}.", Source.DATABASE, archiver.last_failed_at
                ),
            ),
            (),
            (
                Treatment("deviations", {}, "Zeigt, was an der Sicherung der Instanz abweicht."),
                Treatment("restore_drill", {}, "Prüft, bis wohin sich die Daten retten lassen."),
            ),
            "Noch niemand. Was seitdem geschrieben wurde, ließe sich nicht wiederherstellen,"
            " und das Protokoll füllt die Platte.",
            began=last,
        ),
        last,
    )


def _limit(storage: StorageSignal) -> int:
    if storage.grows and storage.grows_until_bytes > 0:
        return max(storage.size_bytes, storage.grows_until_bytes)
    return storage.size_bytes


def _share(storage: StorageSignal) -> float:
    """Return the share that counts: none of a disk that may still be about to grow.

    Cloud SQL enlarges a disk with less free than 5 GB and a 25th of its size, 25 GB at most.
    With half of that left it did not keep up.
    Source: Cloud SQL documentation, "Automatic storage increase".
    """
    share = storage.used_bytes / max(1, _limit(storage))
    if storage.grows and storage.grows_until_bytes == 0:
        free = storage.size_bytes - storage.used_bytes
        if free > min(25 * _GIB, 5 * _GIB + storage.size_bytes / 25) / 2:
            return 0.0
    return share
