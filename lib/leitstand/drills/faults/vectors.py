"""A vector index that serves nobody."""

from typing import TYPE_CHECKING

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["DRILLS"]

_TABLE = "rag.embeddings"
_GIVE_UP = "300ms"
_BY_HAND = "rag.embeddings_hand_ivfflat"
_FIRST = (
    "CREATE INDEX embeddings_hand_ivfflat ON rag.embeddings"
    " USING ivfflat (embedding vector_cosine_ops) WITH (lists = {lists})"
)
"""Where the code that runs has no index yet, somebody made one by hand."""
_INDEXES = """
SELECT format('%%I.%%I', space.nspname, entry.relname), pg_get_indexdef(entry.oid), found.indisvalid
FROM pg_index AS found JOIN pg_class AS entry ON entry.oid = found.indexrelid
JOIN pg_namespace AS space ON space.oid = entry.relnamespace
JOIN pg_am AS method ON method.oid = entry.relam
WHERE found.indrelid = %s::regclass AND method.amname IN ('ivfflat', 'hnsw')
ORDER BY 1
"""


def _become_owner(scene: Scene, connection: "Connection") -> None:
    from psycopg import sql

    database = scene.environment.database
    assert database is not None
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(database.roles[0])))


def _concurrently(definition: str) -> str:
    return definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1)


def _inject(scene: Scene) -> None:
    """Drop the index, and let its concurrent rebuild give up while another session writes."""
    from psycopg.errors import LockNotAvailable, QueryCanceled

    from leitstand.database.connection import connect

    url = scene.administrator_url
    with (
        connect(url, autocommit=True, read_only=False, statement_timeout=0) as builder,
        connect(url, read_only=False) as writer,
    ):
        _become_owner(scene, builder)
        _become_owner(scene, writer)
        indexes = builder.execute(_INDEXES, (_TABLE,)).fetchall()
        scene.state.note("indexes", [[name, text] for name, text, _ in indexes])
        definitions = [definition for _, definition, _ in indexes]
        if not definitions:
            definitions = [_FIRST.format(lists=scene.environment.rag_store.ivfflat.lists)]
        for name, _, _ in indexes:
            builder.execute(f"DROP INDEX CONCURRENTLY {name}")
        writer.execute(f"LOCK TABLE {_TABLE} IN ROW EXCLUSIVE MODE")
        builder.execute(f"SET statement_timeout = '{_GIVE_UP}'")
        for definition in definitions:
            try:
                builder.execute(_concurrently(definition))
            except (QueryCanceled, LockNotAvailable):
                continue
        writer.rollback()


def _recovered(scene: Scene) -> bool:
    """Whether the table has no vector index that is invalid, and has one where it had."""
    from leitstand.database.connection import connect

    with connect(scene.administrator_url, autocommit=True) as connection:
        states = [valid for _, _, valid in connection.execute(_INDEXES, (_TABLE,)).fetchall()]
    return all(states) and bool(states or not scene.state.noted("indexes"))


def _clean(scene: Scene) -> None:
    """Build again what is invalid or gone; an index that was not there before goes again."""
    from leitstand.database.connection import connect

    noted = scene.state.noted("indexes")
    if noted is None:
        return
    url = scene.administrator_url
    with connect(url, autocommit=True, read_only=False, statement_timeout=60) as connection:
        _become_owner(scene, connection)
        found = connection.execute(_INDEXES, (_TABLE,)).fetchall()
        for name, _, valid in found:
            if not valid or (name == _BY_HAND and not noted):
                connection.execute(f"DROP INDEX CONCURRENTLY {name}")
        served = [name for name, _, valid in found if valid]
        for name, definition in noted:
            if name not in served:
                connection.execute(_concurrently(definition))


DRILLS = (
    Drill(
        name="invalid-index",
        title="Die Suche wird langsamer",
        story=(
            "Nach der Wartung in der Nacht schreibt ein Kunde: Die Suche brauche heute spürbar"
            " länger, je mehr Dokumente, desto mehr. Fehler gibt es keine, der Rest ist schnell."
        ),
        cause=Cause.INVALID_VECTOR_INDEX,
        treatments=("pgvector_maintenance",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
