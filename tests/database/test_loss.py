"""The loss report counts exactly what a recovery would take back."""

import string
from collections import Counter

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.recovery_types import LossReport, TableLoss, TableName
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused
from leitstand.database.loss import loss_report
from tests.fixtures.postgres import Cluster

T = TableName("public", "t")
KEYED = "CREATE TABLE t (id int PRIMARY KEY, value text)"


class Copies:
    """A database as it was, and as it is now."""

    def __init__(self, cluster: Cluster, *before: str) -> None:
        self.now = cluster.database()
        self._cluster = cluster
        self.write(*before)
        self.then = cluster.copy(self.now)

    def write(self, *statements: str, database: str = "") -> None:
        url = self._cluster.url(database or self.now)
        with connect(url, read_only=False) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def report(self) -> LossReport:
        return loss_report(self._cluster.url(self.then), self._cluster.url(self.now))

    def loss(self) -> TableLoss:
        return next(loss for loss in self.report().tables if loss.table == T)


def _counts(loss: TableLoss) -> tuple[int, int, int]:
    return (loss.inserted, loss.changed, loss.deleted)


def test_a_copy_differs_in_nothing(cluster: Cluster):
    copies = Copies(cluster, KEYED, "INSERT INTO t SELECT n, n::text FROM generate_series(1, 9) n")
    report = copies.report()
    assert report.lossless
    assert (TableLoss(T, 0, 0, 0),) == report.tables


def test_inserted_changed_and_deleted_rows_are_told_apart(cluster: Cluster):
    copies = Copies(
        cluster, KEYED, "INSERT INTO t SELECT n, n::text FROM generate_series(1, 5000) n"
    )
    copies.write(
        "INSERT INTO t SELECT n, 'new' FROM generate_series(6001, 6007) n",
        "UPDATE t SET value = 'changed' WHERE id BETWEEN 1 AND 5",
        "UPDATE t SET value = value WHERE id = 6",
        "DELETE FROM t WHERE id BETWEEN 101 AND 103",
        "DELETE FROM t WHERE id = 200",
        "INSERT INTO t VALUES (200, '200')",
    )
    report = copies.report()
    assert (7, 5, 3) == _counts(report.tables[0])
    assert 15 == report.differing[0].rows
    assert not report.lossless


def test_all_rows_of_a_table_may_differ(cluster: Cluster):
    copies = Copies(cluster, KEYED, "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 12000) n")
    copies.write("UPDATE t SET value = 'y'")
    assert (0, 12000, 0) == _counts(copies.loss())
    copies.write("DELETE FROM t")
    assert (0, 0, 12000) == _counts(copies.loss())


def test_a_changed_primary_key_is_a_deleted_and_an_inserted_row(cluster: Cluster):
    copies = Copies(cluster, KEYED, "INSERT INTO t VALUES (1, 'x')")
    copies.write("UPDATE t SET id = 2")
    assert (1, 0, 1) == _counts(copies.loss())


@pytest.mark.parametrize(
    ("before", "after"),
    [("NULL", "''"), ("''", "NULL"), ("'a'", "'a '"), ("'ä'", "'a\u0308'"), ("'1,2'", "'1)(2'")],
)
def test_values_that_look_alike_are_not_the_same(cluster: Cluster, before: str, after: str):
    copies = Copies(cluster, KEYED, f"INSERT INTO t VALUES (1, {before})")
    copies.write(f"UPDATE t SET value = {after}")
    assert (0, 1, 0) == _counts(copies.loss())


def test_the_same_value_under_other_settings_is_the_same(cluster: Cluster):
    copies = Copies(
        cluster,
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, f float8, b bytea, i interval)",
        "INSERT INTO t VALUES (1, now(), 0.1::float8 + 0.2, '\\xdead', '1 year 2 days 3 hours')",
    )
    with cluster.superuser("postgres") as admin:
        for setting in (
            "timezone TO 'Asia/Tokyo'",
            "datestyle TO 'German'",
            "bytea_output TO 'escape'",
            "extra_float_digits TO -3",
            "intervalstyle TO 'sql_standard'",
        ):
            admin.execute(f"ALTER DATABASE {copies.now} SET {setting}")
    assert copies.report().lossless


