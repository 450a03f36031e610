"""Whether logs are kept and exported as wanted; and why a probe entry did not arrive."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from leitstand.core.hardening.logging import AUDIT_DAYS, drops_audit_logs
from leitstand.core.kinds import Resource
from leitstand.core.names import short_name
from leitstand.core.release_checks import Check

__all__ = [
    "BIGQUERY",
    "Arrival",
    "Bucket",
    "Dataset",
    "LogState",
    "Loss",
    "Sink",
    "WantedLogs",
    "check_logs",
    "wanted_logs",
    "why_lost",
]

BIGQUERY = "bigquery.googleapis.com/"
"""What the destination of a sink begins with that writes to BigQuery."""

_DEFAULT_DAYS = 30
_OWN = ("_Default", "_Required")
_GAP = re.compile(r'("(?:\\.|[^"\\])*")|(?:--[^\n]*|\s)+')
"""A quoted text, in which every character counts, or comments and space."""


@dataclass(frozen=True)
class Bucket:
    """A log bucket: full name, days that entries are kept, and whether that is locked."""

    name: str
    days: int
    locked: bool = False

    @property
    def id(self) -> str:
        """Its short name."""
        return short_name(self.name)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> "Bucket":
        """Return the bucket that the Logging API shows."""
        days = int(body.get("retentionDays") or _DEFAULT_DAYS)
        return cls(str(body["name"]), days, bool(body.get("locked")))


@dataclass(frozen=True)
class Sink:
    """A sink.

    Attributes:
        name: Full name.
        destination: Where it writes, as the API has it.
        filter: Which entries, as it was written.
        writer: The identity that writes, such as ``serviceAccount:…``; empty for Google's own.
        disabled: Whether it is off.
        exclusions: Filters of its exclusions that are on, by their name.
        partitioned: Whether it writes one table a log, and not one a day.
    """

    name: str
    destination: str
    filter: str
    writer: str = ""
    disabled: bool = False
    exclusions: Mapping[str, str] = field(default_factory=dict)
    partitioned: bool = True

    @property
    def id(self) -> str:
        """Its short name."""
        return short_name(self.name)

    @property
    def selection(self) -> str:
        """Its filter without comments, and with single spaces outside of quoted texts.

        Filters that differ only in how they are written have the same one.

        Source: https://cloud.google.com/logging/docs/view/logging-query-language#comments
        """
        return _GAP.sub(lambda found: found[1] or " ", self.filter).strip()

    @property
    def dataset(self) -> str:
        """Full name of the dataset that it writes to; empty where that is something else."""
        found = self.destination.startswith(BIGQUERY)
        return self.destination.removeprefix(BIGQUERY) if found else ""

    @classmethod
    def from_body(cls, name: str, body: Mapping[str, Any]) -> "Sink":
        """Return the sink of that full name as the Logging API shows it."""
        return cls(
            name=name,
            destination=str(body.get("destination", "")),
            filter=str(body.get("filter", "")),
            writer=str(body.get("writerIdentity", "")),
            disabled=bool(body.get("disabled")),
            exclusions={
                str(one["name"]): str(one.get("filter", ""))
                for one in body.get("exclusions", ())
                if not one.get("disabled")
            },
            partitioned=bool(body.get("bigqueryOptions", {}).get("usePartitionedTables")),
        )


@dataclass(frozen=True)
class Dataset:
    """A dataset: full name, who may write by its access list, days after which rows go (or 0)."""

    name: str
    writers: frozenset[str] = frozenset()
    expiration_days: float = 0


@dataclass(frozen=True)
class Arrival:
    """The newest row of a dataset: its table, and when it came."""

    table: str
    at: datetime


@dataclass(frozen=True)
class LogState:
    """What was read.

    Attributes:
        at: When.
        buckets: All log buckets of the project.
        sinks: All its sinks.
        datasets: Those that wanted sinks write to, by full name; the missing ones are left out.
        arrivals: The newest row by dataset; datasets without a row are left out.
    """

    at: datetime
    buckets: tuple[Bucket, ...]
    sinks: tuple[Sink, ...]
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    arrivals: Mapping[str, Arrival] = field(default_factory=dict)

    def bucket(self, name: str) -> Bucket | None:
        """Return the bucket of that full name."""
        return next((one for one in self.buckets if one.name == name), None)

    def sink(self, name: str) -> Sink | None:
        """Return the sink of that full name."""
        return next((one for one in self.sinks if one.name == name), None)


@dataclass(frozen=True)
class WantedLogs:
    """What the environment file says of logs.

    Attributes:
        days: Days that entries are kept, by full name of the bucket.
        sinks: The sinks that export to BigQuery, as wanted.
        bodies: What a creation of each sends, by full name.
    """

    days: Mapping[str, int]
    sinks: tuple[Sink, ...]
    bodies: Mapping[str, Mapping[str, Any]]


def wanted_logs(resources: Iterable[Resource]) -> WantedLogs:
    """Return what all resources that an environment wants say of logs."""
    days: dict[str, int] = {}
    bodies: dict[str, Mapping[str, Any]] = {}
    for one in resources:
        if one.kind.name == "logging.buckets" and "retentionDays" in one.body:
            days[one.name] = int(one.body["retentionDays"])
        if one.kind.name == "logging.sinks" and str(one.body["destination"]).startswith(BIGQUERY):
            bodies[one.name] = one.body
    sinks = tuple(Sink.from_body(name, body) for name, body in bodies.items())
    return WantedLogs(days, sinks, bodies)


def check_logs(wanted: WantedLogs, seen: LogState, newest_row_hours: float) -> tuple[Check, ...]:
    """Return every check, passed or not, in the order in which they are shown.

    Args:
        wanted: What should be.
        seen: What is.
        newest_row_hours: Hours after which an export counts as standing still.
    """
    return (
        *_buckets(wanted, seen),
        *(_not_dropped(sink) for sink in sorted(seen.sinks, key=lambda one: one.id)),
        *(check for sink in wanted.sinks for check in _sink(wanted, sink, seen, newest_row_hours)),
    )


def _buckets(wanted: WantedLogs, seen: LogState) -> Iterator[Check]:
    for name, days in wanted.days.items():
        bucket = seen.bucket(name)
        found = bucket.days if bucket else 0
        evidence = {"bucket": short_name(name), "days": found, "wanted": days}
        yield Check("bucket_keeps", found >= days, evidence)
    required = next((one for one in seen.buckets if one.id == "_Required"), None)
    found = required.days if required else 0
    yield Check("audit_kept", found >= AUDIT_DAYS, {"days": found, "wanted": AUDIT_DAYS})


def _not_dropped(sink: Sink) -> Check:
    """Audit logs stay whole: Google's own sinks are on, and no exclusion drops them."""
    bad = [name for name, text in sink.exclusions.items() if drops_audit_logs(text)]
    off = sink.id in _OWN and sink.disabled
    evidence = {"sink": sink.id, "exclusions": bad, "disabled": off}
    return Check("audit_not_dropped", not bad and not off, evidence)


