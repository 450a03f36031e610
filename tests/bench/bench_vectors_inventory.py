"""Inventory, verdicts and plan of a vector store of 100 to 5 000 tenant schemas: wall time.

Every tenant has a schema with one table and one index, HNSW and IVFFLAT in turn. The tables are
empty, but the catalogue is told that they have rows, so that every index is due for its
maintenance and has its place in the plan. Each round has a session of its own, whose caches are
cold. Exit code 1 when 2 000 tenants take longer than the target, or a tenant costs more among
many than among a few, or takes more queries.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from leitstand.configuration import load_environment
from leitstand.core.environment import Environment
from leitstand.core.vectors.maintenance import plan_maintenance
from leitstand.core.vectors.maintenance_types import Request
from leitstand.core.vectors.shards import WHOLE
from leitstand.core.vectors.verdicts import judge
from leitstand.database.connection import connect
from leitstand.database.vector_inventory import read_vector_inventory
from tests.fixtures.postgres import Cluster, cluster

SIZES = (100, 500, 2_000, 5_000)
ROUNDS = 7
TARGET_SECONDS = {2_000: 2.0}
# What one tenant costs may vary so much, from few tenants to many.
TARGET_GROWTH = 1.5
# Commits now and then, since the locks of thousands of new tables would not fit the lock table.
CREATE = """
DO $$ BEGIN
    FOR number IN {first}..{last} LOOP
        EXECUTE format(
            'CREATE SCHEMA tenant_rag_%1$s;
             CREATE TABLE tenant_rag_%1$s.embeddings (
                 id bigint PRIMARY KEY, document_id bigint, chunk text, embedding vector(384));
             CREATE INDEX embeddings_%2$s ON tenant_rag_%1$s.embeddings
                 USING %2$s (embedding vector_cosine_ops) WITH (%3$s)',
            number,
            CASE WHEN number % 2 = 0 THEN 'hnsw' ELSE 'ivfflat' END,
            CASE WHEN number % 2 = 0 THEN 'm = 16' ELSE 'lists = 1' END);
        IF number % 50 = 0 THEN COMMIT; END IF;
    END LOOP;
END $$
"""
ROWS = "UPDATE pg_class SET reltuples = 5000 WHERE relname = 'embeddings' AND relkind = 'r'"


class Took(NamedTuple):
    """Seconds and counts of one round."""

    inventory: float
    plan: float
    queries: int
    actions: int


class _Counting:
    """A connection that counts the queries it is given."""

    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        self._connection = connection
        self.queries = 0

    def execute(self, *arguments: object) -> object:
        self.queries += 1
        return self._connection.execute(*arguments)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


@contextmanager
def _server() -> Iterator[Cluster]:
    yield from cluster.__wrapped__()


def one_round(url: str, environment: Environment) -> Took:
    """Read, judge and plan once, in a session of its own."""
    policy, tenancy = environment.rag_store, environment.tenancy
    request = Request("sandbox", "projects/p/instances/main/databases/app", WHOLE, 1e9)
    with connect(url) as connection:
        counting = _Counting(connection)
        begin = time.perf_counter()
        inventory = read_vector_inventory(counting, policy.schemas, tenancy.column)
        read = time.perf_counter()
        findings = judge(inventory, policy, tenancy)
        maintenance = plan_maintenance(inventory, findings, request, policy)
        end = time.perf_counter()
    return Took(read - begin, end - read, counting.queries, len(maintenance.plan.actions))


def measure(url: str, tenants: int, environment: Environment) -> tuple[float, int]:
    """Return the median of the seconds of all rounds, and the number of queries of each."""
    rounds = [one_round(url, environment) for _ in range(ROUNDS)]
    inventory = statistics.median(took.inventory for took in rounds)
    plan = statistics.median(took.plan for took in rounds)
    assert all(took.actions >= tenants for took in rounds), "the plan does not hold every index"
    target = f" (target ≤ {TARGET_SECONDS[tenants]} s)" if tenants in TARGET_SECONDS else ""
    print(
        f"{tenants:5} tenants: inventory {inventory:.3f} s · verdicts and plan {plan:.3f} s · "
        f"together {inventory + plan:.3f} s{target} · per tenant "
        f"{(inventory + plan) / tenants * 1000:.2f} ms · {rounds[0].queries} queries · "
        f"{rounds[0].actions} actions"
    )
    return inventory + plan, max(took.queries for took in rounds)


def main() -> int:
    """Measure all sizes in one database that grows."""
    environment = load_environment("sandbox")
    seconds, queries = {}, {}
    with _server() as server:
        database = server.database()
        with server.superuser(database) as admin:
            admin.execute("SET client_min_messages TO error")
            admin.execute("SET allow_system_table_mods TO on")
            made = 0
            for tenants in SIZES:
                statement = CREATE.replace("{first}", str(made + 1)).replace("{last}", str(tenants))
                admin.execute(statement.encode())
                admin.execute(ROWS)
                made = tenants
                url = server.url(database, "postgres")
                seconds[tenants], queries[tenants] = measure(url, tenants, environment)
    few, many = SIZES[0], SIZES[-1]
    growth = (seconds[many] / many) / (seconds[few] / few)
    print(f"a tenant among {many} costs {growth:.2f} times one among {few} (≤ {TARGET_GROWTH})")
    slow = any(seconds[tenants] > target for tenants, target in TARGET_SECONDS.items())
    return int(slow or growth > TARGET_GROWTH or len(set(queries.values())) > 1)


if __name__ == "__main__":
    sys.exit(main())
