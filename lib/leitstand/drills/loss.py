"""What of that which visitors wrote is gone, although it was acknowledged. Read-only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leitstand.database.connection import connect
from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.drills.scene import Scene

__all__ = ["count_lost", "tenants_of"]

_TABLES = """
SELECT space.nspname, entry.relname
FROM pg_class AS entry
JOIN pg_namespace AS space ON space.oid = entry.relnamespace
JOIN pg_attribute AS attribute ON attribute.attrelid = entry.oid AND attribute.attname = 'title'
WHERE entry.relkind IN ('r', 'p') AND entry.relname = 'documents' AND NOT attribute.attisdropped
  AND space.nspname NOT LIKE 'pg\\_%'
"""


def tenants_of(scene: "Scene", most: int = 4) -> tuple[str, ...]:
    """Return ids of tenants that visitors can ask for; none where the environment has no database.

    Raises:
        LeitstandError: the registry of tenants cannot be read.
    """
    from psycopg import sql

    if scene.environment.database is None:
        return ()
    schema, _, table = scene.environment.tenancy.registry.partition(".")
    query = sql.SQL("SELECT id::text FROM {} ORDER BY id LIMIT %s").format(
        sql.Identifier(schema, table)
    )
    with connect(scene.administrator_url) as connection, translated("Mandanten lesen"):
        return tuple(row[0] for row in connection.execute(query, (most,)).fetchall())


def count_lost(scene: "Scene", report: dict[str, Any]) -> int | None:
    """Return how many acknowledged documents of visitors are gone; None without any.

    Args:
        scene: Whose database is looked at: the one that the application works on now.
        report: Of the visitors; what was written after it is not looked for.

    Raises:
        LeitstandError: the database cannot be read.
    """
    from psycopg import sql

    accepted: Sequence[Sequence[int]] = report.get("accepted") or ()
    if scene.environment.database is None or not accepted:
        return None
    begin = f"besuch-{report['token']}-"
    found: set[int] = set()
    with (
        connect(scene.administrator_url, statement_timeout=10) as connection,
        translated("Dokumente der Übung zählen"),
    ):
        # Who waits for a table that somebody holds would hold up the score.
        connection.execute("SET lock_timeout TO '1s'")
        for schema, table in connection.execute(_TABLES).fetchall():
            query = sql.SQL("SELECT substr(title, %s) FROM {} WHERE starts_with(title, %s)").format(
                sql.Identifier(schema, table)
            )
            rows = connection.execute(query, (len(begin) + 1, begin)).fetchall()
            found |= {int(row[0]) for row in rows}
    return sum(1 for first, last in accepted for n in range(first, last + 1) if n not in found)
