"""Vector stores to decide on, made of few words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from leitstand.core.recovery_types import TableName
from leitstand.core.resources import RagStore, Tenancy
from leitstand.core.vectors.findings import Finding, FindingCode
from leitstand.core.vectors.maintenance import Maintenance, Request, plan_maintenance
from leitstand.core.vectors.shards import WHOLE
from leitstand.core.vectors.sizes import expected_bytes
from leitstand.core.vectors.types import (
    Build,
    Extension,
    Maintained,
    ServerSettings,
    VectorColumn,
    VectorIndex,
    VectorInventory,
    VectorTable,
)
from leitstand.core.vectors.verdicts import judge
from tests.fixtures.tenants import TENANCY

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
TARGET = "projects/p/instances/main/databases/app"
MEBIBYTE = 1 << 20
POLICY = RagStore.model_validate(
    {
        "schemas": ["rag", "tenant_rag_*"],
        "extension": "vector",
        "minimum_version": "0.8.2",
        "index": "ivfflat",
        "index_from_rows": 1000,
        "ivfflat": {"lists": 100, "probes": 10, "iterative_scan": "relaxed_order"},
        "hnsw": {
            "m": 16, "ef_construction": 64, "ef_search": 64, "iterative_scan": "strict_order",
        },
        "recall": {"k": 10, "sample": 200, "minimum": 0.95},
        "maintenance": {
            "every": "monthly", "window_minutes": 180, "jobs": 2, "lock_seconds": 60,
            "dead_share": 0.2, "bloat": 1.5,
        },
    }
)  # fmt: skip
HNSW_POLICY = POLICY.model_copy(update={"index": "hnsw"})
SETTINGS = ServerSettings(160014, 64 * MEBIBYTE, 2, 8, 8)


def name(text: str) -> TableName:
    schema, _, table = text.partition(".")
    return TableName(schema, table)


def a_table(text: str = "rag.embeddings", **changes: Any) -> VectorTable:
    """A healthy table of 20 000 rows."""
    known: dict[str, Any] = {
        "name": name(text),
        "oid": sum(map(ord, text)) * 1000 + len(text),
        "columns": (VectorColumn("embedding", "vector", 384),),
        "rows": 20_000,
        "dead_rows": 0,
        "changed_rows": 0,
        "bytes": 32 * MEBIBYTE,
        "vacuumed_at": NOW - timedelta(days=1),
        "analyzed_at": NOW - timedelta(days=1),
        "row_security": True,
        "row_security_forced": True,
        "tenant_column": True,
        "maintainable": True,
    }
    return VectorTable(**{**known, **changes})


def an_index(
    text: str = "embeddings_ivfflat", table: str = "rag.embeddings", **changes: Any
) -> VectorIndex:
    """A healthy IVFFLAT index over 20 000 rows, or HNSW where the name says so."""
    method = changes.get("method", "hnsw" if "hnsw" in text else "ivfflat")
    options = {"m": 16, "ef_construction": 64} if method == "hnsw" else {"lists": 100}
    known: dict[str, Any] = {
        "name": text,
        "table": name(table),
        "oid": sum(map(ord, table + text)) + len(text),
        "method": method,
        "column": "embedding",
        "operator_class": "vector_cosine_ops",
        "options": options,
        "valid": True,
        "bytes": expected_bytes(method, 20_000, 384, "vector", options),
        "scans": 5,
        "definition": f"CREATE INDEX {text} ON {table} USING {method} (embedding)",
    }
    return VectorIndex(**{**known, **changes})


def maintained(index: VectorIndex, *, days: int = 1, **changes: Any) -> Maintained:
    known: dict[str, Any] = {"at": NOW - timedelta(days=days), "seconds": 2.0, "rows": 20_000}
    return Maintained(index.table.schema, index.name, **{**known, **changes})


def a_store(
    *tables: VectorTable,
    indexes: tuple[VectorIndex, ...] = (),
    ledger: tuple[Maintained, ...] | None = None,
    installed: str = "0.8.5",
    available: tuple[str, ...] = ("0.8.5",),
    builds: tuple[Build, ...] = (),
    settings: ServerSettings = SETTINGS,
) -> VectorInventory:
    """A store whose indexes were maintained yesterday, unless a ledger is given."""
    if ledger is None:
        ledger = tuple(maintained(index) for index in indexes)
    return VectorInventory(
        NOW, "app", "administrator", Extension(installed, available), settings,
        tuple(sorted({table.name.schema for table in tables})),
        tuple(sorted(tables, key=lambda table: table.name)),
        tuple(sorted(indexes, key=lambda index: (index.table, index.name))), builds, ledger,
    )  # fmt: skip


def found(
    inventory: VectorInventory, policy: RagStore = POLICY, tenancy: Tenancy = TENANCY
) -> list[Finding]:
    return list(judge(inventory, policy, tenancy))


def codes(inventory: VectorInventory, policy: RagStore = POLICY) -> list[FindingCode]:
    return [finding.code for finding in found(inventory, policy)]


def request(**changes: Any) -> Request:
    known: dict[str, Any] = {
        "environment": "sandbox", "target": TARGET, "part": WHOLE, "window_seconds": 10_800,
    }  # fmt: skip
    return Request(**{**known, **changes})


def planned(inventory: VectorInventory, policy: RagStore = POLICY, **changes: Any) -> Maintenance:
    """The plan for all that is found."""
    return plan_maintenance(inventory, found(inventory, policy), request(**changes), policy)


def ids(maintenance: Maintenance) -> list[str]:
    return [action.id for action in maintenance.plan.actions]


def arguments(maintenance: Maintenance, id: str) -> Mapping[str, Any]:
    return maintenance.plan.action(id).arguments
