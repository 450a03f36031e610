"""Which attempts across the borders of tenants are made, and by whom."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leitstand.core.recovery_types import TableName
from leitstand.core.resources import Tenancy
from leitstand.core.tenancy.names import TenantNames
from leitstand.core.tenancy.types import (
    Attempt,
    IsolationFacts,
    Operation,
    Outcome,
    Tenant,
    TenantTable,
)
from leitstand.database.attempts import Actor, Attempts, Spot
from leitstand.database.errors import translated
from leitstand.database.probes import make_probes

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["try_schemas", "try_shared"]

Watch = Callable[[int, int], None]
"""Told how many tenants have been tried, and of how many."""

_SETTABLE = """
SELECT attrelid, array_agg(attname::text ORDER BY attnum) FROM pg_attribute
WHERE attrelid = ANY(%s::oid[]) AND attnum > 0 AND NOT attisdropped
  AND attgenerated = '' AND attidentity <> 'a'
GROUP BY attrelid
"""
_NO_ROW = "Es gibt keine Zeile eines anderen Mandanten."


def try_shared(
    connection: "Connection",
    facts: IsolationFacts,
    tenancy: Tenancy,
    pairs: Sequence[tuple[Tenant, Tenant]],
    *,
    newcomer: Tenant | None = None,
    watch: Watch = lambda done, of: None,
) -> tuple[Attempt, ...]:
    """Try to reach other tenants' rows in shared tables; nothing of it stays.

    Each pair is an actor and a victim. Then the same is tried without a tenant, by the role of
    requests and by the owner of the tables.

    Args:
        connection: With autocommit, able to write, as the administrator, who sees all rows.
        facts: What the catalogue says.
        tenancy: How tenants are kept apart.
        pairs: Who tries to reach whom.
        newcomer: A tenant of the pairs that has no rows yet, and gets some for the attempts.
        watch: Told after each pair.

    Raises:
        DatabaseRefused: the attempts could not be made at all.
    """
    tables = facts.shared
    found: list[Attempt] = []
    with translated("Zugriff über die Grenzen von Mandanten versuchen"):
        settable: dict[int, list[str]] = dict(
            connection.execute(_SETTABLE, ([t.oid for t in tables],)).fetchall()
        )
        for done, (actor, victim) in enumerate(pairs, 1):
            with _rolled_back(connection) as attempts:
                failed: Mapping[TableName, str] = {}
                if newcomer in (actor, victim) and newcomer is not None:
                    failed = make_probes(connection, tables, newcomer.id, tenancy.registry)
                spots = [_spot(connection, t, settable, actor.id, victim.id) for t in tables]
                who = Actor(actor.id, tenancy.role, tenancy.setting)
                found += _rows(attempts, who, spots)
                found += [
                    _unproven(spot, who, failed.get(spot.table, _NO_ROW))
                    for spot in spots
                    if not spot.place
                ]
            watch(done, len(pairs))
        for actor_role in (tenancy.role, *sorted({t.owner for t in tables})):
            with _rolled_back(connection) as attempts:
                mine = [t for t in tables if actor_role in (tenancy.role, t.owner)]
                spots = [_spot(connection, t, settable, "", "") for t in mine]
                found += _rows(attempts, Actor("", actor_role), spots)
    return tuple(found)


def try_schemas(
    connection: "Connection",
    facts: IsolationFacts,
    pairs: Sequence[tuple[tuple[Tenant, TenantNames], tuple[Tenant, TenantNames]]],
    *,
    watch: Watch = lambda done, of: None,
) -> tuple[Attempt, ...]:
    """Try to reach other tenants' schemas, and the tables that all share; nothing of it stays.

    Args:
        connection: With autocommit, able to write, as the administrator.
        facts: What the catalogue says.
        pairs: Who tries to reach whom.
        watch: Told after each pair.

    Raises:
        DatabaseRefused: the attempts could not be made at all.
    """
    within: dict[str, list[TenantTable]] = {}
    for table in facts.tables:
        within.setdefault(table.name.schema, []).append(table)
    found: list[Attempt] = []
    with translated("Zugriff über die Grenzen von Mandanten versuchen"):
        for done, ((actor, own), (victim, theirs)) in enumerate(pairs, 1):
            who = Actor(actor.id, own.role)
            foreign = [
                table
                for schema in (theirs.schema, theirs.rag_schema)
                for table in within.get(schema, [])
            ]
            mine = [
                table for schema in (own.schema, own.rag_schema) for table in within.get(schema, [])
            ]
            spots = [Spot(t.name, t.column, (), victim.id) for t in foreign]
            spots += [Spot(t.name, t.column, ()) for t in facts.shared]
            with _rolled_back(connection) as attempts:
                found += _guarded(attempts.rights, who, spots)
                found += _guarded(
                    attempts.reads_own, who, [Spot(t.name, t.column, ()) for t in mine]
                )
            watch(done, len(pairs))
    return tuple(found)


@contextmanager
def _rolled_back(connection: "Connection") -> Iterator[Attempts]:
    with connection.transaction(force_rollback=True):
        yield Attempts(connection)


def _rows(attempts: Attempts, actor: Actor, spots: Sequence[Spot]) -> tuple[Attempt, ...]:
    return _guarded(attempts.rows, actor, spots)


def _guarded(
    attempt: Callable[[Actor, Sequence[Spot]], tuple[Attempt, ...]],
    actor: Actor,
    spots: Sequence[Spot],
) -> tuple[Attempt, ...]:
    """Make attempts; where nobody may act as the role, they prove nothing."""
    import psycopg

    try:
        return attempt(actor, spots)
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.InvalidParameterValue,
        psycopg.errors.UndefinedObject,
    ) as error:
        text = str(error.diag.message_primary or error)
        return tuple(_unproven(spot, actor, text) for spot in spots)


def _unproven(spot: Spot, actor: Actor, reason: str) -> Attempt:
    return Attempt(
        Operation.UPDATE, spot.table, actor.tenant, actor.role, spot.victim, Outcome.UNPROVEN,
        detail=reason,
    )  # fmt: skip


def _spot(
    connection: "Connection",
    table: TenantTable,
    settable: Mapping[int, Sequence[str]],
    actor: str,
    victim: str,
) -> Spot:
    """Find a row to try it with: of the victim, or else of any other tenant; nobody may move it."""
    columns = tuple(settable[table.oid])
    spot = Spot(table.name, table.column, columns, victim=victim)
    row = (_row(connection, table, victim) if victim else None) or _row(
        connection, table, actor, other=True
    )
    if row is not None:
        spot = Spot(table.name, table.column, columns, victim=row[1], place=row[0])
    own = _row(connection, table, actor) if actor else None
    if own is None:
        return spot
    return Spot(table.name, table.column, columns, spot.victim, spot.place, own[0])


def _row(
    connection: "Connection", table: TenantTable, tenant: str, *, other: bool = False
) -> tuple[str, str] | None:
    """Return the place and the tenant of a row that nobody else works on, locked; or None."""
    from psycopg import sql

    condition = " WHERE {column} = %s" if not other else " WHERE {column} <> %s"
    if other and not tenant:
        condition = " WHERE {column} IS NOT NULL"
    query = sql.SQL(
        "SELECT ctid::text, {column}::text FROM {table}"
        + condition
        + " LIMIT 1 FOR UPDATE SKIP LOCKED"
    ).format(
        table=sql.Identifier(table.name.schema, table.name.name),
        column=sql.Identifier(table.column),
    )
    rows = connection.execute(query, (tenant,) if tenant else ()).fetchall()
    return rows[0] if rows else None
