"""What indexes over embeddings can be: limits, operator classes, options, and names.

Limits and operator classes: https://github.com/pgvector/pgvector (README and ``sql/vector.sql``
of 0.8).
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

from leitstand.core.resources import RagStore
from leitstand.core.vectors.types import VectorColumn, VectorIndex
from leitstand.core.vectors.versions import newer

__all__ = [
    "TEMPORARY",
    "Definition",
    "advised_type",
    "complete",
    "definition_of",
    "dimension_limit",
    "final_name",
    "new_name",
    "search_settings",
    "supports",
    "temporary_name",
    "wanted_definition",
    "wanted_lists",
]

_LIMITS = {"vector": 2000, "halfvec": 4000, "bit": 64000}
_IVFFLAT = frozenset(
    {"vector_l2_ops", "vector_ip_ops", "vector_cosine_ops", "halfvec_l2_ops", "halfvec_ip_ops"}
    | {"halfvec_cosine_ops", "bit_hamming_ops"}
)
_HNSW = _IVFFLAT | {
    "vector_l1_ops",
    "halfvec_l1_ops",
    "bit_jaccard_ops",
    "sparsevec_l2_ops",
    "sparsevec_ip_ops",
    "sparsevec_cosine_ops",
    "sparsevec_l1_ops",
}
TEMPORARY = "_lsnew"
"""Ends the names under which successors of indexes are built."""
_LONGEST = 63
"""Bytes of a name in PostgreSQL."""
_MOST_LISTS = 32768


@dataclass(frozen=True)
class Definition:
    """An index as it could be built.

    Attributes:
        method: ``ivfflat`` or ``hnsw``.
        options: To be stated under WITH.
    """

    method: str
    column: str
    operator_class: str
    options: Mapping[str, int] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "method": self.method,
            "column": self.column,
            "operator_class": self.operator_class,
            "options": dict(sorted(self.options.items())),
        }


def definition_of(index: VectorIndex) -> Definition:
    """Return how an index was built; see ``complete`` for those of which that is not all."""
    return Definition(index.method, index.column, index.operator_class, dict(index.options))


def complete(index: VectorIndex) -> bool:
    """Return whether column, class and options say all of an index.

    They do not for one over an expression, over part of the rows, or over a part of a table.
    """
    return bool(index.column) and not index.predicate and not index.attached


def dimension_limit(type: str) -> int | None:
    """Return how many dimensions an index takes at most; None where other things limit it."""
    return _LIMITS.get(type)


def advised_type(dimensions: int) -> str:
    """Return the type in which a vector of too many dimensions could be indexed, or nothing."""
    return next((name for name in ("halfvec", "bit") if dimensions <= _LIMITS[name]), "")


def supports(method: str, operator_class: str) -> bool:
    """Return whether a kind of index knows an operator class."""
    return operator_class in (_HNSW if method == "hnsw" else _IVFFLAT)


def wanted_lists(rows: int, least: int) -> int:
    """Return the lists of an IVFFLAT index: rows/1000, from a million rows on their root.

    Args:
        rows: Rows of the table.
        least: Never fewer.
    """
    lists = isqrt(rows) if rows > 1_000_000 else rows // 1000
    return min(max(lists, least), _MOST_LISTS)


def wanted_definition(
    column: VectorColumn, operator_class: str, rows: int, policy: RagStore, version: str
) -> Definition:
    """Return the index that a column should have by the policy.

    HNSW where IVFFLAT does not know the operator class, IVFFLAT where pgvector has no HNSW yet.
    """
    method = policy.index if not newer("0.5.0", version) else "ivfflat"
    if not supports(method, operator_class):
        method = "hnsw"
    options = (
        {"lists": wanted_lists(rows, policy.ivfflat.lists)}
        if method == "ivfflat"
        else {"ef_construction": policy.hnsw.ef_construction, "m": policy.hnsw.m}
    )
    return Definition(method, column.name, operator_class, options)


def search_settings(method: str, policy: RagStore, version: str) -> dict[str, str]:
    """Return the settings that searches use by the policy, for one kind of index."""
    if method == "hnsw":
        settings = {"hnsw.ef_search": str(policy.hnsw.ef_search)}
        scan = policy.hnsw.iterative_scan
    else:
        settings = {"ivfflat.probes": str(policy.ivfflat.probes)}
        scan = policy.ivfflat.iterative_scan
    if not newer("0.8.0", version):
        settings[f"{method}.iterative_scan"] = scan
    return settings


def temporary_name(name: str) -> str:
    """Return the name under which the successor of an index is built."""
    return _cut(name, _LONGEST - len(TEMPORARY)) + TEMPORARY


def final_name(name: str, method: str) -> str:
    """Return the name of an index after it became one of another kind.

    Where the name says the kind, it says the new one.
    """
    other = "hnsw" if method == "ivfflat" else "ivfflat"
    return _cut(name.replace(other, method), _LONGEST)


def new_name(table: str, column: str, method: str, taken: Container[str]) -> str:
    """Return a name for the first index of a column, other than those that are taken."""
    for number in ("", *range(2, 100)):
        ending = f"_{method}{number}"
        name = _cut(f"{table}_{column}", _LONGEST - len(ending)) + ending
        if name not in taken:
            return name
    raise ValueError(f"no name is left for an index of {table}.{column}")


def _cut(name: str, length: int) -> str:
    """Return the beginning of a name that takes so many bytes, never half a character."""
    return name.encode()[:length].decode(errors="ignore")
