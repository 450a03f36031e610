"""Everything in a vector store that its maintenance is decided from. Read-only.

The number of queries is the same for one schema and for thousands.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.definitions import TEMPORARY
from leitstand.core.vectors.types import (
    Build,
    Extension,
    ServerSettings,
    VectorColumn,
    VectorIndex,
    VectorInventory,
    VectorTable,
)
from leitstand.database import vector_ledger
from leitstand.database.errors import translated
from leitstand.database.vector_catalogue import (
    BUILDS,
    COLUMNS,
    FACTS,
    INDEXES,
    SCHEMAS,
    STATE,
    TABLES,
    WORK,
)
from leitstand.database.vector_sessions import lock_key

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["read_vector_inventory"]

_ATTEMPTS = 3
_LEFT = re.compile(rf"(?P<name>.+)(?:_cc(?:new|old)\d*|(?P<ours>{TEMPORARY}))", re.DOTALL)


@dataclass(frozen=True)
class _Work:
    """What is under way.

    Attributes:
        builds: Each with the relations that its process has locked.
        worked_on: Tables that a run of ours maintains, by oid.
    """

    builds: tuple[tuple[Build, frozenset[int]], ...]
    worked_on: frozenset[int]

    def is_on(self, table: int) -> bool:
        return table in self.worked_on or any(build.table_oid == table for build, _ in self.builds)

    def builds_it(self, table: int, index: int) -> bool:
        """Whether an invalid index is being built; of a stranger's build only the table is seen."""
        return any(
            build.table_oid == table and (build.index_oid in (0, index) or index in locked)
            for build, locked in self.builds
        )


def read_vector_inventory(
    connection: "Connection", schemas: Sequence[str], tenant_column: str
) -> VectorInventory:
    """Return the vector store as the catalogue describes it. Read-only; reads no table's rows.

    Partitions count as tables, their partitioned table does not. Without the extension there are
    no tables. What is dropped meanwhile is left out. What somebody has locked for himself alone
    is not waited for, except for seconds where an expression or predicate must be described.

    Args:
        connection: Without an open transaction, unless it is a read-only one, which is ended.
        schemas: Names of schemas; ``*`` stands for any text.
        tenant_column: Name of the column that names the tenant in shared tables.

    Raises:
        DatabaseRefused: the catalogue cannot be read.
    """
    import psycopg

    patterns = [_like(pattern) for pattern in schemas]
    with translated("Vektorspeicher lesen"):
        for _ in range(_ATTEMPTS - 1):
            # A relation that is dropped while the server describes it is an error in its words.
            with suppress(psycopg.errors.InternalError_):
                return _read(connection, patterns, tenant_column)
        return _read(connection, patterns, tenant_column)


def _like(pattern: str) -> str:
    """Return a pattern of ours as one of LIKE, in which only what was a star is a wildcard."""
    return re.sub(r"[\\%_]", r"\\\g<0>", pattern).replace("*", "%")


@contextmanager
def _reading(connection: "Connection") -> Iterator[None]:
    """Read for the block, each query as of its own moment: what is under way must be current."""
    from psycopg.pq import TransactionStatus

    if connection.info.transaction_status is TransactionStatus.INTRANS:
        read_only = connection.execute("SHOW transaction_read_only").fetchall()[0][0]
        if read_only == "on":
            connection.rollback()
    # Rolled back, so that no setting is left in a transaction that goes on.
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY")
        # Without a search path, definitions name every schema.
        connection.execute("SET LOCAL search_path TO pg_catalog")
        connection.execute("SET LOCAL jit TO off")
        connection.execute("SET LOCAL lock_timeout TO '5s'")
        yield


