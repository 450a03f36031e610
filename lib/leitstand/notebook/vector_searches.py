"""Measures searches the way the application does them, for the maintenance of the vector store."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import RunFailed
from leitstand.core.recovery_types import TableName
from leitstand.core.resources import RagStore
from leitstand.core.tenancy.names import slug_in, tenant_names
from leitstand.core.vectors.cures import SearchContext, cure
from leitstand.core.vectors.definitions import search_settings
from leitstand.core.vectors.findings import Finding
from leitstand.core.vectors.recall import Measurement
from leitstand.core.vectors.searches import Searched
from leitstand.core.vectors.types import VectorIndex, VectorInventory, VectorTable
from leitstand.database.connection import connect
from leitstand.database.recall import Actor, Search, measure_recall
from leitstand.database.tenant_sample import TenantShare, telling_tenants
from leitstand.execution.database_access import DatabaseAccess
from leitstand.notebook.run import Run

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["Searches", "as_data", "from_data"]

Watch = Callable[[str], None]

_NOBODY = TenantShare("", 1.0, 0)


@dataclass(frozen=True)
class _Wanted:
    """A search to measure."""

    table: VectorTable
    column: str
    tenant: TenantShare


class Searches:
    """Chooses what is measured, and measures it before and after.

    Attributes:
        tenant: Id of a tenant that was measured, empty before or without tenants.
    """

    def __init__(self, run: Run, access: DatabaseAccess, policy: RagStore) -> None:
        self._access = access
        self._policy = policy
        self._tenancy = run.environment.tenancy
        self._most = int(str(run.parameters["searches"]))
        self._sample = int(str(run.parameters["sample"])) or policy.recall.sample
        self.tenant = ""

    def choose(
        self, tables: Sequence[VectorTable], findings: Sequence[Finding]
    ) -> tuple[VectorTable, ...]:
        """Return the tables to measure: those that something is wrong with first, largest first."""
        worst = {
            finding.table: finding.severity.rank
            for finding in sorted(findings, key=lambda f: -f.severity.rank)
            if finding.table is not None
        }
        ordered = sorted(
            (table for table in tables if table.rows != 0),
            key=lambda t: (worst.get(t.name, len(worst)), -t.rows, t.name),
        )
        return tuple(ordered[: self._most])

    def measure(
        self, inventory: VectorInventory, tables: Sequence[VectorTable], watch: Watch
    ) -> tuple[Searched, ...]:
        """Measure each column of these tables, for a large and a small tenant where there are any.

        What cannot be searched is returned with its reason. Read-only.
        """
        wanted = [
            _Wanted(table, column.name, tenant)
            for table in tables
            for tenant in self._tenants(table)
            for column in table.columns
        ]
        return tuple(self._measured(inventory, wanted, watch))

    def again(
        self, inventory: VectorInventory, before: Sequence[Searched], watch: Watch
    ) -> tuple[Searched, ...]:
        """Measure the same searches as before, on the tables that are still there."""
        tables = {table.name: table for table in inventory.tables}
        tenants = {
            name: {tenant.id: tenant for tenant in self._tenants(tables[name])}
            for name in {one.table for one in before if one.tenant} & set(tables)
        }
        wanted = [
            _Wanted(
                tables[one.table],
                one.column,
                tenants.get(one.table, {}).get(one.tenant, TenantShare(one.tenant, 1.0, 0)),
            )
            for one in before
            if one.table in tables
        ]
        return tuple(self._measured(inventory, wanted, watch))

    def _tenants(self, table: VectorTable) -> tuple[TenantShare, ...]:
        if not table.tenant_column or slug_in(table.name.schema, self._tenancy.rag_schema):
            return (_NOBODY,)
        column = self._tenancy.column
        with self._administrator() as connection:
            return telling_tenants(connection, table.name, column, table.rows) or (_NOBODY,)

    def _measured(
        self, inventory: VectorInventory, wanted: Sequence["_Wanted"], watch: Watch
    ) -> Iterator[Searched]:
        version = inventory.extension.installed
        for number, one in enumerate(wanted, 1):
            table, tenant = one.table, one.tenant
            watch(f"{table.name}, {number} von {len(wanted)}")
            indexes = {
                index.name: index
                for index in inventory.indexes
                if index.table == table.name and index.column == one.column and index.valid
            }
            settings: dict[str, str] = {}
            for index in indexes.values():
                settings |= search_settings(index.method, self._policy, version)
            try:
                found = self._one(one, list(indexes.values()), settings)
            except RunFailed as error:
                yield Searched(table.name, one.column, tenant.id, None, error.message)
                continue
            self.tenant = self.tenant or tenant.id
            used = indexes.get(found.index)
            context = SearchContext(
                method=used.method if used else "",
                version=version,
                rows=table.known_rows,
                visible=round(table.known_rows * tenant.share),
                settings=settings,
                lists=used.options.get("lists", 0) if used else 0,
                tenants=tenant.tenants,
            )
            yield Searched(
                table.name,
                one.column,
                tenant.id,
                found,
                bytes=used.bytes if used else 0,
                cures=tuple(
                    remedy.text
                    for remedy in cure(found, context, minimum=self._policy.recall.minimum)
                ),
            )

    def _one(
        self, one: "_Wanted", indexes: Sequence[VectorIndex], settings: Mapping[str, str]
    ) -> Measurement:
        operators = [index.operator_class for index in indexes] or ["vector_cosine_ops"]
        with connect(self._access.current_url, statement_timeout=120) as connection:
            return measure_recall(
                connection,
                Search(one.table.name, one.column, operators[0]),
                k=self._policy.recall.k,
                sample=self._sample,
                settings=settings,
                actor=self._actor(one.table, one.tenant.id),
            )

    def _actor(self, table: VectorTable, tenant: str) -> Actor | None:
        if slug := slug_in(table.name.schema, self._tenancy.rag_schema):
            return Actor(tenant_names(slug, self._tenancy).role)
        if table.row_security and tenant:
            return Actor(self._tenancy.role, self._tenancy.setting, tenant)
        return None

    def _administrator(self) -> "AbstractContextManager[Connection]":
        return connect(self._access.administrator_url(self._access.instance))


def as_data(searched: Sequence[Searched]) -> list[dict[str, Any]]:
    """Return measurements as JSON values."""
    return [asdict(one) for one in searched]


def from_data(data: Any) -> tuple[Searched, ...]:
    """Return the measurements that ``as_data`` gave."""
    return tuple(_from_data(one) for one in data)


def _from_data(data: Mapping[str, Any]) -> Searched:
    measurement = data["measurement"]
    return Searched(
        **{
            **data,
            "table": TableName(**data["table"]),
            "measurement": None if measurement is None else Measurement(**measurement),
            "cures": tuple(data["cures"]),
        }
    )
