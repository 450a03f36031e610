"""What revisions answered, from Cloud Monitoring."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import translated
from leitstand.core.health import Reading, Sample

if TYPE_CHECKING:
    pass

__all__ = ["Monitoring"]

_COUNT = "run.googleapis.com/request_count"
_LATENCY = "run.googleapis.com/request_latencies"
_SECONDS = 10.0


class Monitoring:
    """Reads request counts and latencies of one Cloud Run service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def samples(self, service: str, start: datetime, end: datetime) -> dict[str, Sample]:
        """Return what each revision of a service answered between two times, by short name.

        Makes two calls; a revision without requests is left out; read-only.
        """
        from google.cloud.monitoring_v3 import Aggregation

        requests: dict[str, int] = {}
        errors: dict[str, int] = {}
        for reading in self._readings(service, start, end, end - start):
            revision = reading.revision
            requests[revision] = requests.get(revision, 0) + reading.requests
            errors[revision] = errors.get(revision, 0) + reading.errors
        latency: dict[str, float] = {}
        for series in self._list(
            service,
            _LATENCY,
            start,
            end,
            end - start,
            Aggregation.Reducer.REDUCE_PERCENTILE_95,
            ["resource.label.revision_name"],
        ):
            values = [point.value.double_value for point in series.points]
            if values:
                latency[series.resource.labels["revision_name"]] = max(values)
        return {
            revision: Sample(total, errors.get(revision, 0), latency.get(revision))
            for revision, total in requests.items()
            if total
        }

    def series(
        self, service: str, start: datetime, end: datetime, step: timedelta
    ) -> tuple[Reading, ...]:
        """Return requests and errors of each revision per step of time, oldest first; read-only.

        ``step`` is at least a second; Cloud Monitoring itself samples once a minute.
        """
        merged: dict[tuple[datetime, str], Reading] = {}
        for reading in self._readings(service, start, end, step):
            key = (reading.at, reading.revision)
            before = merged.get(key)
            merged[key] = Reading(
                *key,
                reading.requests + (before.requests if before else 0),
                reading.errors + (before.errors if before else 0),
            )
        return tuple(merged[key] for key in sorted(merged))

    def _readings(
        self, service: str, start: datetime, end: datetime, step: timedelta
    ) -> Iterator[Reading]:
        """Yield one reading per revision, class of response and step."""
        from google.cloud.monitoring_v3 import Aggregation

        groups = ["resource.label.revision_name", "metric.label.response_code_class"]
        reducer = Aggregation.Reducer.REDUCE_SUM
        for found in self._list(service, _COUNT, start, end, step, reducer, groups):
            failed = found.metric.labels["response_code_class"] == "5xx"
            for point in found.points:
                count = point.value.int64_value
                at = point.interval.end_time
                revision = found.resource.labels["revision_name"]
                yield Reading(at, revision, count, count if failed else 0)

    def _list(
        self,
        service: str,
        metric: str,
        start: datetime,
        end: datetime,
        step: timedelta,
        reducer: int,
        group_by: list[str],
    ) -> list[Any]:
        from google.cloud.monitoring_v3 import Aggregation, TimeInterval

        environment = self._connection.environment
        seconds = max(1, math.ceil(step.total_seconds()))
        with translated("Messwerte lesen"):
            return list(
                self._connection.metrics.list_time_series(
                    request={
                        "name": f"projects/{environment.project}",
                        "filter": f'metric.type = "{metric}"'
                        ' AND resource.type = "cloud_run_revision"'
                        f' AND resource.label.service_name = "{service}"'
                        f' AND resource.label.location = "{environment.region}"',
                        "interval": TimeInterval(start_time=start, end_time=end),
                        "aggregation": Aggregation(
                            alignment_period={"seconds": seconds},
                            per_series_aligner=Aggregation.Aligner.ALIGN_DELTA,
                            cross_series_reducer=reducer,
                            group_by_fields=group_by,
                        ),
                    },
                    # Whoever judges looks again by itself, and must not wait here meanwhile.
                    retry=None,
                    timeout=_SECONDS,
                )
            )
