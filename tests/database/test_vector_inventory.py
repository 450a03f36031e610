"""The inventory of a vector store: complete, of few queries, and right while others work on it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.types import VectorColumn, VectorIndex, VectorInventory, VectorTable
from leitstand.database.connection import connect
from leitstand.database.vector_inventory import read_vector_inventory
from leitstand.database.vector_ledger import LedgerEntry, ensure_ledger, note
from leitstand.database.vector_sessions import lock_key
from tests.fixtures.postgres import Cluster

NEAREST = "ON rag.embeddings USING hnsw (embedding vector_l2_ops)"
WRITING = "INSERT INTO rag.embeddings VALUES (0, '[1,2,3]')"
FILLED = "SELECT n, array[n, 1, 2]::vector FROM generate_series(1, {}) AS n"
SCHEMA = '''
CREATE SCHEMA rag;
CREATE SCHEMA tenant_rag_a;
CREATE SCHEMA "tenantXragXb";
CREATE SCHEMA tenant_rag_empty;
CREATE DOMAIN rag.short AS vector(2);

CREATE TABLE rag.embeddings (
    id int PRIMARY KEY, tenant_id uuid, embedding vector(3), half halfvec(4), thin sparsevec(9),
    marks bit(8), title text, "Größe ""x""" vector(3));
CREATE INDEX plain ON rag.embeddings USING ivfflat (embedding vector_l2_ops);
CREATE INDEX lists ON rag.embeddings USING ivfflat (embedding vector_cosine_ops) WITH (lists = 7);
CREATE INDEX graph ON rag.embeddings USING hnsw (half halfvec_cosine_ops);
CREATE INDEX tuned ON rag.embeddings USING hnsw (thin sparsevec_l2_ops)
    WITH (m = 8, ef_construction = 32);
CREATE INDEX marked ON rag.embeddings USING hnsw (marks bit_hamming_ops);
CREATE INDEX quoted ON rag.embeddings USING hnsw ("Größe ""x""" vector_ip_ops);
CREATE INDEX folded ON rag.embeddings
    USING hnsw ((binary_quantize(embedding)::bit(3)) bit_hamming_ops);
CREATE INDEX partly ON rag.embeddings USING hnsw (embedding vector_l2_ops) WHERE id > 10;
CREATE INDEX ordinary ON rag.embeddings (title);

CREATE TABLE rag.free (id int, embedding vector, other bit(5));
CREATE TABLE rag.cast (id int, raw float4[]);
CREATE INDEX cast_raw ON rag.cast USING hnsw ((raw::vector(3)) vector_l2_ops);
CREATE TABLE rag.domain (id int, embedding rag.short);
CREATE MATERIALIZED VIEW rag.kept AS SELECT id, embedding FROM rag.embeddings;
CREATE VIEW rag.seen AS SELECT embedding FROM rag.embeddings;
CREATE TABLE rag.dull (id int PRIMARY KEY, body text);
CREATE TABLE rag.lost (id int, embedding vector(3));
ALTER TABLE rag.lost DROP COLUMN embedding;

CREATE TABLE rag.parts (id int, embedding vector(3)) PARTITION BY RANGE (id);
CREATE TABLE rag.parts_1 PARTITION OF rag.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE rag.parts_2 PARTITION OF rag.parts FOR VALUES FROM (10) TO (20);
CREATE INDEX whole ON rag.parts USING hnsw (embedding vector_l2_ops);

