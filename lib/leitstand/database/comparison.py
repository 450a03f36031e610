"""Compares two states of a database row by row, without loading either. Read-only.

Each side counts and digests its rows in buckets of the key's hash; only rows of buckets that
differ are fetched, as two sorted streams that are merged.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from leitstand.database.connection import connect
from leitstand.database.errors import translated
from leitstand.database.merging import Difference, merge_keyed, merge_multisets
from leitstand.database.pairs import Pair, digest_query, pair_of, rows_query
from leitstand.database.snapshot import hold_snapshot
from leitstand.database.tables import Shape, read_shapes

if TYPE_CHECKING:
    from psycopg import ServerCursor

    from leitstand.database.connection import Connection

__all__ = ["Comparison", "compare", "count_rows"]

T = TypeVar("T")
Row = tuple[Any, ...]
# A bucket costs one row of a digest where it is equal, and all of its rows where it is not.
_ROWS_PER_BUCKET = 32
_FEWEST, _MOST = 256, 65_536
_FETCH = 5_000


class Comparison:
    """Two databases, each held at one moment.

    Attributes:
        source: Connection to the present.
        clone: Connection to the former state.
        taken_at: The source's clock.
        pairs: The tables that both have, by name.
        new: The tables that only the source has.
        dropped: The tables that only the clone has.
    """

    def __init__(self, source: "Connection", clone: "Connection", taken_at: datetime) -> None:
        self.source = source
        self.clone = clone
        self.taken_at = taken_at
        now = {shape.name: shape for shape in read_shapes(source)}
        then = {shape.name: shape for shape in read_shapes(clone)}
        self.pairs = tuple(pair_of(now[name], then[name]) for name in now if name in then)
        self.new = tuple(shape for name, shape in now.items() if name not in then)
        self.dropped = tuple(shape for name, shape in then.items() if name not in now)

    def differences(self, pair: Pair) -> Iterator[Difference]:
        """Yield what differs in one table, in an order that depends on its rows alone.

        Raises:
            DatabaseRefused: a side cannot be read, or a policy would hide rows of it.
            DatabaseUnreachable: a side took too long.
        """
        with translated(f"Tabelle {pair.name} vergleichen"):
            yield from self._differences(pair)

    def _differences(self, pair: Pair) -> Iterator[Difference]:
        buckets = _FEWEST
        while buckets < _MOST and buckets * _ROWS_PER_BUCKET < pair.estimate:
            buckets *= 2

        def digests(connection: "Connection", shape: Shape) -> dict[int, Row]:
            rows = connection.execute(digest_query(pair, shape, buckets))
            return {bucket: tuple(digest) for bucket, *digest in rows}

        now, then = _both(
            lambda: digests(self.source, pair.source), lambda: digests(self.clone, pair.clone)
        )
        wanted = sorted(
            bucket for bucket in now.keys() | then.keys() if now.get(bucket) != then.get(bucket)
        )
        if not wanted:
            return
        with (
            self.source.cursor("leitstand_source") as source,
            self.clone.cursor("leitstand_clone") as clone,
        ):

            def open_(cursor: "ServerCursor[Row]", shape: Shape) -> list[Row]:
                cursor.execute(rows_query(pair, shape, buckets, wanted))
                return cursor.fetchmany(_FETCH)

            # The first rows come when a side has sorted all; later ones are there at once.
            first, former = _both(
                lambda: open_(source, pair.source), lambda: open_(clone, pair.clone)
            )
            merge = merge_keyed if pair.key else merge_multisets
            yield from merge(_stream(source, first), _stream(clone, former))


@contextmanager
def compare(
    clone_url: str, source_url: str, *, statement_timeout: float = 900.0
) -> Iterator[Comparison]:
    """Hold both databases at one moment each, for the block. Read-only.

    Args:
        clone_url: The former state.
        source_url: The present.
        statement_timeout: Seconds that one pass over a table may take.

    Raises:
        DatabaseUnreachable: one of them does not answer.
        DatabaseRefused: one of them cannot be read.
    """
    with (
        connect(source_url, statement_timeout=statement_timeout) as source,
        connect(clone_url, statement_timeout=statement_timeout) as clone,
        hold_snapshot(source) as taken_at,
        hold_snapshot(clone),
    ):
        yield Comparison(source, clone, taken_at)


def count_rows(connection: "Connection", shape: Shape) -> int:
    """Return the exact number of a table's rows. Read-only."""
    from psycopg import sql

    with translated(f"Tabelle {shape.name} zählen"):
        query = sql.SQL("SELECT count(*) FROM {}").format(shape.rows)
        number: int = connection.execute(query).fetchall()[0][0]
    return number


def _both(first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    """Do both at once: they keep two servers busy."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(second)
        own = first()
        return own, other.result()


def _stream(cursor: "ServerCursor[Row]", rows: list[Row]) -> Iterator[Row]:
    while rows:
        yield from rows
        rows = cursor.fetchmany(_FETCH)
