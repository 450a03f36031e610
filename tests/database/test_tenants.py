"""Tenants are added in one transaction, are apart from each other, and go while they are empty."""

import threading
import time
import uuid
from dataclasses import dataclass

import psycopg
import pytest

from leitstand.core.plan import Action, Plan
from leitstand.core.tenancy.isolation import FindingCode, Model, Severity, judge_isolation
from leitstand.core.tenancy.names import slug, tenant_names
from leitstand.core.tenancy.naming import named_tenants
from leitstand.core.tenancy.onboarding import Newcomer, plan_onboarding
from leitstand.core.tenancy.types import Operation, Outcome, Tenant
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused
from leitstand.database.isolation import read_isolation
from leitstand.database.tenants import TenantHasRows, create_tenant
from leitstand.database.trials import try_schemas, try_shared
from leitstand.execution.executor import ActionFailed
from leitstand.execution.tenant_handlers import tenant_handlers
from tests.fixtures.postgres import Cluster
from tests.fixtures.tenants import TenantDatabase, tenant_database

SCHEMA: Model = "schema_per_tenant"
ROWS: Model = "row_level_security"


@dataclass(frozen=True)
class Access:
    """Tells the handlers where the database of a test is."""

    url: str

    def administrator_url(self, instance: str) -> str:
        assert "projects/p/instances/main" == instance
        return self.url


def plan_for(database: TenantDatabase, name: str, model: Model) -> Plan:
    with connect(database.url) as connection:
        facts = read_isolation(connection, database.tenancy, [database.app])
    names = tenant_names(slug(name), database.tenancy)
    return plan_onboarding(
        Newcomer(Tenant(str(uuid.uuid4()), name), names, model),
        facts,
        database.tenancy,
        environment="sandbox",
        target="projects/p/instances/main/databases/app",
        application=[database.app],
        rag_schemas=["rag"],
    )


def do(database: TenantDatabase, *actions: Action) -> None:
    handlers = tenant_handlers(Access(database.url), lock_seconds=0.1, lock_deadline=0.5)  # type: ignore[arg-type]  # all that they ask for
    for action in actions:
        handler = handlers[action.kind]
        assert not handler.reached(action)
        handler.finish(action, handler.start(action, ""), lambda _: None)
        assert handler.reached(action)


def as_role(database: TenantDatabase, role: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.app_url) as connection:
        connection.execute(f"SET LOCAL ROLE {role}".encode())
        return connection.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module")
def schemas(cluster: Cluster) -> TenantDatabase:
    """Two tenants with schemas of their own."""
    database = tenant_database(cluster, rows=False)
    for name in ("Müller & Söhne", "Nord"):
        do(database, *plan_for(database, name, SCHEMA).actions)
    return database


def test_a_tenants_schemas_mirror_the_shared_tables_with_keys_but_without_vector_indexes(
    schemas: TenantDatabase,
):
    names = tenant_names("nord", schemas.tenancy)
    with schemas.cluster.superuser(schemas.name) as connection:
        found = connection.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f' AND connamespace::regnamespace::text = ANY(%s)",
            ([names.schema, names.rag_schema],),
        ).fetchall()
        vector = connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = %s AND indexdef LIKE '%%hnsw%%'",
            (names.rag_schema,),
        ).fetchall()
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = ANY(%s)",
            ([names.schema, names.rag_schema],),
        ).fetchall()
    own = names.schema
    keys = [
        (f"{own}.documents", "tenants"),
        (f"{own}.notes", f"{own}.documents"),
        (f"{own}.notes", "tenants"),
        (f"{names.rag_schema}.embeddings", f"{own}.documents"),
    ]
    assert sorted(keys) == sorted(found)
    assert [(0,)] == vector
    assert [(schemas.app,)] == owners


def test_the_application_works_as_the_tenant_in_its_own_schemas_only(schemas: TenantDatabase):
    names = tenant_names("nord", schemas.tenancy)
    with connect(schemas.url) as connection:
        facts = read_isolation(connection, schemas.tenancy, [schemas.app])
    (tenant,) = (t for t in facts.tenants if t.name == "Nord")
    (other,) = (t for t in facts.tenants if t.name != "Nord")
    write = (
        f"WITH d AS (INSERT INTO {names.schema}.documents (tenant_id, title)"
        f" VALUES ('{{}}', 'x') RETURNING id) SELECT id FROM d"
    )
    assert [(1,)] == as_role(schemas, names.role, write.format(tenant.id))
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role(schemas, names.role, write.format(other.id))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(schemas, names.role, "SELECT * FROM public.tenants")
    schemas.execute(f"DELETE FROM {names.schema}.documents")


def test_attempts_across_schemas_fail_in_both_directions_and_grants_across_are_found(
    schemas: TenantDatabase,
):
    def judged() -> tuple[set[FindingCode], set[tuple[Operation, Outcome]]]:
        with connect(schemas.url, read_only=False, autocommit=True) as connection:
            facts = read_isolation(connection, schemas.tenancy, [schemas.app])
            one, two = named_tenants(facts.tenants, schemas.tenancy)[0]
            attempts = try_schemas(connection, facts, [(one, two), (two, one)])
        found = judge_isolation(
            attempts, facts, schemas.tenancy, model=SCHEMA, application=[schemas.app]
        )
        broken = {finding.code for finding in found if finding.severity is Severity.BROKEN}
        return broken, {(a.operation, a.outcome) for a in attempts}

    operations = {op for op in Operation if op not in (Operation.MOVE, Operation.OWN)}
    held = {(operation, Outcome.REFUSED) for operation in operations}
    assert (set(), held | {(Operation.OWN, Outcome.DONE)}) == judged()
    nord = tenant_names("nord", schemas.tenancy)
    other = tenant_names("mueller_soehne", schemas.tenancy)
    for verb, word in (("GRANT", "TO"), ("REVOKE", "FROM")):
        schemas.execute(
            f"{verb} USAGE ON SCHEMA {other.schema} {word} {nord.role}",
            f"{verb} SELECT ON {other.schema}.documents {word} {nord.role}",
        )
        expected = {FindingCode.BREACH, FindingCode.GRANT_ACROSS} if verb == "GRANT" else set()
        assert expected == judged()[0]