CREATE TABLE tenant_rag_a.embeddings (id int, embedding vector(3));
CREATE TABLE "tenantXragXb".embeddings (id int, embedding vector(3));
CREATE TABLE public.embeddings (id int, embedding vector(3));
ALTER TABLE rag.embeddings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
'''
PATTERNS = ["rag", "tenant_rag_*"]


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> str:
    name = cluster.database()
    with psycopg.connect(cluster.url(name), autocommit=True) as connection:
        connection.execute("SET client_min_messages TO error")
        connection.execute(SCHEMA.encode())
    return name


@pytest.fixture(scope="module")
def inventory(cluster: Cluster, database: str) -> VectorInventory:
    return _read(cluster, database)


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    return cluster.database()


@pytest.fixture
def store(cluster: Cluster, shared: str) -> str:
    """A database with one table of some rows and one index."""
    with cluster.superuser(shared) as admin:
        schemas = "rag, leitstand, tenant_rag_closed, tenant_rag_x"
        admin.execute("SET client_min_messages TO error")
        admin.execute(f"DROP SCHEMA IF EXISTS {schemas} CASCADE".encode())
    with psycopg.connect(cluster.url(shared), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA rag")
        connection.execute("CREATE TABLE rag.embeddings (id int, embedding vector(3))")
        connection.execute(f"INSERT INTO rag.embeddings {FILLED.format(300)}".encode())
        connection.execute(f"CREATE INDEX nearest {NEAREST}".encode())
    return shared


def _read(
    cluster: Cluster, database: str, patterns: list[str] = PATTERNS, user: str = "owner"
) -> VectorInventory:
    with connect(cluster.url(database, user), statement_timeout=3) as connection:
        return read_vector_inventory(connection, patterns, "tenant_id")


def _index(inventory: VectorInventory, name: str) -> VectorIndex:
    return next(index for index in inventory.indexes if index.name == name)


def _table(inventory: VectorInventory, name: str) -> VectorTable:
    return next(table for table in inventory.tables if str(table.name) == name)


@contextmanager
def _transaction(cluster: Cluster, database: str, *statements: str) -> Iterator[psycopg.Connection]:
    """Keep a transaction open for the block."""
    with psycopg.connect(cluster.url(database)) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield connection
        connection.rollback()


WRITERS = "waiting for writers before build"
READERS = "waiting for readers before marking dead"


@contextmanager
def _under_way(
    cluster: Cluster, database: str, statement: str, *, phase: str = WRITERS, user: str = "owner"
) -> Iterator[int]:
    """A statement that waits for somebody, and is cancelled after the block; gives its process."""
    with psycopg.connect(cluster.url(database, user), autocommit=True) as connection:
        thread = threading.Thread(target=_quietly, args=(connection, statement))
        thread.start()
        try:
            asked = (
                f"SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE phase='{phase}')"
            )
            _until(cluster, database, asked)
            yield connection.info.backend_pid
        finally:
            connection.cancel_safe()
            thread.join(10)


def _broken(cluster: Cluster, database: str, statement: str, phase: str = WRITERS) -> None:
    """Begin a statement that waits for somebody, and cancel it."""
    with _under_way(cluster, database, statement, phase=phase):
        pass


def _until(cluster: Cluster, database: str, question: str) -> None:
    """Wait until a question is answered with yes."""
    deadline = time.monotonic() + 10
    with cluster.superuser(database) as watcher:
        while watcher.execute(question.encode()).fetchone() != (True,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def _quietly(connection: psycopg.Connection, statement: str) -> None:
    with suppress(psycopg.errors.QueryCanceled):
        connection.execute(statement.encode())


def test_tables_with_embeddings_are_found_in_matching_schemas_only(inventory: VectorInventory):
    assert ("rag", "tenant_rag_a", "tenant_rag_empty") == inventory.schemas
    assert [
        "rag.cast", "rag.domain", "rag.embeddings", "rag.free", "rag.kept", "rag.parts_1",
        "rag.parts_2", "tenant_rag_a.embeddings",
    ] == [str(table.name) for table in inventory.tables]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "schemas"),
    [
        ("tenant_rag_a", ("tenant_rag_a",)),
        ("tenant_rag__", ()),
        ("tenant%", ()),
        ("*a*g", ("rag",)),
        ("*", ("public", "rag", "tenantXragXb", "tenant_rag_a", "tenant_rag_empty")),
        ("rag\\", ()),
        ("pg_*", ()),
        ("'; DROP SCHEMA rag; --", ()),
    ],
)
def test_only_a_star_is_a_wildcard_and_systems_schemas_never_match(
    cluster: Cluster, database: str, pattern: str, schemas: tuple[str, ...]
):
    assert schemas == _read(cluster, database, [pattern]).schemas


def test_columns_have_type_and_declared_dimensions_and_bits_count_where_searched(
    inventory: VectorInventory,
):
    assert (
        VectorColumn("embedding", "vector", 3),
        VectorColumn("half", "halfvec", 4),
        VectorColumn("thin", "sparsevec", 9),
        VectorColumn('Größe "x"', "vector", 3),
        VectorColumn("marks", "bit", 8),
    ) == _table(inventory, "rag.embeddings").columns
    assert (VectorColumn("embedding", "vector", 0),) == _table(inventory, "rag.free").columns
    assert (VectorColumn("embedding", "vector", 2),) == _table(inventory, "rag.domain").columns
    assert () == _table(inventory, "rag.cast").columns


@pytest.mark.parametrize(
    ("name", "method", "column", "operator_class", "options"),
    [
        ("plain", "ivfflat", "embedding", "vector_l2_ops", {}),
        ("lists", "ivfflat", "embedding", "vector_cosine_ops", {"lists": 7}),
        ("graph", "hnsw", "half", "halfvec_cosine_ops", {}),
        ("tuned", "hnsw", "thin", "sparsevec_l2_ops", {"m": 8, "ef_construction": 32}),
        ("marked", "hnsw", "marks", "bit_hamming_ops", {}),
        ("quoted", "hnsw", 'Größe "x"', "vector_ip_ops", {}),
        ("folded", "hnsw", "", "bit_hamming_ops", {}),
        ("partly", "hnsw", "embedding", "vector_l2_ops", {}),
        ("cast_raw", "hnsw", "", "vector_l2_ops", {}),
    ],
)
def test_an_index_has_its_kind_column_class_and_stated_options(
    inventory: VectorInventory,
    name: str,
    method: str,
    column: str,
    operator_class: str,
    options: dict[str, int],
):
    index = _index(inventory, name)
    assert (method, column, operator_class, options) == (
        index.method,
        index.column,
        index.operator_class,
        index.options,
    )
    assert (True, False, "") == (index.valid, index.building, index.leftover_of)
    assert index.bytes > 0


def test_a_definition_builds_the_same_index_again(
    cluster: Cluster, database: str, inventory: VectorInventory
):
    described = "SELECT pg_get_indexdef(%s::oid)"
    with connect(cluster.url(database), read_only=False) as connection:
        connection.execute("SET client_min_messages TO error")
        for index in inventory.indexes:
            if index.attached:
                continue
            before = connection.execute(described, (index.oid,)).fetchone()
            connection.execute(f'DROP INDEX rag."{index.name}"'.encode())
            connection.execute("SET LOCAL search_path TO pg_catalog")
            connection.execute(index.definition.encode())
            connection.execute("SET LOCAL search_path TO public")
            oid = connection.execute(f"SELECT 'rag.{index.name}'::regclass::oid".encode())
            assert before == connection.execute(described, oid.fetchone()).fetchone()
        connection.rollback()


def test_a_partial_index_has_its_predicate(inventory: VectorInventory):
    assert ("(id > 10)", "") == (
        _index(inventory, "partly").predicate,
        _index(inventory, "plain").predicate,
    )


def test_indexes_of_partitions_belong_to_the_partitioned_tables_index(
    inventory: VectorInventory,
):
    attached = [str(index.table) for index in inventory.indexes if index.attached]
    assert ["rag.parts_1", "rag.parts_2"] == attached
    assert "whole" not in [index.name for index in inventory.indexes]


def test_row_level_security_and_the_tenant_column_are_seen(inventory: VectorInventory):
    guarded, open_ = _table(inventory, "rag.embeddings"), _table(inventory, "rag.free")
    assert (True, True, True) == (
        guarded.row_security, guarded.row_security_forced, guarded.tenant_column
    )  # fmt: skip
    assert (False, False, False) == (
        open_.row_security, open_.row_security_forced, open_.tenant_column
    )  # fmt: skip


def test_server_database_and_reader_are_named(inventory: VectorInventory, database: str):
    assert (database, "owner") == (inventory.database, inventory.role)
    assert abs(datetime.now(UTC) - inventory.taken_at) < timedelta(minutes=1)
    assert "0.8.5" == inventory.extension.installed
    assert "0.8.5" in inventory.extension.available
    assert (160000, 64 * 2**20, 2) == (
        inventory.settings.version // 10000 * 10000,
        inventory.settings.maintenance_work_mem,
        inventory.settings.max_parallel_maintenance_workers,
    )


def test_without_the_extension_the_inventory_is_empty(cluster: Cluster):
    database = cluster.database()
    with cluster.superuser(database) as admin:
        admin.execute("DROP EXTENSION vector")
        admin.execute("CREATE SCHEMA rag CREATE TABLE embeddings (id int, embedding bit(3))")
    inventory = _read(cluster, database)
    assert ("", (), (), ("rag",)) == (
        inventory.extension.installed, inventory.tables, inventory.indexes, inventory.schemas
    )  # fmt: skip
    assert "0.8.5" in inventory.extension.available


def test_the_extension_may_lie_in_a_schema_of_its_own(cluster: Cluster):
    database = cluster.database()
    with cluster.superuser(database) as admin:
        admin.execute("CREATE SCHEMA extensions")
        admin.execute("ALTER EXTENSION vector SET SCHEMA extensions")
        admin.execute("CREATE SCHEMA rag CREATE TABLE e (embedding extensions.vector(3))")
        admin.execute("CREATE INDEX i ON rag.e USING hnsw (embedding extensions.vector_l2_ops)")
    index = _index(_read(cluster, database), "i")
    assert "CREATE INDEX i ON rag.e USING hnsw (embedding extensions.vector_l2_ops)" == (
        index.definition
    )


def test_rows_are_known_before_the_first_analyze_and_exact_changes_after_it(
    cluster: Cluster, store: str
):
    with psycopg.connect(cluster.url(store), autocommit=True) as connection:
        connection.execute("CREATE TABLE rag.new (embedding vector(3))")
        connection.execute("CREATE TABLE rag.loaded AS SELECT embedding FROM rag.embeddings")
        connection.execute("ANALYZE rag.embeddings")
        connection.execute("DELETE FROM rag.embeddings WHERE id <= 100")
    inventory = _read(cluster, store)
    assert [-1, 300, 200] == [
        _table(inventory, f"rag.{name}").rows for name in ("new", "loaded", "embeddings")
    ]
    table = _table(inventory, "rag.embeddings")
    assert (100, 100, None) == (table.dead_rows, table.changed_rows, table.vacuumed_at)
    assert table.analyzed_at is not None
    assert table.bytes >= 8192
    assert _table(inventory, "rag.loaded").analyzed_at is None


def test_rows_are_known_from_the_catalogue_when_the_statistics_were_lost(
    cluster: Cluster, store: str
):
    with cluster.superuser(store) as admin:
        admin.execute("ANALYZE rag.embeddings")
        admin.execute("SELECT pg_stat_reset()")
        admin.execute("INSERT INTO rag.embeddings VALUES (0, '[1,2,3]')")
    assert 300 == _table(_read(cluster, store), "rag.embeddings").rows


def test_rebuilds_broken_by_a_writer_leave_indexes_that_are_known_as_leftovers(
    cluster: Cluster, store: str
):
    with _transaction(cluster, store, WRITING):
        _broken(cluster, store, "REINDEX INDEX CONCURRENTLY rag.nearest")
        _broken(cluster, store, "REINDEX INDEX CONCURRENTLY rag.nearest")
    inventory = _read(cluster, store)
    assert [
        ("nearest", True, ""),
        ("nearest_ccnew", False, "nearest"),
        ("nearest_ccnew1", False, "nearest"),
    ] == [(index.name, index.valid, index.leftover_of) for index in inventory.indexes]


def test_a_rebuild_broken_at_its_end_by_a_reader_leaves_the_old_index_as_leftover(
    cluster: Cluster, store: str
):
    before = _index(_read(cluster, store), "nearest")
    with _transaction(cluster, store, "SELECT count(*) FROM rag.embeddings"):
        _broken(cluster, store, "REINDEX INDEX CONCURRENTLY rag.nearest", READERS)
    inventory = _read(cluster, store)
    assert [("nearest", True, ""), ("nearest_ccold", False, "nearest")] == [
        (index.name, index.valid, index.leftover_of) for index in inventory.indexes
    ]
    assert before.oid == _index(inventory, "nearest_ccold").oid


def test_a_broken_build_is_invalid_and_a_leftover_only_where_it_was_to_replace_another(
    cluster: Cluster, store: str
):
    build = "CREATE INDEX CONCURRENTLY {} ON rag.embeddings USING hnsw (embedding vector_l1_ops)"
    with _transaction(cluster, store, WRITING):
        _broken(cluster, store, build.format("other"))
        _broken(cluster, store, build.format("nearest_lsnew"))
    inventory = _read(cluster, store)
    assert [(False, ""), (False, "nearest")] == [
        (index.valid, index.leftover_of)
        for index in (_index(inventory, "other"), _index(inventory, "nearest_lsnew"))
    ]


def test_a_whole_replacement_is_a_leftover_unless_a_run_works_on_the_table(
    cluster: Cluster, store: str
):
    with psycopg.connect(cluster.url(store), autocommit=True) as run:
        run.execute(
            "CREATE INDEX nearest_lsnew ON rag.embeddings USING ivfflat (embedding vector_l2_ops)"
        )
        run.execute("CREATE INDEX my_ccnew ON rag.embeddings USING hnsw (embedding vector_l2_ops)")
        key = lock_key(TableName("rag", "embeddings"))
        run.execute("SELECT pg_advisory_lock(%s, %s)", key)
        during = _read(cluster, store)
        run.execute("SELECT pg_advisory_unlock(%s, %s)", key)
    after = _read(cluster, store)
    assert ["", "nearest"] == [
        _index(inventory, "nearest_lsnew").leftover_of for inventory in (during, after)
    ]
    assert "" == _index(after, "my_ccnew").leftover_of


def test_a_name_that_postgresql_had_to_cut_still_leads_to_its_index(cluster: Cluster, store: str):
    long = "n" * 60
    with psycopg.connect(cluster.url(store), autocommit=True) as connection:
        connection.execute(f"ALTER INDEX rag.nearest RENAME TO {long}".encode())
    with _transaction(cluster, store, WRITING):
        _broken(cluster, store, f"REINDEX INDEX CONCURRENTLY rag.{long}")
    (left,) = [index for index in _read(cluster, store).indexes if not index.valid]
    assert (63, long) == (len(left.name), left.leftover_of)


@pytest.mark.parametrize("user", ["owner", "postgres"])
@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("REINDEX INDEX CONCURRENTLY rag.nearest", "nearest_ccnew"),
        (f"CREATE INDEX CONCURRENTLY second {NEAREST}", "second"),
    ],
)
def test_an_index_being_built_is_no_leftover_whoever_builds_it(
    cluster: Cluster, store: str, statement: str, name: str, user: str
):
    with (
        _transaction(cluster, store, WRITING),
        _under_way(cluster, store, statement, user=user) as pid,
    ):
        inventory = _read(cluster, store)
    table = _table(inventory, "rag.embeddings")
    (build,) = inventory.builds
    assert (pid, table.oid) == (build.pid, build.table_oid)
    index = _index(inventory, name)
    assert (False, True, "") == (index.valid, index.building, index.leftover_of)
    assert not _index(inventory, "nearest").building
    # Of a superuser's build this role sees no more than what it locks.
    assert (user == "owner") == bool(build.phase) == bool(build.index_oid)


def test_an_index_that_somebody_has_locked_does_not_keep_the_reader_waiting(
    cluster: Cluster, store: str
):
    for lock in ("REINDEX INDEX rag.nearest", "LOCK TABLE rag.embeddings"):
        with _transaction(cluster, store, lock):
            begin = time.monotonic()
            inventory = _read(cluster, store)
        assert time.monotonic() - begin < 10
        assert _index(inventory, "nearest").bytes > 0


def test_tables_of_others_are_seen_but_not_maintainable(cluster: Cluster, store: str):
    with cluster.superuser(store) as admin:
        admin.execute("CREATE TABLE rag.others (embedding vector(3))")
        admin.execute("CREATE INDEX theirs ON rag.others USING hnsw (embedding vector_l2_ops)")
        admin.execute("CREATE SCHEMA tenant_rag_closed CREATE TABLE e (embedding vector(3))")
        admin.execute("ALTER TABLE tenant_rag_closed.e OWNER TO owner")
        admin.execute("CREATE ROLE member LOGIN IN ROLE owner")
    expected = {"rag.embeddings": True, "rag.others": False, "tenant_rag_closed.e": False}
    for user in ("owner", "member"):
        tables = _read(cluster, store, user=user).tables
        assert expected == {str(table.name): table.maintainable for table in tables}
    tables = _read(cluster, store, user="postgres").tables
    assert {True} == {table.maintainable for table in tables}


def test_the_ledger_is_part_of_the_inventory(cluster: Cluster, store: str):
    with connect(cluster.url(store), read_only=False) as connection:
        assert ensure_ledger(connection)
        assert note(connection, LedgerEntry("rag", "nearest", 1.5, 300, 10, 20, "run"))
    (maintained,) = _read(cluster, store).ledger
    assert ("rag", "nearest", 300) == (maintained.schema, maintained.index, maintained.rows)


class _Counting:
    """A connection that counts the queries it is given."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self.queries = 0

    def execute(self, *arguments: object) -> object:
        self.queries += 1
        return self._connection.execute(*arguments)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


def test_many_schemas_take_as_many_queries_as_one(cluster: Cluster):
    database = cluster.database()
    queries, tables = [], []
    with connect(cluster.url(database), read_only=False, autocommit=True) as writing:
        for first, last in ((1, 1), (2, 150)):
            writing.execute(
                f"""
                DO $$ BEGIN FOR n IN {first}..{last} LOOP EXECUTE format(
                    'CREATE SCHEMA tenant_rag_%1$s
                     CREATE TABLE embeddings (id int, embedding vector(3));
                     CREATE INDEX i ON tenant_rag_%1$s.embeddings
                     USING hnsw (embedding vector_l2_ops)', n);
                END LOOP; END $$""".encode()
            )
            with connect(cluster.url(database)) as connection:
                counting = _Counting(connection)
                inventory = read_vector_inventory(counting, PATTERNS, "tenant_id")
            queries.append(counting.queries)
            tables.append((len(inventory.schemas), len(inventory.tables), len(inventory.indexes)))
    assert [(1, 1, 1), (150, 150, 150)] == tables
    assert queries[0] == queries[1]
    assert queries[0] <= 15


def test_schemas_that_come_and_go_meanwhile_do_no_harm(cluster: Cluster, store: str):
    ended = threading.Event()

    def churn() -> None:
        with psycopg.connect(cluster.url(store), autocommit=True) as connection:
            while not ended.is_set():
                connection.execute(
                    "CREATE SCHEMA tenant_rag_x CREATE TABLE e (id int, embedding vector(3));"
                    "CREATE INDEX i ON tenant_rag_x.e USING hnsw (embedding vector_l2_ops)"
                    " WHERE id > 1"
                )
                connection.execute("DROP SCHEMA tenant_rag_x CASCADE")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(12):
            inventory = _read(cluster, store)
            known = {table.name for table in inventory.tables}
            assert {index.table for index in inventory.indexes} <= known
            assert TableName("rag", "embeddings") in known
    finally:
        ended.set()
        thread.join()


def test_a_transaction_that_has_read_before_is_ended_and_one_that_may_write_goes_on(
    cluster: Cluster, store: str
):
    with connect(cluster.url(store)) as connection:
        connection.execute("SELECT 1")
        assert 1 == len(read_vector_inventory(connection, PATTERNS, "tenant_id").tables)
    with _transaction(cluster, store, "CREATE TABLE rag.new (embedding vector(3))") as connection:
        before = connection.execute("SHOW search_path").fetchone()
        assert 2 == len(read_vector_inventory(connection, PATTERNS, "tenant_id").tables)
        assert before == connection.execute("SHOW search_path").fetchone()
        connection.execute("CREATE TABLE rag.newer (embedding vector(3))")
