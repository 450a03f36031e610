"""Tables of embeddings for tests of maintenance: small, clustered, each in a schema of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from leitstand.core.recovery_types import TableName
from leitstand.database.connection import connect
from leitstand.database.vector_control import Control
from leitstand.database.vector_progress import progress
from leitstand.database.vector_sessions import Limits, Sessions
from tests.fixtures.postgres import Cluster

ROWS = 2000
# Rows lie around 30 centres, as real embeddings do.
FILL = """
CREATE TABLE public.source AS SELECT r AS id, (
    SELECT array_agg(sin(d * (r % 30 + 1)) + random() / 10 + 0 * r)::vector
    FROM generate_series(1, 32) AS d
) AS embedding FROM generate_series(1, {rows}) AS r
"""
SLOW = {
    "method": "hnsw",
    "column": "embedding",
    "operator_class": "vector_cosine_ops",
    "options": {"ef_construction": 1000, "m": 40},
}
"""A build that takes seconds."""


@dataclass
class Store:
    """A database whose schemas are made by tests."""

    cluster: Cluster
    name: str
    _count: int = field(default=0)

    def url(self, user: str = "owner") -> str:
        return self.cluster.url(self.name, user)

    def connect(self, user: str = "owner") -> psycopg.Connection:
        return psycopg.connect(self.url(user), autocommit=True)

    def ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self.connect() as connection:
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def table(
        self, index: str | None = "ivfflat (embedding vector_cosine_ops) WITH (lists = 10)"
    ) -> TableName:
        """Make a table ``embeddings`` with an index ``i`` in a schema of its own."""
        self._count += 1
        name = TableName(f"rag_{self._count}", "embeddings")
        self.ask(f"CREATE SCHEMA {name.schema}")
        self.ask(f"CREATE TABLE {name} (id int, embedding vector(32))")
        self.ask(f"INSERT INTO {name} SELECT * FROM public.source")
        if index:
            self.ask(f"CREATE INDEX i ON {name} USING {index}")
        return name

    def indexes(self, table: TableName) -> dict[str, bool]:
        """Names of a table's indexes, and whether they are valid."""
        rows = self.ask(
            "SELECT c.relname, i.indisvalid FROM pg_index AS i JOIN pg_class AS c"
            " ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass(%s) ORDER BY 1",
            str(table),
        )
        return {str(name): bool(valid) for name, valid in rows}

    def oid(self, table: TableName, index: str = "i") -> int:
        return int(str(self.ask(f"SELECT '{table.schema}.{index}'::regclass::oid")[0][0]))

    @contextmanager
    def writer(self, table: TableName) -> Iterator[psycopg.Connection]:
        """A transaction that has written to the table and stays open."""
        with psycopg.connect(self.url(), application_name="schreiber") as connection:
            connection.execute(f"DELETE FROM {table} WHERE id = 1".encode())
            yield connection
            connection.rollback()


def make_store(cluster: Cluster) -> Store:
    store = Store(cluster, cluster.database())
    store.ask(FILL.format(rows=ROWS))
    return store


@dataclass
class Background:
    """Work in a thread of its own."""

    thread: threading.Thread
    control: Control
    evidence: dict[str, object] = field(default_factory=dict)
    error: BaseException | None = None

    def result(self) -> dict[str, object]:
        self.thread.join(30)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error
        return self.evidence


def in_background(
    work: Callable[[Control], dict[str, object]], *, at_once: bool = False
) -> Background:
    """Begin work and return when its statement has reached the server, or at once."""

    def run() -> None:
        try:
            begun.evidence = work(begun.control)
        except BaseException as error:  # noqa: BLE001
            begun.error = error

    begun = Background(threading.Thread(target=run, daemon=True), Control())
    begun.thread.start()
    wait_for(lambda: at_once or begun.control.pid or not begun.thread.is_alive())
    return begun


def wait_for(holds: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def seen(store: Store, work: Background) -> str:
    """How far work is, as it is told."""
    with connect(store.url(), autocommit=True) as watching:
        return str(progress(watching, [work.control.pid]).get(work.control.pid, ""))


def limits(lock_seconds: float = 10, **more: int) -> Limits:
    return Limits(lock_seconds=lock_seconds, **more)


def sessions(store: Store, user: str = "owner", run: str = "r1", patience: float = 0.3) -> Sessions:
    return Sessions(lambda: store.url(user), run, patience=patience)
