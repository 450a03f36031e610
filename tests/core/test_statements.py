"""What a statement does to those who use the database, rule by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.statements import LARGE, Effect, judge_migration, split_statements

SMALL = {"documents": 1000, "rag.embeddings": 1000}
BIG = {"documents": LARGE}


def judge(sql: str, sizes: dict[str, int] = SMALL, *, atomic: bool = True) -> list[tuple[str, str]]:
    found = judge_migration(sql, atomic=atomic, sizes=sizes, new=set())
    return [(statement.effect.word, statement.reason) for statement in found]


ONE = [
    ("CREATE TABLE bookmarks (id bigint)", "harmless", "new_table"),
    ("GRANT SELECT ON documents TO app", "harmless", "adds"),
    ("CREATE EXTENSION IF NOT EXISTS vector", "harmless", "adds"),
    ('ALTER TABLE "documents" ADD COLUMN "n" integer DEFAULT 0 NOT NULL', "expands", "new_column"),
    ("ALTER TABLE documents ADD COLUMN at timestamptz DEFAULT now()", "expands", "new_column"),
    (
        "ALTER TABLE documents ADD COLUMN at timestamptz DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL",
        "expands",
        "new_column",
    ),
    ("ALTER TABLE documents ADD n uuid DEFAULT gen_random_uuid()", "locks", "rewrites_table"),
    ("ALTER TABLE documents ADD COLUMN n bigserial", "locks", "rewrites_table"),
    ("ALTER TABLE documents ADD COLUMN n int NOT NULL", "contracts", "not_null_without_default"),
    ('ALTER TABLE "documents" DROP COLUMN "pages" CASCADE', "contracts", "drops_column"),
    ("ALTER TABLE documents RENAME COLUMN a TO b", "contracts", "renames"),
    ("ALTER TABLE documents RENAME TO papers", "contracts", "renames"),
    ("ALTER TABLE documents ALTER COLUMN n DROP DEFAULT", "contracts", "drops_default"),
    ("ALTER TABLE documents ALTER n SET NOT NULL", "contracts", "forbids_null"),
    (
        'ALTER TABLE "documents" ALTER COLUMN "n" TYPE bigint USING "n"::bigint',
        "locks",
        "rewrites_table",
    ),
    ("ALTER TABLE documents ENABLE ROW LEVEL SECURITY", "contracts", "hides_rows"),
    (
        "ALTER TABLE documents ADD CONSTRAINT c CHECK (n > 0) NOT VALID",
        "expands",
        "constraint_not_checked",
    ),
    ("ALTER TABLE documents VALIDATE CONSTRAINT c", "expands", "validates"),
    ("ALTER TABLE documents FROBNICATE", "destroys", "unknown_statement"),
    ("DROP TABLE documents", "contracts", "drops_object"),
    ("TRUNCATE documents", "destroys", "deletes_rows"),
    ("DELETE FROM documents WHERE n < 20", "destroys", "deletes_rows"),
    ("UPDATE documents SET body = left(title, 20), at = now()", "destroys", "overwrites_rows"),
    ("UPDATE documents SET n = p WHERE n = 0 AND p <> 0", "expands", "fills_in"),
    ("UPDATE documents SET n = p WHERE n IS NULL", "expands", "fills_in"),
    ("UPDATE documents SET n = p WHERE n = 0 OR p <> 0", "destroys", "overwrites_rows"),
    ("UPDATE documents SET n = p, m = 1 WHERE n = 0", "destroys", "overwrites_rows"),
    ("UPDATE documents SET m = p WHERE n = 0", "destroys", "overwrites_rows"),
    ("INSERT INTO documents VALUES (1)", "expands", "adds_rows"),
    (
        "INSERT INTO documents VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 1",
        "destroys",
        "overwrites_rows",
    ),
    ("CREATE INDEX CONCURRENTLY i ON documents (n)", "not_transactional", "concurrently"),
    ("REINDEX INDEX CONCURRENTLY i", "not_transactional", "concurrently"),
    ("REINDEX INDEX i", "locks", "locks_table"),
    ("DROP INDEX i", "expands", "drops_index"),
    ("DO $$ BEGIN DELETE FROM documents; END $$", "destroys", "unknown_statement"),
    ("CALL tidy_up()", "destroys", "unknown_statement"),
    ("WITH gone AS (DELETE FROM a) SELECT 1", "destroys", "unknown_statement"),
]


@pytest.mark.parametrize(("sql", "effect", "reason"), ONE, ids=[sql for sql, *_ in ONE])
def test_each_kind_of_statement_has_its_verdict(sql: str, effect: str, reason: str) -> None:
    assert [(effect, reason)] == judge(sql, atomic=effect != "not_transactional")


def test_a_concurrent_build_in_a_transaction_is_no_concurrent_build() -> None:
    sql = "CREATE INDEX CONCURRENTLY i ON documents (n)"
    assert [("locks", "concurrently_in_transaction")] == judge(sql, atomic=True)


@pytest.mark.parametrize(("sizes", "effect"), [(SMALL, "expands"), (BIG, "locks"), ({}, "locks")])
@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX i ON documents (n)",
        "ALTER TABLE documents ADD CONSTRAINT c UNIQUE (n)",
    ],
)
def test_a_lock_that_grows_with_the_table_is_long_on_a_large_or_unknown_one(
    sql: str, sizes: dict[str, int], effect: str
) -> None:
    assert [effect] == [found for found, _ in judge(sql, sizes)]


def test_whatever_is_done_to_a_table_of_the_same_plan_is_harmless() -> None:
    new: set[str] = set()
    first = "CREATE TABLE b (id int); CREATE INDEX i ON b (id); ALTER TABLE b ENABLE ROW LEVEL"
    for sql in (first, "ALTER TABLE b DROP COLUMN id; DELETE FROM b"):
        found = judge_migration(sql, atomic=True, sizes={}, new=new)
        assert {Effect.HARMLESS} == {statement.effect for statement in found}


def test_filling_a_large_table_while_its_lock_is_held_is_a_long_lock() -> None:
    sql = "ALTER TABLE documents ADD n int DEFAULT 0; UPDATE documents SET n = p WHERE n = 0"
    assert [("expands", "new_column"), ("expands", "fills_in")] == judge(sql, SMALL)
    assert [("expands", "new_column"), ("locks", "holds_lock")] == judge(sql, BIG)


def test_a_query_of_unknown_duration_prolongs_the_lock_before_it() -> None:
    sql = "ALTER TABLE documents ADD n int; SELECT pg_sleep(4); SELECT setval('s', 1)"
    assert ["expands", "locks", "harmless"] == [effect for effect, _ in judge(sql)]


def test_several_statements_without_a_transaction_can_be_applied_by_half() -> None:
    sql = "ALTER TABLE documents ADD n int; DELETE FROM documents"
    assert ["not_transactional", "destroys"] == [effect for effect, _ in judge(sql, atomic=False)]


def test_the_worst_of_several_alterations_counts() -> None:
    assert [("contracts", "drops_column")] == judge("ALTER TABLE documents ADD a int, DROP b")


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("", ()),
        ("--\n-- Add field\n--\nSELECT 1;\n-- end\n", ("SELECT 1",)),
        ("SELECT ';' ; SELECT \"a;b\"", ("SELECT ';'", 'SELECT "a;b"')),
        ("DO $$ a; b; $$; SELECT 2", ("DO $$ a; b; $$", "SELECT 2")),
        ("DO $x$ a; $$; $x$;", ("DO $x$ a; $$; $x$",)),
        ("SELECT E'\\';'; SELECT 2", ("SELECT E'\\';'", "SELECT 2")),
        ("SELECT 1 /* ; */; SELECT 2", ("SELECT 1", "SELECT 2")),
        ("SELECT 'it''s;'", ("SELECT 'it''s;'",)),
    ],
)
def test_statements_are_split_where_sql_ends_them(sql: str, statements: tuple[str, ...]) -> None:
    assert statements == split_statements(sql)


@given(st.lists(st.text(alphabet="ab;'\" $-\n", max_size=12), max_size=4))
def test_no_text_whatever_breaks_the_judgement(parts: list[str]) -> None:
    judge("; ".join(parts))
