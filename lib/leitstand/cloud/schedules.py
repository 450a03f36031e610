"""Lists the Cloud Run jobs and the Cloud Scheduler jobs of an environment."""

from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import ApiDisabled, NotFound

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
        found: list[Body] = []
        token = ""
        while True:
            try:
                answer = self._connection.rest.call(
                    api,
                    _COLLECTION,
                    "list",
                    f"{self._parent}/jobs",
                    what=what,
                    query={"pageToken": token} if token else {},
                )
            except (ApiDisabled, NotFound):
                return ()  # where the API is off there are none
            found += answer.get("jobs", [])
            token = str(answer.get("nextPageToken", ""))
            if not token:
                return tuple(found)
