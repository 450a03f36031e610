"""How many instances of a Cloud Run service really run, from Cloud Monitoring."""

from datetime import UTC, datetime, timedelta

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import CloudRefused, translated

__all__ = ["Instances"]

_METRIC = "run.googleapis.com/container/instance_count"
_WINDOW = timedelta(minutes=5)
_TOGETHER = timedelta(seconds=90)
"""Points of one moment: Cloud Monitoring samples this metric once a minute."""
_SECONDS = 10.0


class Instances:
    """Reads the number of instances; one call a question."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def running(self, service: str) -> int | None:
        """Return the instances of a service (short name), idle ones included; read-only.

        Cloud Monitoring is up to three minutes late.
        None where it has no point of the last minutes, or no such metric.
        """
        from google.cloud.monitoring_v3 import TimeInterval

        environment = self._connection.environment
        end = datetime.now(UTC)
        try:
            with translated(f"Instanzen von {service} zählen"):
                found = list(
                    self._connection.metrics.list_time_series(
                        request={
                            "name": f"projects/{environment.project}",
                            "filter": f'metric.type = "{_METRIC}"'
                            ' AND resource.type = "cloud_run_revision"'
                            f' AND resource.label.service_name = "{service}"'
                            f' AND resource.label.location = "{environment.region}"',
                            "interval": TimeInterval(start_time=end - _WINDOW, end_time=end),
                        },
                        retry=None,
                        timeout=_SECONDS,
                    )
                )
        except CloudRefused:
            return None
        # Newest first: of each series (revision and state) only the last point counts.
        last = [(s.points[0].interval.end_time, s.points[0].value.int64_value) for s in found]
        if not last:
            return None
        newest = max(at for at, _ in last)
        return int(sum(count for at, count in last if newest - at < _TOGETHER))
