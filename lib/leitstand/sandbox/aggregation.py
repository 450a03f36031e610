"""How Monitoring aligns series and reduces them to fewer; and what it says of a wrong field."""

from __future__ import annotations

from dataclasses import dataclass

from leitstand.sandbox import timeseries
from leitstand.sandbox.errors import ApiError, invalid
from leitstand.sandbox.monitoring_messages import Descriptor
from leitstand.sandbox.timeseries import Series

__all__ = ["Aggregation", "aggregated", "bad_field", "group_field"]


@dataclass(frozen=True)
class Aggregation:
    """How series are aligned and reduced.

    Attributes:
        period: Of the alignment, in microseconds.
        aligner: Such as `ALIGN_DELTA`.
        reducer: Such as `REDUCE_NONE`.
        group_by: `metric` or `resource`, and the label.
    """

    period: int
    aligner: str
    reducer: str
    group_by: tuple[tuple[str, str], ...]


def aggregated(found: list[Series], how: Aggregation, end: int) -> list[Series]:
    """The series aligned and reduced; times in microseconds, windows end at `end`.

    Raises:
        BadAggregation: Aligner or reducer do not fit the metric.
    """
    if how.aligner == "ALIGN_NONE":
        return found
    aligned = [timeseries.align(series, how.aligner, how.period, end) for series in found]
    if how.reducer == "REDUCE_NONE":
        return aligned
    groups: dict[tuple[str, ...], list[Series]] = {}
    for series in aligned:
        values = {"metric": series.metric, "resource": series.resource}
        key = tuple(values[part].get(label, "") for part, label in how.group_by)
        # Google never reduces over resources of different types.
        groups.setdefault((series.resource_type, *key), []).append(series)
    return [_reduced(group, how) for _, group in sorted(groups.items())]


def _reduced(group: list[Series], how: Aggregation) -> Series:
    kept = {part: [label for at, label in how.group_by if at == part] for part, _ in how.group_by}
    metric = {label: group[0].metric.get(label, "") for label in kept.get("metric", [])}
    # Google keeps the project whatever is grouped by.
    labels = {"project_id", *kept.get("resource", [])}
    resource = {label: value for label, value in group[0].resource.items() if label in labels}
    return timeseries.reduce(group, how.reducer, metric, resource)


def group_field(field: str, metric: Descriptor) -> tuple[str, str]:
    """`metric` or `resource` and the label that a field to group by means.

    Args:
        field: Such as `metric.label.response_code`.
        metric: What is grouped.

    Raises:
        ApiError: INVALID_ARGUMENT, there is no such label.
    """
    part, _, label = field.replace(".label.", ".labels.").partition(".labels.")
    resource = (label,) if metric.resource_labels is None else metric.resource_labels
    known = {"metric": metric.labels, "resource": resource}.get(part, ())
    if not label or label not in known:
        raise bad_field("aggregation.groupByFields", field, "There is no such label.")
    return part, label


def bad_field(field: str, value: str, reason: str) -> ApiError:
    """A field of a request has a value that cannot be."""
    return invalid(f'Field {field} had an invalid value of "{value}": {reason}', field)