def _sink(
    wanted: WantedLogs, sink: Sink, seen: LogState, newest_row_hours: float
) -> Iterator[Check]:
    found = seen.sink(sink.name)
    evidence: dict[str, Any] = {"sink": sink.id, "differs": differing(sink, found)}
    yield Check("sink_as_wanted", not evidence["differs"], evidence)
    dataset = seen.datasets.get(sink.dataset)
    yield Check("dataset_there", dataset is not None, {"dataset": short_name(sink.dataset)})
    writer = found.writer if found else ""
    may = dataset is not None and bool(writer) and writer in dataset.writers
    yield Check("sink_may_write", may, {"sink": sink.id, "writer": writer})
    days = dataset.expiration_days if dataset else 0
    kept = max(wanted.days.values(), default=0)
    yield Check("rows_kept", not 0 < days <= kept, {"days": days, "wanted": kept})
    arrival = seen.arrivals.get(sink.dataset)
    hours = (seen.at - arrival.at).total_seconds() / 3600 if arrival else None
    evidence = {
        "table": arrival.table if arrival else "",
        "hours": round(hours, 2) if hours is not None else None,
        "allowed": newest_row_hours,
    }
    yield Check("rows_arrive", hours is not None and hours <= newest_row_hours, evidence)


def differing(wanted: Sink, found: Sink | None) -> list[str]:
    """Return what of a sink is not as wanted: fields by name, or ``missing``."""
    if found is None:
        return ["missing"]
    fields = (
        ("destination", wanted.destination != found.destination),
        ("filter", wanted.selection != found.selection),
        ("partitioned", wanted.partitioned != found.partitioned),
        ("disabled", found.disabled),
    )
    return [name for name, differs in fields if differs]


class Loss(StrEnum):
    """Why an entry that Logging took did not become a row."""

    NOT_LOGGED = "not_logged"
    NO_SINK = "no_sink"
    DISABLED = "disabled"
    DESTINATION = "destination"
    NO_DATASET = "no_dataset"
    NO_GRANT = "no_grant"
    FILTER = "filter"
    EXCLUSION = "exclusion"
    UNKNOWN = "unknown"


def why_lost(wanted: Sink, seen: LogState, *, logged: bool) -> Loss:
    """Return the cause to look at first.

    Args:
        wanted: The sink as the environment wants it.
        seen: What is there after the entry failed to arrive.
        logged: Whether Logging itself shows the entry.
    """
    found = seen.sink(wanted.name)
    if not logged:
        return Loss.NOT_LOGGED
    if found is None:
        return Loss.NO_SINK
    dataset = seen.datasets.get(wanted.dataset)
    causes = (
        (Loss.DISABLED, found.disabled),
        (Loss.DESTINATION, found.destination != wanted.destination),
        (Loss.NO_DATASET, dataset is None),
        (Loss.NO_GRANT, dataset is not None and found.writer not in dataset.writers),
        (Loss.FILTER, found.selection != wanted.selection),
        (Loss.EXCLUSION, bool(found.exclusions)),
    )
    return next((cause for cause, holds in causes if holds), Loss.UNKNOWN)
