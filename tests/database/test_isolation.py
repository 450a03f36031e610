"""Isolation of tenants: what the catalogue tells, and what really happens when it is tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from leitstand.core.tenancy.isolation import FindingCode, Severity, judge_isolation
from leitstand.core.tenancy.policies import wanted_change
from leitstand.core.tenancy.types import Attempt, IsolationFacts, Operation, Outcome, Tenant
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused
from leitstand.database.isolation import RegistryMissing, read_isolation
from leitstand.database.row_security import apply_row_security, has_row_security
from leitstand.database.trials import try_shared
from tests.fixtures.postgres import Cluster
from tests.fixtures.tenants import TenantDatabase, tenant_database

UNSAFE = "ON documents USING (tenant_id = current_setting('app.tenant_id')::uuid)"


def facts_of(database: TenantDatabase) -> IsolationFacts:
    with connect(database.url) as connection:
        return read_isolation(connection, database.tenancy, [database.app])


def harden(database: TenantDatabase) -> None:
    facts = facts_of(database)
    with connect(database.url, read_only=False, autocommit=True) as connection:
        for table in facts.shared:
            change = wanted_change(table, database.tenancy, facts)
            if change is not None:
                assert not has_row_security(connection, change)
                apply_row_security(connection, change)
                assert has_row_security(connection, change)


def attempts_of(
    database: TenantDatabase, facts: IsolationFacts, newcomer: Tenant | None = None
) -> tuple[Attempt, ...]:
    first, second = facts.tenants[:2]
    with connect(database.url, read_only=False, autocommit=True) as connection:
        return try_shared(
            connection,
            facts,
            database.tenancy,
            [(first, second), (second, first)],
            newcomer=newcomer,
        )


def codes(database: TenantDatabase, attempts: tuple[Attempt, ...] = ()) -> set[FindingCode]:
    found = judge_isolation(
        attempts,
        facts_of(database),
        database.tenancy,
        model="row_level_security",
        application=[database.app],
    )
    return {finding.code for finding in found if finding.severity is not Severity.NOTE}


def counts(database: TenantDatabase) -> list[Any]:
    with database.cluster.superuser(database.name) as connection:
        return [
            connection.execute(f"SELECT count(*), max(xmin::text) FROM {t}".encode()).fetchall()
            for t in ("tenants", "documents", "notes", "rag.embeddings")
        ]


@pytest.fixture(scope="module")
def soft(cluster: Cluster) -> TenantDatabase:
    """As the application's migrations leave it: enabled, and not forced."""
    return tenant_database(cluster)


@pytest.fixture(scope="module")
def hard(cluster: Cluster) -> TenantDatabase:
    database = tenant_database(cluster)
    harden(database)
    return database


def test_tables_tenants_and_roles_are_found_with_the_registry_by_its_own_column(
    soft: TenantDatabase,
):
    facts = facts_of(soft)
    assert [
        ("public.documents", "tenant_id", "uuid"),
        ("public.notes", "tenant_id", "uuid"),
        ("public.tenants", "id", "uuid"),
        ("rag.embeddings", "tenant_id", "uuid"),
    ] == [(str(t.name), t.column, t.type) for t in facts.shared]
    assert ["Nord", "Süd & Söhne"] == [tenant.name for tenant in facts.tenants]
    assert {soft.app, soft.tenancy.role} == set(facts.roles)
    assert (soft.app,) == facts.roles[soft.tenancy.role].members


def test_the_number_of_queries_does_not_depend_on_the_number_of_tenants(cluster: Cluster):
    database = tenant_database(cluster)

    def asked() -> int:
        with connect(database.url) as connection, counted(connection) as seen:
            read_isolation(connection, database.tenancy, [database.app])
        return len(seen)

    before = asked()
    schema = database.tenancy.schema_name
    for number in range(20):
        name = schema.replace("{slug}", f"n{number}")
        database.execute(
            f"CREATE SCHEMA {name}",
            f"CREATE TABLE {name}.documents (LIKE documents INCLUDING ALL)",
            f"INSERT INTO tenants VALUES (gen_random_uuid(), 'N{number}')",
        )
    assert before == asked()
    assert 20 == len(facts_of(database).schemas)


@contextmanager
def counted(connection: Any) -> Iterator[list[str]]:
    seen: list[str] = []

    class Counting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(str(query))
            return super().execute(query, *args, **kwargs)

    connection.cursor_factory = Counting
    yield seen


def test_policies_that_are_not_forced_let_the_owner_see_everything(soft: TenantDatabase):
    before = counts(soft)
    attempts = attempts_of(soft, facts_of(soft))
    assert before == counts(soft)
    breaches = {(a.role, a.operation) for a in attempts if a.breach}
    assert {(soft.app, op) for op in ("read", "insert", "update", "delete")} == breaches
    assert {FindingCode.BREACH, FindingCode.NOT_FORCED} == codes(soft, attempts)


