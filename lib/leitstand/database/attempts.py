"""Attempts to reach another tenant's rows, as requests would; every one is rolled back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.core.recovery_types import TableName
from leitstand.core.tenancy.types import Attempt, Operation, Outcome

if TYPE_CHECKING:
    from psycopg import sql

    from leitstand.database.connection import Connection

__all__ = ["Actor", "Attempts", "Spot"]

_COUNTED = 1000
"""So many rows are counted at most."""
_SECONDS = 10
_LOCK_SECONDS = 2
_REFUSED = ("42501",)
_BROKEN_OFF = ("57014", "55P03", "40001", "40P01")
_SETTING_MISSING = ("42704", "22P02")
"""A policy that cannot do without its setting, or cannot read it: no row, but an error."""


@dataclass(frozen=True)
class Actor:
    """In whose name something is tried.

    Attributes:
        tenant: Id; empty for a request without a tenant.
        role: That the attempt works as.
        setting: That names the tenant; empty where the role alone tells.
    """

    tenant: str
    role: str
    setting: str = ""


@dataclass(frozen=True)
class Spot:
    """A table, and where in it a row of some tenant lies.

    Attributes:
        column: Names the tenant.
        columns: All that a statement may set.
        victim: Tenant of the row, empty where there is none.
        place: Its ``ctid``, empty where there is none.
        own: ``ctid`` of a row of the one who tries, empty where there is none.
    """

    table: TableName
    column: str
    columns: tuple[str, ...]
    victim: str = ""
    place: str = ""
    own: str = ""


class Attempts:
    """Tries to cross the borders of tenants on one connection, inside an open transaction.

    Args:
        connection: In a transaction that will be rolled back, as the administrator.
    """

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    @contextmanager
    def acting(self, actor: Actor) -> Iterator[None]:
        """Work in somebody's name for the block.

        Raises:
            psycopg.Error: nobody may act as the role.
        """
        from psycopg import sql

        with self._savepoint():
            for statement in (
                "SET LOCAL row_security TO on",
                f"SET LOCAL lock_timeout TO '{_LOCK_SECONDS}s'",
                f"SET LOCAL statement_timeout TO '{_SECONDS}s'",
            ):
                self._connection.execute(statement.encode())
            self._connection.execute(
                sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(actor.role))
            )
            if actor.setting:
                self._connection.execute(
                    "SELECT set_config(%s, %s, true)", (actor.setting, actor.tenant)
                )
            yield

    def rows(self, actor: Actor, spots: Sequence[Spot]) -> tuple[Attempt, ...]:
        """Try everything with the rows of shared tables, which policies must hide."""
        from psycopg import sql

        found: list[Attempt] = []
        with self.acting(actor):
            for spot in spots:
                names = _names(spot)
                foreign = sql.SQL("SELECT FROM {table}{where} LIMIT {most}").format(
                    **names,
                    where=sql.SQL(
                        " WHERE {column} IS DISTINCT FROM %(actor)s" if actor.tenant else ""
                    ).format(**names),
                    most=sql.Literal(_COUNTED),
                )
                counted = sql.SQL("SELECT count(*) FROM ({}) AS seen").format(foreign)
                found.append(self._try(Operation.READ, actor, spot, counted, counts=True))
                if spot.victim:
                    found += self._writes(actor, spot, names)
                if spot.own:
                    found += self._own(actor, spot, names)
        return tuple(found)

    def rights(self, actor: Actor, spots: Sequence[Spot]) -> tuple[Attempt, ...]:
        """Try everything with the tables of other schemas, on which there must be no right.

        Rights are checked before rows are looked at, so that empty tables prove as much.
        """
        from psycopg import sql

        statements = {
            Operation.READ: "SELECT FROM {table} LIMIT 1",
            Operation.INSERT: "INSERT INTO {table} DEFAULT VALUES",
            Operation.UPDATE: "UPDATE {table} SET {column} = {column} WHERE false",
            Operation.DELETE: "DELETE FROM {table} WHERE false",
        }
        with self.acting(actor):
            return tuple(
                self._try(operation, actor, spot, sql.SQL(text).format(**_names(spot)), right=True)
                for spot in spots
                for operation, text in statements.items()
            )

    def reads_own(self, actor: Actor, spots: Sequence[Spot]) -> tuple[Attempt, ...]:
        """Read one's own tables, which must succeed."""
        from psycopg import sql

        statement = sql.SQL("SELECT FROM {table} LIMIT 1")
        with self.acting(actor):
            return tuple(
                self._try(Operation.OWN, actor, spot, statement.format(**_names(spot)), right=True)
                for spot in spots
            )

    def _writes(
        self, actor: Actor, spot: Spot, names: Mapping[str, "sql.Composable"]
    ) -> Iterator[Attempt]:
        from psycopg import sql

        # Nothing but the tenant is given, and no default is asked for: the policy is looked at
        # before any constraint, so that only a row that it lets through can break one.
        values = [
            sql.SQL("%(victim)s") if column == spot.column else sql.NULL for column in spot.columns
        ]
        insert = sql.SQL("INSERT INTO {table} ({columns}) VALUES ({values})").format(
            table=names["table"],
            columns=sql.SQL(", ").join(map(sql.Identifier, spot.columns)),
            values=sql.SQL(", ").join(values),
        )
        yield self._try(Operation.INSERT, actor, spot, insert)
        if spot.place:
            place = " WHERE ctid = %(place)s::tid AND {column} = %(victim)s"
            update = "UPDATE {table} SET {column} = {column}" + place
            delete = "DELETE FROM {table}" + place
            yield self._try(Operation.UPDATE, actor, spot, sql.SQL(update).format(**names))
            yield self._try(Operation.DELETE, actor, spot, sql.SQL(delete).format(**names))

    def _own(
        self, actor: Actor, spot: Spot, names: Mapping[str, "sql.Composable"]
    ) -> Iterator[Attempt]:
        from psycopg import sql

        own = "SELECT FROM {table} WHERE ctid = %(own)s::tid AND {column} = %(actor)s"
        yield self._try(Operation.OWN, actor, spot, sql.SQL(own).format(**names))
        if spot.victim:
            move = "UPDATE {table} SET {column} = %(victim)s WHERE ctid = %(own)s::tid"
            move += " AND {column} = %(actor)s"
            yield self._try(Operation.MOVE, actor, spot, sql.SQL(move).format(**names))

    def _try(
        self,
        operation: Operation,
        actor: Actor,
        spot: Spot,
        statement: "sql.Composable",
        *,
        counts: bool = False,
        right: bool = False,
    ) -> Attempt:
        """Try one statement; ``counts``: its answer is the number of rows; ``right``: success is
        a breach whatever it met."""
        import psycopg

        values = {"actor": actor.tenant, "victim": spot.victim, "place": spot.place,
                  "own": spot.own}  # fmt: skip
        outcome, rows, detail = Outcome.EMPTY, 0, ""
        try:
            with self._savepoint():
                done = self._connection.execute(statement, values)  # type: ignore[call-overload]  # composed, not literal
                rows = done.fetchall()[0][0] if counts else max(done.rowcount, 0)
            outcome = Outcome.DONE if rows or right else Outcome.EMPTY
        except psycopg.Error as error:
            outcome, detail = _judged(error, self._connection)
        return Attempt(
            operation, spot.table, actor.tenant, actor.role, spot.victim, outcome, rows, detail
        )

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        with self._connection.transaction(force_rollback=True):
            yield


def _judged(error: Any, connection: "Connection") -> tuple[Outcome, str]:
    """Return what an error proves: refused, broken off, or that the row was let through."""
    if connection.closed:
        raise error
    state = error.sqlstate or ""
    text = str(error.diag.message_primary or error)
    if state.startswith("23"):
        return Outcome.DONE, text
    if state in (*_REFUSED, *_SETTING_MISSING):
        return Outcome.REFUSED, text
    if state in _BROKEN_OFF:
        return Outcome.UNPROVEN, text
    return Outcome.UNPROVEN, text


def _names(spot: Spot) -> dict[str, "sql.Composable"]:
    from psycopg import sql

    return {
        "table": sql.Identifier(spot.table.schema, spot.table.name),
        "column": sql.Identifier(spot.column),
    }
