"""Tenants that see each other."""

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_TABLE = "public.documents"


def _alter(scene: Scene, *changes: str) -> None:
    from psycopg import sql

    from leitstand.database.connection import connect

    database = scene.environment.database
    assert database is not None
    with connect(scene.administrator_url, read_only=False) as connection:
        connection.execute("SET LOCAL lock_timeout = '5s'")
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(database.roles[0])))
        for change in changes:
            table = sql.Identifier(*_TABLE.split("."))
            connection.execute(sql.SQL("ALTER TABLE {} " + change).format(table))


def _inject(scene: Scene) -> None:
    _alter(scene, "DISABLE ROW LEVEL SECURITY")


def _recovered(scene: Scene) -> bool:
    """Whether the catalogue shows no table whose tenants are not kept apart."""
    from leitstand.execution.triage.database import isolation_of

    return not isolation_of(scene.administrator_url, scene.environment, 10).open_tables


def _clean(scene: Scene) -> None:
    _alter(scene, "ENABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY")


DRILLS = (
    Drill(
        name="isolation-broken",
        title="Fremde Dokumente",
        story=(
            "Ein Kunde ruft an: In einer Auswertung standen Dokumente, die er nicht kennt, mit dem"
            " Namen einer anderen Firma. Kein Alarm hat angeschlagen, alles antwortet wie immer."
        ),
        cause=Cause.TENANTS_NOT_APART,
        treatments=("tenant_isolation", "maintenance_mode"),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