def _read(connection: "Connection", patterns: list[str], tenant_column: str) -> VectorInventory:
    with _reading(connection):
        facts = connection.execute(FACTS).fetchall()[0]
        taken_at, database, role, installed, available, types, methods, *limits = facts
        spaces = connection.execute(SCHEMAS, (patterns,)).fetchall()
        wanted = {"types": types, "methods": methods, "schemas": [oid for oid, _ in spaces]}
        columns: dict[int, dict[str, VectorColumn]] = defaultdict(dict)
        for table, name, kind, dimensions in connection.execute(COLUMNS, wanted):
            columns[table][name] = VectorColumn(name, kind, dimensions)
        found = connection.execute(INDEXES, wanted).fetchall()
        for _, table, _, column, bits, *_ in found:
            if bits is not None:
                columns[table][column] = VectorColumn(column, "bit", bits)
        seen = list({*columns, *(row[1] for row in found)})
        tables = _tables(connection, columns, {"tables": seen, "tenant": tenant_column})
        # In this order: what was there before the builds were read, and is still invalid
        # afterwards, was not built meanwhile unless one of them says so.
        work = _work(connection, tables)
        states = connection.execute(STATE, ([row[0] for row in found],)).fetchall()
        indexes = _indexes(found, tables, states, work)
        ledger = vector_ledger.read(connection)
    return VectorInventory(
        taken_at=taken_at,
        database=database,
        role=role,
        extension=Extension(installed, tuple(available)),
        settings=ServerSettings(*limits),
        schemas=tuple(name for _, name in spaces),
        tables=tuple(sorted(tables.values(), key=lambda table: table.name)),
        indexes=indexes,
        builds=tuple(build for build, _ in work.builds),
        ledger=ledger,
    )


def _tables(
    connection: "Connection",
    columns: Mapping[int, Mapping[str, VectorColumn]],
    wanted: Mapping[str, Any],
) -> dict[int, VectorTable]:
    tables = {}
    for oid, schema, name, rows, dead, changed, size, *rest in connection.execute(TABLES, wanted):
        if size is not None:
            of_it = tuple(columns.get(oid, {}).values())
            name = TableName(schema, name)
            tables[oid] = VectorTable(name, oid, of_it, rows, dead, changed, size, *rest)
    return tables


def _work(connection: "Connection", tables: Mapping[int, VectorTable]) -> _Work:
    builds = []
    for pid, table, index, phase, locked in connection.execute(BUILDS):
        table = table or next((oid for oid in locked if oid in tables), 0)
        if table in tables:
            builds.append((Build(pid, table, index, phase), frozenset(locked)))
    keys = {oid: lock_key(table.name) for oid, table in tables.items()}
    first = next(iter(keys.values()), (0, 0))[0]
    locks = {number for (number,) in connection.execute(WORK, (first,))}
    worked_on = {oid for oid, (_, second) in keys.items() if second % 2**32 in locks}
    return _Work(tuple(builds), frozenset(worked_on))


def _indexes(
    found: Iterable[tuple[Any, ...]],
    tables: Mapping[int, VectorTable],
    states: Iterable[tuple[int, str, bool]],
    work: _Work,
) -> tuple[VectorIndex, ...]:
    """Return the indexes that still are, by table and name."""
    state = {oid: (name, valid) for oid, name, valid in states}
    names: dict[int, set[str]] = defaultdict(set)
    for oid, table, *_ in found:
        if oid in state:
            names[table].add(state[oid][0])
    indexes = []
    for oid, table, method, column, _, kind, options, size, scans, definition, *rest in found:
        if table not in tables or oid not in state or size is None or definition is None:
            continue
        name, valid = state[oid]
        building = not valid and work.builds_it(table, oid)
        passing = building or (valid and work.is_on(table))
        index = VectorIndex(
            name=name,
            table=tables[table].name,
            oid=oid,
            method=method,
            column=column,
            operator_class=kind,
            options={key: int(value) for key, _, value in (o.partition("=") for o in options)},
            valid=valid,
            bytes=size,
            scans=scans,
            definition=definition,
            building=building,
            leftover_of="" if passing else _origin(name, valid, names[table]),
            predicate=rest[0],
            attached=rest[1],
        )
        indexes.append(index)
    return tuple(sorted(indexes, key=lambda index: (index.table, index.name)))


def _origin(name: str, valid: bool, others: set[str]) -> str:
    """Return the index that a leftover was for, or empty if it is none."""
    match = _LEFT.fullmatch(name)
    if match is None or (valid and not match["ours"]):
        return ""
    origin = match["name"]
    # Where the name would have been too long, the origin's was cut.
    cut = (other for other in sorted(others) if other.startswith(origin) and other != name)
    return origin if origin in others else next(cut, origin)