@pytest.mark.parametrize("model", [SCHEMA, ROWS])
def test_an_empty_tenant_is_removed_without_a_trace(cluster: Cluster, model: Model):
    database = tenant_database(cluster)
    with connect(database.url) as connection:
        before = read_isolation(connection, database.tenancy, [database.app])
    plan = plan_for(database, "Flüchtig", model)
    do(database, *plan.actions)
    do(database, *plan.way_back)
    with connect(database.url) as connection:
        assert before == read_isolation(connection, database.tenancy, [database.app])


@pytest.mark.parametrize("model", [SCHEMA, ROWS])
def test_a_tenant_with_rows_is_kept_and_nothing_is_deleted(cluster: Cluster, model: Model):
    database = tenant_database(cluster)
    plan = plan_for(database, "Bleibt", model)
    do(database, *plan.actions)
    create, remove = plan.actions[-1], plan.way_back[0]
    schema = next(iter(create.arguments["schemas"])) if model == SCHEMA else "public"
    database.execute(
        "SET app.migration = 'on'",
        f"INSERT INTO {schema}.documents (tenant_id, title)"
        f" VALUES ('{create.arguments['id']}', 'x')",
    )
    with pytest.raises(TenantHasRows, match=rf"Zeilen in {schema}\.documents"):
        do(database, remove)
    handlers = tenant_handlers(Access(database.url))  # type: ignore[arg-type]  # as above
    assert handlers["tenant_create"].reached(create)


def test_a_tenant_that_cannot_be_added_whole_leaves_nothing(cluster: Cluster):
    database = tenant_database(cluster)
    plan = plan_for(database, "Halb", SCHEMA)
    create = plan.actions[-1]
    database.execute(f"CREATE SCHEMA {list(create.arguments['schemas'])[1]}")
    with pytest.raises(DatabaseRefused, match="already exists"):
        do(database, create)
    with connect(database.url) as connection:
        facts = read_isolation(connection, database.tenancy, [database.app])
    assert {"Nord", "Süd & Söhne"} == {tenant.name for tenant in facts.tenants}
    assert create.arguments["role"] not in facts.roles


def test_an_administrator_without_rights_is_told_so(cluster: Cluster):
    database = tenant_database(cluster)
    plan = plan_for(database, "Rechtlos", SCHEMA)
    with cluster.superuser(database.name) as connection:
        connection.execute(f"ALTER ROLE {database.administrator} NOCREATEROLE".encode())
    with (
        pytest.raises(DatabaseRefused, match="permission denied to create role"),
        connect(database.url, read_only=False, autocommit=True) as session,
    ):
        create_tenant(session, plan.actions[-1].arguments)


def test_a_new_tenant_of_shared_tables_is_proven_apart_in_both_directions(cluster: Cluster):
    database = tenant_database(cluster)
    plan = plan_for(database, "Neu", ROWS)
    assert 4 == len([a for a in plan.actions if a.kind == "tenant_row_security"])
    do(database, *plan.actions)
    with connect(database.url, read_only=False, autocommit=True) as connection:
        facts = read_isolation(connection, database.tenancy, [database.app])
        (new,) = (t for t in facts.tenants if t.name == "Neu")
        (old,) = (t for t in facts.tenants if t.name == "Nord")
        pairs = [(new, old), (old, new)]
        attempts = try_shared(connection, facts, database.tenancy, pairs, newcomer=new)
    assert [] == [a for a in attempts if a.breach or a.outcome is Outcome.UNPROVEN]
    assert {new.id, old.id} == {a.actor for a in attempts if a.operation is Operation.OWN}


def test_a_table_that_somebody_holds_is_tried_again_and_named_when_it_stays_held(
    cluster: Cluster,
):
    database = tenant_database(cluster)
    first, second, *_ = plan_for(database, "Wartet", ROWS).actions
    with psycopg.connect(database.app_url) as holder:
        holder.execute("SELECT count(*) FROM documents")
        with pytest.raises(ActionFailed, match=r"hält die Tabelle public\.documents"):
            do(database, first)
        holder.commit()
        holder.execute("SELECT count(*) FROM notes")
        threading.Thread(target=lambda: (time.sleep(0.25), holder.commit())).start()
        do(database, second)


def test_a_serial_of_a_mirrored_table_counts_for_itself(cluster: Cluster):
    database = tenant_database(cluster)
    plan = plan_for(database, "Zählt", SCHEMA)
    do(database, *plan.actions)
    schema, tenant = next(iter(plan.actions[-1].arguments["schemas"])), plan.basis["tenant"]
    database.execute(
        f"INSERT INTO {schema}.documents (tenant_id, title) VALUES ('{tenant}', 'x')",
        f"INSERT INTO {schema}.notes (tenant_id, document_id) VALUES ('{tenant}', 1)",
    )
    assert [(1,)] == as_role(
        database, plan.actions[-1].arguments["role"], f"SELECT id FROM {schema}.notes"
    )
