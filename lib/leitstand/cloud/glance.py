"""Everything that an incident asks of Google Cloud, over REST.

Whoever opens an incident has seconds, and importing Google's gRPC clients alone takes four.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from leitstand.cloud.checksums import crc32c
from leitstand.cloud.connection import Connection
from leitstand.cloud.rest import Body, Rest
from leitstand.cloud.secrets import ValueDamaged

__all__ = ["Glance"]

_PAGE = 500
_REVISIONS = "projects.locations.services.revisions"


class Glance:
    """Reads many resources in few calls; every method is read-only and returns the API's JSON.

    Every method raises ``CloudRefused`` or ``CloudUnreachable``, and its sub classes.

    Args:
        connection: Where to look.
        seconds: As long a call waits for more of its answer; none is tried again.
    """

    def __init__(self, connection: Connection, seconds: float) -> None:
        environment = connection.environment
        self._learn = connection.learn
        self._rest: Rest = connection.hurried(seconds)
        self._project = f"projects/{environment.project}"
        self._location = f"{self._project}/locations/{environment.region}"

    def services(self) -> list[Body]:
        """Return all Cloud Run services of the region."""
        what = "Dienste auflisten"
        return self._all("run.v2", "projects.locations.services", self._location, "services", what)

    def revisions(self, service: str, most: int = 50) -> list[Body]:
        """Return the newest revisions of a service, given by its short name, at most so many."""
        found = self._pages(
            "run.v2", _REVISIONS, f"{self._location}/services/{service}", "revisions",
            f"Revisionen von {service} auflisten", query={"pageSize": most},
        )  # fmt: skip
        return list(islice(found, most))

    def revision(self, service: str, revision: str) -> Body:
        """Return a revision of a service, both given by their short names."""
        name = f"{self._location}/services/{service}/revisions/{revision}"
        return self._rest.call("run.v2", _REVISIONS, "get", name, what=f"Revision {revision} lesen")

    def jobs(self) -> list[Body]:
        """Return all Cloud Run jobs of the region."""
        what = "Jobs auflisten"
        return self._all("run.v2", "projects.locations.jobs", self._location, "jobs", what)

    def secrets(self) -> list[Body]:
        """Return all secrets of the project, without versions or values."""
        what = "Secrets auflisten"
        return self._all("secretmanager.v1", "projects.secrets", self._project, "secrets", what)

    def secret_versions(self, secret: str) -> list[Body]:
        """Return the versions of a secret, given by its short name, the newest first."""
        return self._all(
            "secretmanager.v1", "projects.secrets.versions", f"{self._project}/secrets/{secret}",
            "versions", f"Versionen von {secret} auflisten",
        )  # fmt: skip

    def secret_value(self, secret: str, version: str) -> str:
        """Return the value of a version, after its checksum was compared. Never to be shown.

        ``latest`` is the newest version.

        Raises:
            ValueDamaged: the checksum does not fit.
        """
        from base64 import b64decode

        found = self._rest.call(
            "secretmanager.v1", "projects.secrets.versions", "access",
            f"{self._project}/secrets/{secret}/versions/{version}",
            what=f"Version {version} von {secret} lesen",
        )  # fmt: skip
        data = b64decode(found["payload"]["data"])
        self._learn(data.decode("utf-8", "replace"))
        if int(found["payload"].get("dataCrc32c", -1)) != crc32c(data):
            raise ValueDamaged(secret)
        return data.decode()

    def instances(self) -> list[Body]:
        """Return all Cloud SQL instances of the project."""
        what = "Instanzen auflisten"
        return self._all("sqladmin.v1", "instances", self._project, "instances", what, "items")

    def instance_operations(self, most: int = _PAGE) -> list[Body]:
        """Return the newest operations of Cloud SQL, at most so many."""
        found = self._pages(
            "sqladmin.v1", "operations", self._project, "operations",
            "Operationen von Cloud SQL auflisten", "items", {"maxResults": most},
        )  # fmt: skip
        return list(islice(found, most))

    def certificates(self) -> list[Body]:
        """Return all certificates of the load balancer."""
        return self._all(
            "compute.v1", "sslCertificates", f"{self._project}/global", "sslCertificates",
            "Zertifikate auflisten", "items",
        )  # fmt: skip

    def error_lines(self, since: datetime, most: int) -> list[Body]:
        """Return entries of ERROR and above that services and jobs wrote, the newest first.

        What requests were answered with is left out: Cloud Monitoring counts it.
        """
        wanted = (
            'resource.type=("cloud_run_revision" OR "cloud_run_job") AND severity>=ERROR'
            f' AND timestamp>="{since.isoformat()}"'
            ' AND NOT log_id("run.googleapis.com/requests")'
        )
        found: list[Body] = []
        token = ""
        while len(found) < most:
            body: Body = {
                "resourceNames": [self._project], "filter": wanted, "orderBy": "timestamp desc",
                "pageSize": min(_PAGE, most - len(found)),
            }  # fmt: skip
            if token:
                body["pageToken"] = token
            what = "Fehlerzeilen lesen"
            answer = self._rest.call(
                "logging.v2", "entries", "list", "entries", what=what, body=body
            )
            found += answer.get("entries", [])
            token = str(answer.get("nextPageToken", ""))
            if not token:
                break
        return found

    def time_series(
        self,
        wanted: str,
        start: datetime,
        end: datetime,
        *,
        period: timedelta | None = None,
        reducer: str = "",
        group_by: tuple[str, ...] = (),
    ) -> list[Body]:
        """Return the time series that a filter of Cloud Monitoring lets pass.

        Args:
            wanted: The filter.
            start: Begin of the first window.
            end: End of the last one.
            period: Length of a window, over which changes are summed; without one, raw points.
            reducer: How series of a group become one.
            group_by: What makes a group.
        """
        query: Body = {
            "filter": wanted,
            "interval.startTime": start.isoformat(),
            "interval.endTime": end.isoformat(),
        }
        if period is not None:
            query["aggregation.alignmentPeriod"] = f"{round(period.total_seconds())}s"
            query["aggregation.perSeriesAligner"] = "ALIGN_DELTA"
            query["aggregation.crossSeriesReducer"] = reducer
            query["aggregation.groupByFields"] = list(group_by)
        return list(
            self._pages(
                "monitoring.v3", "projects.timeSeries", self._project, "timeSeries",
                "Messwerte lesen", query=query,
            )
        )  # fmt: skip

    def _all(
        self, api: str, collection: str, parent: str, last: str, what: str, items: str = ""
    ) -> list[Body]:
        return list(self._pages(api, collection, parent, last, what, items))

    def _pages(
        self,
        api: str,
        collection: str,
        parent: str,
        last: str,
        what: str,
        items: str = "",
        query: Mapping[str, Any] | None = None,
    ) -> Iterator[Body]:
        pages = self._rest.pages(api, collection, f"{parent}/{last}", what=what, query=query)
        return (item for page in pages for item in page.get(items or last, ()))