def test_composite_keys_odd_names_generated_and_vector_columns_are_compared(cluster: Cluster):
    copies = Copies(
        cluster,
        'CREATE SCHEMA "Sch%s""ema"',
        'CREATE TABLE "Sch%s""ema"."T; {0} %s" ("a %s" text, "B""" uuid, e vector(3),'
        ' n int, twice int GENERATED ALWAYS AS (n * 2) STORED, PRIMARY KEY ("B""", "a %s"))',
        'INSERT INTO "Sch%s""ema"."T; {0} %s" VALUES'
        " ('x', '00000000-0000-0000-0000-000000000001', '[1,2,3]', 1),"
        " ('y', '00000000-0000-0000-0000-000000000001', '[1,2,3]', 1)",
    )
    copies.write('UPDATE "Sch%s""ema"."T; {0} %s" SET e = \'[1,2,4]\' WHERE "a %s" = \'y\'')
    (loss,) = copies.report().tables
    assert TableLoss(TableName('Sch%s"ema', "T; {0} %s"), 0, 1, 0) == loss


def test_rows_without_a_primary_key_are_counted_one_by_one(cluster: Cluster):
    copies = Copies(
        cluster,
        "CREATE TABLE t (value text)",
        "INSERT INTO t VALUES ('a'), ('a'), ('a'), ('b'), ('c')",
    )
    copies.write(
        "DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t WHERE value = 'a')",
        "UPDATE t SET value = 'B' WHERE value = 'b'",
        "INSERT INTO t VALUES ('c'), ('c'), ('d')",
    )
    assert TableLoss(T, 4, 0, 2, keyed=False) == copies.loss()


def test_pairs_of_equal_rows_do_not_cancel_each_other_out(cluster: Cluster):
    copies = Copies(cluster, "CREATE TABLE t (value text)", "INSERT INTO t VALUES ('a'), ('a')")
    copies.write("UPDATE t SET value = 'b'")
    assert (2, 0, 2) == _counts(copies.loss())


def test_rows_without_a_key_and_without_a_value_count_too(cluster: Cluster):
    copies = Copies(cluster, "CREATE TABLE t (value text)", "INSERT INTO t VALUES (NULL), ('a')")
    copies.write("INSERT INTO t VALUES (NULL), (NULL)", "DELETE FROM t WHERE value = 'a'")
    assert (2, 0, 1) == _counts(copies.loss())


def test_columns_of_one_side_are_named_and_the_others_compared(cluster: Cluster):
    copies = Copies(
        cluster,
        "CREATE TABLE t (id int PRIMARY KEY, old int, value text)",
        "INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y')",
    )
    copies.write(
        "ALTER TABLE t ADD COLUMN new int DEFAULT 5",
        "ALTER TABLE t DROP COLUMN old",
        "ALTER TABLE t ALTER COLUMN id TYPE bigint",
        "UPDATE t SET value = 'z' WHERE id = 2",
    )
    expected = TableLoss(T, 0, 1, 0, new_columns=("new",), dropped_columns=("old",))
    assert expected == copies.loss()


def test_tables_of_one_side_are_named_with_their_rows(cluster: Cluster):
    copies = Copies(cluster, KEYED, "INSERT INTO t VALUES (1, 'x')")
    copies.write("CREATE TABLE u (id int)", "INSERT INTO u VALUES (1), (2)", "DROP TABLE t")
    report = copies.report()
    assert () == report.tables
    assert ((TableName("public", "u"), 2),) == report.new_tables
    assert ((T, 1),) == report.dropped_tables
    assert not report.lossless


