"""What brings logs to their wanted retention and export, how it is proven, and the way back."""

from collections.abc import Iterator, Mapping
from typing import Any

from leitstand.core.log_retention import LogState, Sink, WantedLogs, differing
from leitstand.core.names import short_name
from leitstand.core.plan import Action, Plan

__all__ = ["PROBE_LOG", "plan_logs", "probe_table", "shortened"]

PROBE_LOG = "leitstand-probe"
"""Log of the probe entries: its rows have a table of their own, which stays small."""

_RESTORED = "Aufbewahrung, Senken und Schreibrechte sind wieder wie vorher."


def plan_logs(
    wanted: WantedLogs,
    seen: LogState,
    *,
    environment: str,
    project: str,
    shorten: bool = False,
    probe_deadline: float,
) -> Plan:
    """Return the plan; its last proof is a probe entry for each sink whose dataset is there.

    Retention is raised at once. It is shortened only where that is asked for, last of all and
    without a way back, for Logging deletes what is older. A bucket that is locked stays.

    Args:
        wanted: What should be.
        seen: What is.
        environment: Name of the environment.
        project: Id of its project.
        shorten: Whether retention that is longer than wanted is shortened.
        probe_deadline: Seconds that a probe entry may take to arrive.
    """
    target = f"projects/{project}"
    actions, way_back = [], []
    for bucket, days in _buckets(wanted, seen):
        if days > bucket["before"]:
            actions.append(_retention(bucket["name"], days, bucket["before"], "raise"))
            way_back.append(_retention(bucket["name"], bucket["before"], days, "back"))
    for sink in wanted.sinks:
        pairs = list(_sink(wanted, sink, seen))
        actions += [action for action, _ in pairs]
        way_back += [back for _, back in pairs]
        if sink.dataset in seen.datasets:
            actions.append(_probe(sink, target, probe_deadline))
    last = [
        _retention(bucket["name"], days, bucket["before"], "shorten")
        for bucket, days in _buckets(wanted, seen)
        if shorten and days < bucket["before"]
    ]
    return Plan(
        runbook="log_retention",
        environment=environment,
        target=target,
        basis={"sinks": [sink.name for sink in wanted.sinks]},
        actions=(*actions, *last),
        way_back=tuple(reversed(way_back)),
        returns_by_itself=False,
        point_of_no_return=last[0].id if last else "",
        restored=_RESTORED if way_back else "",
    )


def shortened(wanted: WantedLogs, seen: LogState) -> Mapping[str, tuple[int, int]]:
    """Return buckets that keep longer than wanted: days that are, and that are wanted."""
    return {
        short_name(bucket["name"]): (bucket["before"], days)
        for bucket, days in _buckets(wanted, seen)
        if days < bucket["before"]
    }


def probe_table(sink: Sink, day: str) -> str:
    """Return the full name of the table in which a sink puts probe entries.

    Args:
        sink: The sink.
        day: Of the entry, in UTC, as ``YYYYMMDD``.

    Source: https://cloud.google.com/logging/docs/export/bigquery#partition-tables
    """
    table = PROBE_LOG.replace("-", "_")
    return f"{sink.dataset}/tables/{table if sink.partitioned else f'{table}_{day}'}"


def _buckets(wanted: WantedLogs, seen: LogState) -> Iterator[tuple[dict[str, Any], int]]:
    for name, days in wanted.days.items():
        bucket = seen.bucket(name)
        if bucket is not None and not bucket.locked and bucket.days != days:
            yield {"name": name, "before": bucket.days}, days


def _retention(name: str, days: int, before: int, how: str) -> Action:
    arguments = {"days": days, "before": before}
    return Action(f"{how}-{short_name(name)}", "log_retention", name, arguments)


def _sink(wanted: WantedLogs, sink: Sink, seen: LogState) -> Iterator[tuple[Action, Action]]:
    """Yield what brings a sink and its right to write, each with its way back."""
    found = seen.sink(sink.name)
    body = {**wanted.bodies[sink.name], "disabled": False}
    if found is None:
        yield (
            Action(f"create-{sink.id}", "log_sink_create", sink.name, {"body": body}),
            Action(f"delete-{sink.id}", "log_sink_delete", sink.name),
        )
    elif differing(sink, found):
        before = {
            "destination": found.destination,
            "filter": found.filter,
            "disabled": found.disabled,
            "bigqueryOptions": {"usePartitionedTables": found.partitioned},
        }
        yield (
            Action(f"repair-{sink.id}", "log_sink_update", sink.name, {"body": body}),
            Action(f"restore-{sink.id}", "log_sink_update", sink.name, {"body": before}),
        )
    dataset = seen.datasets.get(sink.dataset)
    if dataset is not None and (found is None or found.writer not in dataset.writers):
        yield (
            Action(f"grant-{sink.id}", "log_grant", dataset.name, {"sink": sink.name}),
            Action(f"revoke-{sink.id}", "log_revoke", dataset.name, {"sink": sink.name}),
        )


def _probe(sink: Sink, target: str, deadline: float) -> Action:
    arguments = {
        "sink": sink.name,
        "destination": sink.destination,
        "partitioned": sink.partitioned,
        "severity": "WARNING",
        "deadline": deadline,
    }
    return Action(f"probe-{sink.id}", "log_probe", f"{target}/logs/{PROBE_LOG}", arguments)
