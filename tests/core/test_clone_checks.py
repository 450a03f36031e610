"""A clone is checked before anything moves to it; each check has its own red case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leitstand.core.clone_checks import check_clone
from leitstand.core.recovery_types import (
    AppliedMigration,
    Index,
    Inventory,
    Role,
    Table,
    TableName,
)
from leitstand.core.schema import SchemaRange

TARGET = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BEFORE, AFTER = TARGET - timedelta(hours=1), TARGET + timedelta(hours=1)
NAME = TableName("public", "documents")
TABLE = Table(NAME, 10, ("id",), BEFORE, None, True, False, ())
GOOD = Inventory(
    taken_at=AFTER,
    tables=(TABLE,),
    indexes=(Index("documents_pkey", NAME, True, "btree", "…"),),
    extensions=(("vector", "0.8.5"),),
    roles=(Role("app", True, False, ()),),
    migrations=(AppliedMigration("documents", "0002_source", BEFORE),),
)


def red(clone: Inventory, source: Inventory = GOOD, code: SchemaRange | None = None) -> set[str]:
    checks = check_clone(
        clone,
        source,
        target=TARGET,
        schema_app="documents",
        code=code or SchemaRange(1, 3),
        roles=["app"],
    )
    return {check.id for check in checks if not check.passed}


def test_a_clone_like_its_source_is_fit() -> None:
    assert set() == red(GOOD)


CASES = [
    ("no rows", replace(GOOD, tables=(replace(TABLE, rows=0),)), "clone_has_rows"),
    ("newer rows", replace(GOOD, tables=(replace(TABLE, newest_created=AFTER),)),
     "clone_ends_at_target"),
    ("another extension", replace(GOOD, extensions=()), "clone_extensions_same"),
    ("an invalid index", replace(GOOD, indexes=(Index("i", NAME, False, "hnsw", "…"),)),
     "clone_indexes_valid"),
    ("no row-level security", replace(GOOD, tables=(replace(TABLE, row_security=False),)),
     "clone_row_security_same"),
    ("a role that cannot log in", replace(GOOD, roles=(Role("app", False, False, ()),)),
     "clone_roles_can_login"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "clone", "expected"), CASES, ids=[case[0] for case in CASES])
def test_exactly_the_check_that_concerns_a_case_is_red(
    case: str, clone: Inventory, expected: str
) -> None:
    assert {expected} == red(clone)


def test_a_schema_that_the_code_does_not_understand_is_red() -> None:
    assert {"clone_schema_understood"} == red(GOOD, code=SchemaRange(4, 6))


def test_row_security_may_differ_where_a_later_migration_brought_it() -> None:
    later = replace(
        GOOD,
        migrations=(*GOOD.migrations, AppliedMigration("documents", "0003_rls", AFTER)),
    )
    clone = replace(GOOD, tables=(replace(TABLE, row_security=False),))
    assert set() == red(clone, source=later)