def test_partitions_count_once_and_inheriting_tables_for_themselves(cluster: Cluster):
    copies = Copies(
        cluster,
        "CREATE TABLE t (id int, PRIMARY KEY (id)) PARTITION BY HASH (id)",
        "CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent)",
    )
    copies.write("INSERT INTO t SELECT generate_series(1, 10)", "INSERT INTO child VALUES (1), (2)")
    found = {loss.table.name: loss.inserted for loss in copies.report().tables}
    assert {"t": 10, "parent": 0, "child": 2} == found


def test_writes_that_are_not_committed_are_no_loss(cluster: Cluster):
    copies = Copies(cluster, KEYED)
    with psycopg.connect(cluster.url(copies.now)) as open_transaction:
        open_transaction.execute("INSERT INTO t VALUES (1, 'x')")
        assert copies.report().lossless
        open_transaction.rollback()


def test_a_reader_whose_rows_a_policy_would_hide_is_refused(cluster: Cluster):
    copies = Copies(
        cluster,
        KEYED,
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE t FORCE ROW LEVEL SECURITY",
    )
    with pytest.raises(DatabaseRefused, match="row-level security"):
        copies.report()


def test_progress_is_told_before_each_table(cluster: Cluster):
    copies = Copies(cluster, KEYED, "CREATE TABLE u ()")
    told: list[tuple[str, int, int]] = []
    loss_report(
        cluster.url(copies.then),
        cluster.url(copies.now),
        progress=lambda table, number, of: told.append((table.name, number, of)),
    )
    assert [("t", 1, 2), ("u", 2, 2)] == told


KEYS = st.tuples(
    st.sampled_from(["", "a", "A", "ä", "😀", "\uffff", "10", "9", '"', "\\", "a,b", "%s"]),
    st.integers(-1, 1),
)
VALUES = st.none() | st.text(string.printable + "äß€😀", max_size=2)
Rows = dict[tuple[str, int], str | None]


@pytest.fixture(scope="module")
def emptied(cluster: Cluster) -> Copies:
    """Copies whose tables every example empties first, which is much quicker than new ones."""
    return Copies(
        cluster,
        "CREATE TABLE t (k text, n int, value text, PRIMARY KEY (k, n))",
        "CREATE TABLE u (k text, n int, value text)",
    )


@given(
    before=st.dictionaries(KEYS, VALUES, max_size=30),
    written=st.dictionaries(KEYS, VALUES, max_size=15),
    deleted=st.lists(KEYS, max_size=15),
)
@settings(max_examples=40, deadline=None)
def test_any_writes_after_a_copy_are_counted_exactly(
    cluster: Cluster,
    emptied: Copies,
    before: Rows,
    written: Rows,
    deleted: list[tuple[str, int]],
):
    for database in (emptied.then, emptied.now):
        emptied.write("TRUNCATE t, u", database=database)
    after = {key: value for key, value in (before | written).items() if key not in deleted}
    _write(cluster.url(emptied.then), before, {}, [])
    _write(cluster.url(emptied.now), before, written, deleted)
    keyed, multiset = emptied.report().tables
    shared = before.keys() & after.keys()
    changed = sum(before[key] != after[key] for key in shared)
    assert (len(after.keys() - shared), changed, len(before.keys() - shared)) == _counts(keyed)
    old, new = Counter(before.items()), Counter(after.items())
    assert ((new - old).total(), 0, (old - new).total()) == _counts(multiset)


def _write(url: str, before: Rows, written: Rows, deleted: list[tuple[str, int]]) -> None:
    with connect(url, read_only=False) as connection, connection.cursor() as cursor:
        for table in ("t", "u"):
            with cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
                for (text, number), value in before.items():
                    copy.write_row((text, number, value))
            gone = [*written, *deleted]
            cursor.executemany(f"DELETE FROM {table} WHERE k = %s AND n = %s".encode(), gone)
            rows = [(*key, value) for key, value in written.items() if key not in deleted]
            cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s)".encode(), rows)
