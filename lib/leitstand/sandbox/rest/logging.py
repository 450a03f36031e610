"""Where logs are kept and sent: `logging.projects.locations.buckets` and `projects.sinks`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from leitstand.sandbox.errors import failed_precondition, invalid
from leitstand.sandbox.filters import parse
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.times import timestamp

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Buckets", "Sinks"]

BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
SINK = re.compile(r"[A-Za-z0-9_.-]{1,100}")
DESTINATION = re.compile(
    r"bigquery\.googleapis\.com/projects/[^/]+/datasets/[^/]+"
    r"|logging\.googleapis\.com/projects/[^/]+(?:/locations/[^/]+/buckets/[^/]+)?"
    r"|pubsub\.googleapis\.com/projects/[^/]+/topics/[^/]+"
    r"|storage\.googleapis\.com/[^/]+"
)
OWN = ("_Default", "_Required")
DEFAULT_DAYS = {"_Default": 30, "_Required": 400}
LONGEST_DAYS = 3650
LONGEST_FILTER = 20_000
SHARED_WRITER = "serviceAccount:cloud-logs@system.gserviceaccount.com"
# What PATCH and PUT change without an update mask, by the description of the method.
DEFAULT_MASK = "destination,filter,includeChildren"
AUDIT = (
    'LOG_ID("cloudaudit.googleapis.com/activity") OR '
    'LOG_ID("externalaudit.googleapis.com/activity") OR '
    'LOG_ID("cloudaudit.googleapis.com/system_event") OR '
    'LOG_ID("externalaudit.googleapis.com/system_event") OR '
    'LOG_ID("cloudaudit.googleapis.com/access_transparency") OR '
    'LOG_ID("externalaudit.googleapis.com/access_transparency")'
)


class Buckets(Collection):
    """Log buckets; their retention is a promise only, for the sandbox keeps logs in memory."""

    api: ClassVar[str] = "logging"
    path: ClassVar[str] = "projects.locations.buckets"
    id_from: ClassVar[str] = "bucketId"
    full_name: ClassVar[str] = "projects/{project}/locations/{location}/buckets/{bucket}"

    def __init__(self, park: Park) -> None:
        super().__init__(park)
        for project, identifier in itertools.product(park.projects, OWN):
            name = f"projects/{project}/locations/global/buckets/{identifier}"
            self.table.setdefault(name, _own_bucket(name))

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Google's own bucket for audit logs, and locked ones, do not change."""
        identifier = name.rpartition("/")[2]
        if before is None and not BUCKET.fullmatch(identifier):
            raise invalid(f"'{identifier}' is not a bucket ID.", "bucket_id")
        if identifier == "_Required" and before is not None:
            raise invalid("The bucket _Required cannot be modified.", "name")
        days = body.get("retentionDays", 30)
        if not 1 <= days <= LONGEST_DAYS:
            raise invalid(
                f"Retention must be between 1 and {LONGEST_DAYS} days, but is {days}.",
                "bucket.retention_days",
            )
        if before is None:
            return
        if before["lifecycleState"] == "DELETE_REQUESTED":
            raise failed_precondition(f"The bucket {name} is to be deleted.")
        if before.get("locked") and not body.get("locked"):
            raise failed_precondition("A locked bucket cannot be unlocked.")
        if before.get("locked") and days != before["retentionDays"]:
            raise failed_precondition("The retention period on a locked bucket cannot be changed.")
        if before.get("analyticsEnabled") and not body.get("analyticsEnabled"):
            raise failed_precondition("Log Analytics cannot be disabled once it is enabled.")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Outputs."""
        body["name"] = name
        body.setdefault("retentionDays", 30)
        body["lifecycleState"] = "ACTIVE"
        body["updateTime"] = timestamp()
        if before is None:
            body["createTime"] = body["updateTime"]

    def custom(self) -> Mapping[str, Custom]:
        """delete and undelete: a deleted bucket is kept for seven days."""
        return {"delete": self._delete, "undelete": self._undelete}

    async def _delete(self, call: Call) -> Body:
        body = self.existing(call.name)
        if call.name.rpartition("/")[2] in OWN:
            raise invalid(f"The bucket {call.name} cannot be deleted.", "name")
        if body.get("locked"):
            raise failed_precondition("A locked bucket cannot be deleted.")
        self.table[call.name] = {**body, "lifecycleState": "DELETE_REQUESTED"}
        return {}

    async def _undelete(self, call: Call) -> Body:
        body = self.existing(call.name)
        self.table[call.name] = {**body, "lifecycleState": "ACTIVE"}
        return {}


class Sinks(Collection):
    """Sinks of projects; what they send to BigQuery arrives there (delivery.py)."""

    api: ClassVar[str] = "logging"
    path: ClassVar[str] = "projects.sinks"
    full_name: ClassVar[str] = "projects/{project}/sinks/{sink}"

    def __init__(self, park: Park) -> None:
        super().__init__(park)
        for project, identifier in itertools.product(park.projects, OWN):
            name = f"projects/{project}/sinks/{identifier}"
            self.table.setdefault(name, _own_sink(project, name))

    def identify(self, call: Call, resource: Body) -> str:
        """The name; and who writes, for which the query of the create decides."""
        identifier = resource.get("name", "")
        if not SINK.fullmatch(identifier):
            raise invalid(f"'{identifier}' is not a sink name.", "sink.name")
        project = call.name.split("/")[1]
        if not _is_own_bucket(project, resource.get("destination", "")):
            number = self.park.number_of(project)
            own = f"serviceAccount:service-{number}@gcp-sa-logging.iam.gserviceaccount.com"
            unique = call.params.get("uniqueWriterIdentity") == "true"
            resource["writerIdentity"] = own if unique else SHARED_WRITER
        return f"projects/{project}/sinks/{identifier}"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Destination and filter must be some; whether the destination is there is not asked."""
        if not DESTINATION.fullmatch(body.get("destination", "")):
            raise invalid(
                f"The destination '{body.get('destination', '')}' is not valid.", "sink.destination"
            )
        known = _filters(before) if before is not None else ()
        for text in _filters(body):
            if text in known:
                # Google's own sinks have filters that the sandbox cannot read.
                continue
            if len(text) > LONGEST_FILTER:
                raise invalid(
                    f"The filter is longer than {LONGEST_FILTER} characters.", "sink.filter"
                )
            parse(text, "logging")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Outputs."""
        body["name"] = name.rpartition("/")[2]
        body["resourceName"] = name
        body["updateTime"] = timestamp()
        if before is None:
            body["createTime"] = body["updateTime"]

    def custom(self) -> Mapping[str, Custom]:
        """patch and update, whose mask is special, and delete."""
        return {"patch": self._update, "update": self._update, "delete": self._delete}

    async def _update(self, call: Call) -> Body:
        before = self.existing(call.name)
        if call.name.endswith("/_Required"):
            raise invalid("The sink _Required cannot be modified.", "sink_name")
        mask = (call.params.get("updateMask") or DEFAULT_MASK).split(",")
        after = {key: value for key, value in before.items() if key not in mask}
        after |= {key: call.body[key] for key in mask if key in call.body}
        self.check(call.name, after, before)
        self.complete(call.name, after, before)
        self.table[call.name] = after
        return dict(after)

    async def _delete(self, call: Call) -> Body:
        self.existing(call.name)
        if call.name.rpartition("/")[2] in OWN:
            raise invalid(f"The sink {call.name} cannot be deleted.", "sink_name")
        del self.table[call.name]
        return {}


def _filters(sink: Body) -> tuple[str, ...]:
    exclusions = sink.get("exclusions", ())
    return (sink.get("filter", ""), *(exclusion["filter"] for exclusion in exclusions))


def _own_bucket(name: str) -> Body:
    identifier = name.rpartition("/")[2]
    body: Body = {
        "name": name,
        "description": "Audit bucket" if identifier == "_Required" else "Default bucket",
        "retentionDays": DEFAULT_DAYS[identifier],
        "lifecycleState": "ACTIVE",
    }
    return {**body, "locked": True} if identifier == "_Required" else body


def _own_sink(project: str, name: str) -> Body:
    identifier = name.rpartition("/")[2]
    wanted = " AND ".join(f"NOT {part}" for part in AUDIT.split(" OR "))
    return {
        "name": identifier,
        "resourceName": name,
        "destination": f"logging.googleapis.com/projects/{project}/locations/global/buckets/"
        f"{identifier}",
        "filter": AUDIT if identifier == "_Required" else wanted,
    }


def _is_own_bucket(project: str, destination: str) -> bool:
    return destination.startswith(f"logging.googleapis.com/projects/{project}/locations/")
