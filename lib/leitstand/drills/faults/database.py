"""A database that answers, but lets nobody at its data."""

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_HOLDER = "leitstand.drills.helpers.hold_lock"
_TABLE = "public.documents"
_SECONDS = 1.0
_HELD = """
SELECT lock.pid, session.state LIKE 'idle in transaction%%' FROM pg_locks AS lock
JOIN pg_stat_activity AS session ON session.pid = lock.pid
WHERE lock.relation = to_regclass(%s) AND lock.mode = 'AccessExclusiveLock' AND lock.granted
"""


def _inject(scene: Scene) -> None:
    role = scene.environment.database.roles[0] if scene.environment.database else ""
    scene.helper(
        _HOLDER,
        given={
            "url": scene.administrator_url,
            "application": "psql",
            "role": role,
            "table": _TABLE,
        },
    )


def _recovered(scene: Scene) -> bool:
    """Whether nobody holds the table, and nobody waits for anybody for long."""
    from leitstand.database.activity import blocked_sessions
    from leitstand.database.connection import connect

    with connect(scene.administrator_url, autocommit=True) as connection:
        if connection.execute(_HELD, (_TABLE,)).fetchone():
            return False
        return not any(block.waiting.age > _SECONDS for block in blocked_sessions(connection))


def _clean(scene: Scene) -> None:
    """End the idle session that holds the table, though its helper process is gone already."""
    from leitstand.database.connection import connect

    with connect(scene.administrator_url, autocommit=True, read_only=False) as connection:
        for pid, idle in connection.execute(_HELD, (_TABLE,)).fetchall():
            if idle:
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


DRILLS = (
    Drill(
        name="locked-database",
        title="Alles wartet",
        story=(
            "Der Alarm meldet: Seiten mit Dokumenten laden nicht mehr, Anfragen laufen in die"
            " Zeitüberschreitung. Die Startseite kommt noch. Der Rechner der Datenbank langweilt"
            " sich dabei."
        ),
        cause=Cause.LOCKED_DATABASE,
        treatments=("end_session",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
