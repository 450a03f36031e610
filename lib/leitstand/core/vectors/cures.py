"""What cures searches that find too few rows, or the wrong ones.

Sources: README of pgvector 0.8, "Filtering" and "Iterative Index Scans".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, sqrt

from leitstand.core.vectors.recall import Measurement
from leitstand.core.vectors.versions import newer

__all__ = ["Cure", "CureKind", "SearchContext", "cure"]

_ITERATIVE_SINCE = "0.8.0"
# Exact search takes 67 ms for 100 000 rows of 384 dimensions, so about 7 ms for these.
_EXACT_ROWS = 10_000
_FEW_TENANTS = 10
# Setting, its default, its largest value.
_CANDIDATES = {"hnsw": ("hnsw.ef_search", 40, 1000), "ivfflat": ("ivfflat.probes", 1, 32768)}
# What ends an iterative scan, and its default.
_LIMITS = {"hnsw": ("hnsw.max_scan_tuples", 20_000), "ivfflat": ("ivfflat.max_probes", 32_768)}


class CureKind(StrEnum):
    """What can be done.

    Attributes:
        ITERATIVE_SCAN: The search goes on in the index until it has enough rows.
        LARGER_SCAN: An iterative scan may go on for longer.
        MORE_CANDIDATES: Each search looks at more of the index: ef_search, probes.
        TENANT_INDEX: A common index on the filter's column; the few rows are searched exactly.
        PARTIAL_INDEX: A vector index of its own for each of few tenants.
        PARTITION: A partition of the table, with its own vector index, for each tenant.
        UPDATE_EXTENSION: A newer pgvector, which has iterative scans.
    """

    ITERATIVE_SCAN = "iterative_scan"
    LARGER_SCAN = "larger_scan"
    MORE_CANDIDATES = "more_candidates"
    TENANT_INDEX = "tenant_index"
    PARTIAL_INDEX = "partial_index"
    PARTITION = "partition"
    UPDATE_EXTENSION = "update_extension"


@dataclass(frozen=True)
class SearchContext:
    """In what circumstances searches were measured.

    Attributes:
        method: ``ivfflat`` or ``hnsw``; empty where the search was exact.
        version: Of pgvector in the database, for example ``0.8.2``.
        rows: Of the table.
        visible: Rows that the filter, or row-level security, leaves.
        settings: Settings of the searches, for example ``{"hnsw.ef_search": "64"}``; pgvector's
            defaults hold where one is missing.
        lists: Of an IVFFLAT index, 0 if unknown.
        tenants: How many tenants share the table, 0 if unknown.
    """

    method: str
    version: str
    rows: int
    visible: int
    settings: Mapping[str, str] = field(default_factory=dict)
    lists: int = 0
    tenants: int = 0

    @property
    def share(self) -> float:
        """Share of the rows that is left, from 0 to 1."""
        return min(1.0, self.visible / self.rows) if self.rows else 1.0


@dataclass(frozen=True)
class Cure:
    """One thing that helps.

    Attributes:
        settings: What to set for searches, for example ``{"hnsw.iterative_scan": "strict_order"}``.
        text: What to do and why, as German sentences.
    """

    kind: CureKind
    settings: Mapping[str, str]
    text: str


def cure(
    measurement: Measurement, context: SearchContext, *, minimum: float = 0.95
) -> tuple[Cure, ...]:
    """Return what cures short or wrong results, the best first; nothing where all is well.

    Args:
        measurement: Searches as the application does them.
        context: Their circumstances.
        minimum: Share of the true nearest rows that must be found, on average.
    """
    short = bool(measurement.short)
    if not context.method or not measurement.queries:
        return ()
    if not short and measurement.recall >= minimum:
        return ()
    found = [*_scans(context)] if short else []
    found += _candidates(measurement.k, context, short=short)
    if context.share < 1:
        found += _own_indexes(context)
    return tuple(found)


def _scans(context: SearchContext) -> Iterator[Cure]:
    """Let a search that the filter leaves too few rows go on in the index."""
    if newer(_ITERATIVE_SINCE, context.version):
        yield Cure(
            CureKind.UPDATE_EXTENSION,
            {},
            f"Aktualisieren Sie pgvector von {context.version} auf mindestens "
            f"{_ITERATIVE_SINCE}: Erst dann kann eine Suche im Index weitergehen, bis sie genug "
            "Zeilen hat.",
        )
        return
    name = f"{context.method}.iterative_scan"
    if context.settings.get(name, "off") == "off":
        order = "strict_order" if context.method == "hnsw" else "relaxed_order"
        yield Cure(
            CureKind.ITERATIVE_SCAN,
            {name: order},
            f"Setzen Sie {name} = {order}: Die Suche geht im Index weiter, bis sie genug Zeilen "
            "hat, die der Filter übrig lässt. Das heilt die Zahl der Treffer, nicht von selbst "
            "ihren Recall.",
        )
        return
    limit, default = _LIMITS[context.method]
    now = _number(context.settings, limit, default)
    wanted = max(4 * now, context.rows) if context.method == "hnsw" else context.lists
    if wanted > now:
        yield Cure(
            CureKind.LARGER_SCAN,
            {limit: str(wanted)},
            f"Erhöhen Sie {limit} von {now} auf {wanted}: Die Suche bricht heute vorher ab.",
        )


def _candidates(k: int, context: SearchContext, *, short: bool) -> Iterator[Cure]:
    """Let each search look at more of the index from the beginning."""
    name, default, largest = _CANDIDATES[context.method]
    if context.method == "ivfflat" and context.lists:
        largest = context.lists
    now = _number(context.settings, name, default)
    wanted = 2 * now
    if context.method == "ivfflat":
        wanted = max(wanted, ceil(sqrt(context.lists)))
    elif short:
        # Twice as many as leave k rows on average, since tenants lie in clusters.
        wanted = max(wanted, ceil(2 * k / max(context.share, 1 / largest)))
    wanted = min(wanted, largest)
    if wanted > now:
        yield Cure(
            CureKind.MORE_CANDIDATES,
            {name: str(wanted)},
            f"Erhöhen Sie {name} von {now} auf {wanted}: Jede Suche sieht mehr vom Index, findet "
            "mehr und dauert länger.",
        )


def _own_indexes(context: SearchContext) -> Iterator[Cure]:
    """Let a search meet only rows that the filter leaves."""
    share = f"{100 * context.share:.1f}".replace(".", ",")
    if context.visible <= _EXACT_ROWS:
        yield Cure(
            CureKind.TENANT_INDEX,
            {},
            f"Der Filter lässt nur {context.visible} Zeilen ({share} %) übrig: Ein gewöhnlicher "
            "Index auf seiner Spalte macht die Suche exakt und in wenigen Millisekunden möglich. "
            "Messen Sie danach, ob der Planer ihn nimmt.",
        )
    if 0 < context.tenants <= _FEW_TENANTS:
        yield Cure(
            CureKind.PARTIAL_INDEX,
            {},
            f"Bauen Sie für jeden der {context.tenants} Mandanten einen eigenen Vektorindex "
            "(CREATE INDEX … WHERE …); die Suche muss dieselbe Bedingung nennen.",
        )
    else:
        yield Cure(
            CureKind.PARTITION,
            {},
            "Teilen Sie die Tabelle nach Mandanten (PARTITION BY LIST oder HASH), oder geben Sie "
            f"jedem ein eigenes Schema: Heute gehören von 100 Zeilen im Index nur {share} dem, "
            "der sucht.",
        )


def _number(settings: Mapping[str, str], name: str, default: int) -> int:
    text = settings.get(name, "")
    return int(text) if text.isdigit() else default
