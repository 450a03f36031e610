"""squawk on the SQL of migrations: real runs of the real program."""

import os
from pathlib import Path

import pytest

from leitstand.core.migration import Migration, read_migrations
from leitstand.execution import lint as module
from leitstand.execution.lint import LintUnavailable, lint


def migration(sql: str, *, atomic: bool = True) -> Migration:
    (found,) = read_migrations(
        [{"migration": "documents.0009_x", "atomic": atomic, "sql": sql}], {}
    )
    return found


def rules(sql: str, *, atomic: bool = True) -> list[tuple[int, str]]:
    return [(f.statement, f.rule) for f in lint(migration(sql, atomic=atomic))]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", []),
        ("", []),
        ("CREATE TABLE b (id bigint);\n", []),
        ("ALTER TABLE documents DROP COLUMN pages", [(0, "ban-drop-column")]),
        (
            "SELECT 1;\n-- größer\nCREATE INDEX i ON documents (n)",
            [(1, "require-concurrent-index-creation")],
        ),
        (
            "SELECT\n 1;\nALTER TABLE documents ALTER COLUMN n TYPE bigint",
            [(1, "changing-column-type")],
        ),
    ],
)
def test_findings_name_the_statement_they_are_about(
    sql: str, expected: list[tuple[int, str]]
) -> None:
    assert expected == rules(sql)


def test_a_concurrent_build_inside_a_transaction_is_found_and_outside_is_not() -> None:
    sql = "SELECT 1; CREATE INDEX CONCURRENTLY i ON documents (n)"
    assert [(1, "ban-concurrent-index-creation-in-transaction")] == rules(sql)
    assert [] == rules(sql, atomic=False)


def test_what_squawk_cannot_read_is_a_finding() -> None:
    assert {"syntax-error"} == {rule for _, rule in rules("CREATE TABEL x")}


def test_findings_carry_squawks_own_words() -> None:
    (finding,) = lint(migration("DROP TABLE documents"))
    assert "Dropping a table may break existing clients." == finding.message


def test_a_configuration_in_the_home_or_beside_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["ban-drop-table"]\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert [(0, "ban-drop-table")] == rules("DROP TABLE documents")


def test_a_missing_squawk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(LintUnavailable, match="squawk fehlt"):
        lint(migration("SELECT 1"))
