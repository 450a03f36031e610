"""The moment just before the migration of a run, from the run's journal. Read-only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from leitstand.core.errors import InputError
from leitstand.notebook.aftercare import UnknownRun, find_run

__all__ = ["NoRestorePoint", "UnknownRun", "restore_point_of"]


class NoRestorePoint(InputError):
    """The run has migrated nothing."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} hat keinen Wiederherstellungspunkt: Er hat nichts migriert.",
            "Nennen Sie einen anderen Lauf, oder mit target einen Zeitpunkt.",
        )
        self.run = run


def restore_point_of(run: str) -> datetime:
    """Return the moment just before a run's migration began to change the database.

    A run may have tried several times. The last try before anything was applied counts, so that
    as little as possible is lost; where a migration may have been applied by half, it is the first.

    Args:
        run: Id of a run, or a beginning that only one run has.

    Raises:
        UnknownRun: no run, or more than one, fits.
        NoRestorePoint: the run has none.
    """
    directory = find_run(run)
    points = [event for event in directory.journal if event["event"] == "restore.point"]
    if not points:
        raise NoRestorePoint(directory.id)
    found: Mapping[str, Any] = points[0]
    for later in points[1:]:
        if later["versions"] != found["versions"] or not found["atomic"]:
            break
        found = later
    return datetime.fromisoformat(str(found["point"]))
