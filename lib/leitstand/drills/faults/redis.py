"""A Redis without memory."""

from itertools import count

from leitstand.core.errors import RunFailed
from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

__all__ = ["DRILLS", "NotFilled"]

_PREFIX = "report-cache:"
_SIZES = (1024 * 1024, 64 * 1024, 4 * 1024, 256)
_BATCH = 500
_SECONDS = 5.0


class NotFilled(RunFailed):
    """Redis took more than it has room for: it throws keys away, or has no limit."""

    def __init__(self) -> None:
        super().__init__(
            "Redis läuft nicht voll: Es wirft für neue Schlüssel alte weg oder hat keine Grenze.",
            "Stellen Sie maxmemory-policy mit leitstand run provision wieder auf noeviction.",
        )


def _inject(scene: Scene) -> None:
    """Write keys until not even a small one finds room, and no more than Redis has room for."""
    from redis.exceptions import OutOfMemoryError, ResponseError

    from leitstand.database.queue import opened, read_redis

    room = read_redis(scene.redis_url, timeout=_SECONDS).max_bytes
    with opened(scene.redis_url, _SECONDS) as redis:
        numbers = count()
        for size in _SIZES:
            value = b"x" * size
            while True:
                if room <= 0:
                    raise NotFilled
                try:
                    redis.set(f"{_PREFIX}{next(numbers)}", value)
                except OutOfMemoryError:
                    break
                except ResponseError as error:
                    if "OOM" not in str(error):
                        raise
                    break
                room -= size


def _recovered(scene: Scene) -> bool:
    """Whether Redis takes writes, and has more room than the limit at which it counts as full."""
    from leitstand.database.queue import read_redis

    found = read_redis(scene.redis_url, timeout=_SECONDS)
    share = found.used_bytes / found.max_bytes if found.max_bytes else 0.0
    return not found.blocked and share < scene.environment.triage.redis_share


def _clean(scene: Scene) -> None:
    from leitstand.database.queue import opened

    with opened(scene.redis_url, _SECONDS) as redis:
        batch: list[bytes] = []
        for key in redis.scan_iter(match=f"{_PREFIX}*", count=_BATCH):
            batch.append(key)
            if len(batch) == _BATCH:
                redis.delete(*batch)
                batch.clear()
        if batch:
            redis.delete(*batch)


DRILLS = (
    Drill(
        name="redis-full",
        title="Aufgaben gehen verloren",
        story=(
            "Der Alarm meldet: Neue Dokumente erscheinen, werden aber in der Suche nicht gefunden,"
            " und Bestätigungen per E-Mail bleiben aus. Die Seiten selbst antworten ohne Fehler."
        ),
        cause=Cause.REDIS_FULL,
        treatments=("provision", "pause_queue"),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
