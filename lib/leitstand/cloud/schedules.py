"""Lists the Cloud Run jobs and the Cloud Scheduler jobs of an environment."""

from itertools import chain
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import ApiDisabled

__all__ = ["ScheduledJobs"]

Body = dict[str, Any]
_COLLECTION = "projects.locations.jobs"


class ScheduledJobs:
    """Reads what could belong to a schedule; each method is one call for each page."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        environment = connection.environment
        self._parent = f"projects/{environment.project}/locations/{environment.region}"

    def jobs(self) -> tuple[Body, ...]:
        """Return all Cloud Run jobs of the environment's region; read-only.

        Raises:
            CloudRefused: the API said no.
            CloudUnreachable: no answer.
        """
        return self._all("run.v2", "Jobs auflisten")

    def triggers(self) -> tuple[Body, ...]:
        """Return all Cloud Scheduler jobs of the environment's region; read-only.

        Raises:
            CloudRefused: the API said no.
            CloudUnreachable: no answer.
        """
        return self._all("cloudscheduler.v1", "Zeitpläne auflisten")

    def _all(self, api: str, what: str) -> tuple[Body, ...]:
        pages = self._connection.rest.pages(api, _COLLECTION, f"{self._parent}/jobs", what=what)
        try:
            first = next(pages)
        except ApiDisabled:
            return ()  # where the API is off there are none
        return tuple(job for page in chain((first,), pages) for job in page.get("jobs", ()))
