"""A disk that fills up."""

import os
from datetime import UTC, datetime
from pathlib import Path

from leitstand.core.names import short_name
from leitstand.core.triage.hypotheses import Cause
from leitstand.core.triage.store_signals import StorageSignal
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_BALLAST = "lost+found.dump"
_SHARE = 0.94
"""Nearly full, and less free than what Cloud SQL would have enlarged long before."""
_SECONDS = 5.0


def _storage(scene: Scene) -> StorageSignal:
    """Return how full the disk is that the application works on now."""
    from leitstand.cloud.glance import Glance
    from leitstand.execution.triage.database import storage_of

    name = short_name(scene.database.instance)
    glance = Glance(scene.connection, _SECONDS)
    instance = next(found for found in glance.instances() if found["name"] == name)
    return storage_of(
        glance, lambda: scene.administrator_url, instance, datetime.now(UTC), _SECONDS
    )


def _inject(scene: Scene) -> None:
    """Put a file on the disk of the instance; it claims its space, and the sandbox counts that."""
    instance = short_name(scene.database.instance)
    place = Path("sql") / scene.project / instance / _BALLAST
    found = _storage(scene)
    scene.state.note("ballast", str(place))
    with (scene.sandbox.directory / place).open("wb") as file:
        os.truncate(file.fileno(), max(0, round(found.size_bytes * _SHARE) - found.used_bytes))


def _recovered(scene: Scene) -> bool:
    """Whether less of the disk is taken than the limit at which it counts as nearly full."""
    found = _storage(scene)
    return found.used_bytes < scene.environment.triage.disk_share * found.size_bytes


def _clean(scene: Scene) -> None:
    """Delete the file; a disk that was enlarged since stays so, as Google never shrinks one."""
    place = scene.state.noted("ballast")
    if place is not None:
        (scene.sandbox.directory / place).unlink(missing_ok=True)


DRILLS = (
    Drill(
        name="disk-nearly-full",
        title="Warnung in der Nacht",
        story=(
            "Um drei Uhr kommt eine Warnung: Eine Kennzahl der Datenbank hat ihre Schwelle"
            " überschritten und steigt. Die Anwendung antwortet noch, kein Kunde hat etwas gemerkt."
        ),
        cause=Cause.DISK_FULL,
        treatments=("provision",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
