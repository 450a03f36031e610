"""Searches measured against exact ones: recall, latency, and short results. Read-only.

Both are asked of the same snapshot, in batches of some seconds, so that no snapshot holds back
VACUUM for long. What is timed is execution and fetching, as the client sees it, by a monotonic
clock; statements are prepared, but planned anew each time, as those of an application are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from leitstand.core.errors import RunFailed
from leitstand.core.vectors.recall import Measurement, Sample, summarise
from leitstand.database.errors import DatabaseRefused, translated
from leitstand.database.recall_statements import (
    Actor,
    Queries,
    Query,
    Search,
    SearchUnusable,
    apply_settings,
    draw_queries,
    nearest,
    read_distance,
    searched_indexes,
)
from leitstand.database.snapshot import hold_snapshot

if TYPE_CHECKING:
    from psycopg import sql

    from leitstand.database.connection import Connection

__all__ = [
    "Actor",
    "IndexNotUsed",
    "Queries",
    "Search",
    "SearchUnusable",
    "Watch",
    "measure_recall",
]

Watch = Callable[[int, int], None]

_SAMPLED = Queries()
_BATCH_SECONDS = 2.0
_FIRST_BATCH = 5
_LARGEST_BATCH = 200
_EXACT = {"enable_indexscan": "off", "plan_cache_mode": "force_custom_plan"}
# Nothing costs anything, so all indexes tie, and the planner takes the newest: it looks at the
# highest oid first, and keeps what it has where another path is no better (get_relation_info and
# add_path of PostgreSQL 16 to 18). An older one is taken where one kind of cost speaks for it.
_FREE = {
    "enable_seqscan": "off",
    "enable_sort": "off",
    "cpu_index_tuple_cost": "0",
    "cpu_operator_cost": "0",
    "cpu_tuple_cost": "0",
    "random_page_cost": "0",
    "seq_page_cost": "0",
}
_WAYS: tuple[Mapping[str, str], ...] = (
    {},
    _FREE,
    {**_FREE, "random_page_cost": "1", "seq_page_cost": "1"},
    {**_FREE, "cpu_index_tuple_cost": "1"},
)


class IndexNotUsed(DatabaseRefused):
    """The planner does not search by the index that was to be measured."""

    def __init__(self, table: object, wanted: str, used: Sequence[str]) -> None:
        instead = ", ".join(used) or "keinen Index"
        RunFailed.__init__(
            self,
            f"Suchen in {table} benutzen nicht den Index {wanted}, sondern {instead}.",
            "Prüfen Sie, ob der Index gültig ist und zu Spalte, Operatorklasse und Filter passt; "
            "sicher messbar ist immer der zuletzt gebaute.",
        )
        self.what, self.reason = str(table), ""
        self.wanted, self.used = wanted, tuple(used)


def measure_recall(
    connection: "Connection",
    search: Search,
    *,
    k: int,
    sample: int,
    settings: Mapping[str, str] | None = None,
    queries: Queries = _SAMPLED,
    actor: Actor | None = None,
    index: str = "",
    seed: int = 0,
    watch: Watch = lambda done, of: None,
) -> Measurement:
    """Ask the same queries exactly and as the application does, and compare. Changes nothing.

    Rows that are used as queries ask for k + 1 rows, of which they are one. Without a usable index
    the application's search is exact as well, and ``index`` of the measurement is empty.

    Args:
        connection: Without an open transaction, unless it is a read-only one, which is ended.
        search: What is searched.
        k: Nearest rows that each query asks for.
        sample: How many queries; fewer where there are fewer rows.
        settings: Settings of the application, for example ``{"ivfflat.probes": "10"}``.
        queries: Where the queries come from.
        actor: As whom the searches are done; None is the role of the connection.
        index: Name of the index that must be used; empty leaves it to the planner.
        seed: The same seed draws the same rows, while the table stays the same.
        watch: Called with how many queries are done, of how many.

    Raises:
        IndexNotUsed: the planner cannot be brought to use ``index``. The newest of several indexes
            can always be measured, an older one only if it is cheaper in some way.
        SearchUnusable: table, column or operator class do not exist.
        DatabaseUnreachable: no answer, or not in time.
        DatabaseRefused: rights are missing, a setting does not exist, or queries do not fit.
    """
    with translated(f"Suche in {search.table} messen"):
        with hold_snapshot(connection):
            distance = read_distance(connection, search)
            if queries.table is None and actor is not None:
                apply_settings(connection, actor.settings)
            drawn = draw_queries(connection, search, queries, sample, seed)
        marked = queries.table is None
        statement = nearest(search, distance, k + marked, marked=marked)
        asked = _Asked(
            connection,
            search,
            statement,
            statement.as_bytes(connection),
            settings or {},
            actor,
            index,
        )
        samples: list[Sample] = []
        size = _FIRST_BATCH
        while len(samples) < len(drawn):
            began = perf_counter()
            batch = drawn[len(samples) : len(samples) + size]
            samples += asked.batch(batch)
            watch(len(samples), len(drawn))
            size = round(len(batch) * _BATCH_SECONDS / (perf_counter() - began))
            size = max(1, min(size, _LARGEST_BATCH))
    return summarise(samples, k, index=", ".join(asked.used))


@dataclass
class _Asked:
    """One statement, asked exactly and by index.

    Attributes:
        prepared: The statement as it is sent.
        used: The indexes that were searched.
        way: How the planner was brought to them; None before the first batch.
    """

    connection: "Connection"
    search: Search
    statement: "sql.Composable"
    prepared: bytes
    settings: Mapping[str, str]
    actor: Actor | None
    index: str
    used: tuple[str, ...] = ()
    way: Mapping[str, str] | None = None

    def batch(self, queries: Sequence[Query]) -> list[Sample]:
        """Ask these queries as of one moment."""
        with hold_snapshot(self.connection):
            apply_settings(self.connection, self.actor.settings if self.actor else {})
            apply_settings(self.connection, _EXACT)
            if searched_indexes(self.connection, self.statement, vars(queries[0])):
                raise SearchUnusable(self.search.table, "Die exakte Suche benutzt einen Index.")
            exact = [self._answer(query) for query in queries]
            apply_settings(self.connection, {"enable_indexscan": "on", **self.settings})
            self._choose_index(queries[0])
            self._answer(queries[0])  # after another kind of search, caches are not as in service
            found = [self._answer(query) for query in queries]
        return [
            Sample(nearest, rows, exact_seconds, seconds)
            for (nearest, exact_seconds), (rows, seconds) in zip(exact, found, strict=True)
        ]

    def _choose_index(self, query: Query) -> None:
        """Bring the planner to the wanted index, in the same way for all batches."""
        used: tuple[str, ...] = ()
        for way in _WAYS if self.way is None else (self.way,):
            apply_settings(self.connection, way)
            used = searched_indexes(self.connection, self.statement, vars(query))
            if not self.index or used == (self.index,):
                self.way = way
                self.used = tuple(sorted({*self.used, *used}))
                return
        raise IndexNotUsed(self.search.table, self.index, used)

    def _answer(self, query: Query) -> tuple[tuple[float, ...], float]:
        began = perf_counter()
        rows = self.connection.execute(self.prepared, vars(query), prepare=True).fetchall()
        seconds = perf_counter() - began
        return tuple(d for d, own in rows if not own and d is not None), seconds