def test_forced_policies_hold_against_every_attempt_and_leave_own_rows_in_reach(
    hard: TenantDatabase,
):
    before = counts(hard)
    attempts = attempts_of(hard, facts_of(hard))
    assert before == counts(hard)
    assert set() == codes(hard, attempts)
    tried = {(a.operation, a.outcome) for a in attempts if a.actor}
    assert {
        (Operation.READ, Outcome.EMPTY),
        (Operation.INSERT, Outcome.REFUSED),
        (Operation.UPDATE, Outcome.EMPTY),
        (Operation.DELETE, Outcome.EMPTY),
        (Operation.MOVE, Outcome.REFUSED),
        (Operation.OWN, Outcome.DONE),
    } == tried
    assert 4 * 6 * 2 == len([a for a in attempts if a.actor])


def test_hardened_tables_show_the_migrations_everything_and_recovery_too(hard: TenantDatabase):
    with psycopg.connect(hard.app_url) as connection:
        assert [(0,)] == connection.execute("SELECT count(*) FROM documents").fetchall()
        connection.execute("SELECT set_config('app.migration', 'on', true)")
        assert [(10,)] == connection.execute("SELECT count(*) FROM documents").fetchall()
    with connect(hard.url) as connection:
        assert [(10,)] == connection.execute("SELECT count(*) FROM documents").fetchall()


def test_a_second_hardening_has_nothing_to_do_and_the_way_back_restores_what_was(
    cluster: Cluster,
):
    database = tenant_database(cluster)
    before = facts_of(database)
    changes = [wanted_change(table, database.tenancy, before) for table in before.shared]
    harden(database)
    after = facts_of(database)
    assert [] == [t for t in after.shared if wanted_change(t, database.tenancy, after)]
    with connect(database.url, read_only=False, autocommit=True) as connection:
        for change in changes:
            assert change is not None
            apply_row_security(connection, change.back)
            assert has_row_security(connection, change.back)
    assert before.tables == facts_of(database).tables


def test_a_tenant_without_rows_gets_some_for_the_attempts_and_loses_them_again(
    cluster: Cluster,
):
    database = tenant_database(cluster)
    harden(database)
    third = Tenant("00000000-0000-4000-8000-000000000003", "Aachen")
    with connect(database.url, read_only=False) as connection:
        connection.execute("INSERT INTO tenants VALUES (%s, %s)", (third.id, third.name))
    before = counts(database)
    attempts = attempts_of(database, facts_of(database), newcomer=third)
    assert before == counts(database)
    assert [] == [a for a in attempts if a.outcome is Outcome.UNPROVEN]
    own = [a.table.name for a in attempts if a.actor == third.id and a.operation == "own"]
    assert ["documents", "notes", "tenants", "embeddings"] == own
    assert set() == codes(database, attempts)


@pytest.mark.parametrize(
    ("statements", "code", "breached"),
    [
        (["ALTER TABLE notes DISABLE ROW LEVEL SECURITY"], "row_security_off", "notes"),
        (
            ["CREATE POLICY everyone ON documents FOR SELECT USING (true)"],
            "policy_open",
            "documents",
        ),
        (
            ["DROP POLICY documents_of_tenant ON documents", f"CREATE POLICY own {UNSAFE}"],
            "policy_unsafe",
            "",
        ),
        (["DROP POLICY notes_of_tenant ON notes"], "policy_missing", ""),
        (["CREATE MATERIALIZED VIEW all_documents AS SELECT * FROM documents",
          "GRANT SELECT ON all_documents TO {role}"], "view_open", ""),
    ],
)  # fmt: skip
def test_each_way_to_lose_the_isolation_is_found(
    cluster: Cluster, statements: list[str], code: str, breached: str
):
    database = tenant_database(cluster)
    harden(database)
    database.execute(*(s.format(role=database.tenancy.role) for s in statements))
    attempts = attempts_of(database, facts_of(database))
    assert code in codes(database, attempts)
    tables = {a.table.name for a in attempts if a.breach and a.role == database.tenancy.role}
    assert ({breached} if breached else set()) == tables
    if code != "view_open":
        harden(database)
        assert set() == codes(database, attempts_of(database, facts_of(database)))


def test_a_role_that_bypasses_policies_or_is_a_member_of_others_is_found(cluster: Cluster):
    database = tenant_database(cluster)
    with cluster.superuser(database.name) as connection:
        connection.execute(f"ALTER ROLE {database.tenancy.role} BYPASSRLS".encode())
        connection.execute(f"GRANT pg_monitor TO {database.tenancy.role}".encode())
    assert {FindingCode.ROLE_BYPASSES, FindingCode.ROLE_MEMBER} <= codes(database)


def test_a_database_without_a_registry_says_so(cluster: Cluster):
    name = cluster.database()
    database = tenant_database(cluster)
    with (
        pytest.raises(RegistryMissing, match=r"public\.tenants"),
        connect(cluster.url(name)) as connection,
    ):
        read_isolation(connection, database.tenancy, [])


def test_an_administrator_from_whom_rows_are_hidden_is_refused_instead_of_misled(
    cluster: Cluster,
):
    database = tenant_database(cluster)
    harden(database)
    database.execute("DROP POLICY documents_of_administrator ON documents")
    with (
        pytest.raises(DatabaseRefused, match="row-level security"),
        connect(database.url) as connection,
    ):
        connection.execute("SELECT count(*) FROM documents")
