"""Buckets and objects of Cloud Storage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound

__all__ = ["BucketPolicy", "BucketState", "CloudStorage", "ObjectState"]

_API = "storage.v1"
_PAGE = 1000


@dataclass(frozen=True)
class BucketState:
    """A bucket as it was read.

    Attributes:
        name: Its name.
        closed: Whether nothing in it can be public: uniform access, and public access prevented.
        retention_seconds: For so long every object must be kept; 0 without a retention policy.
        delete_after_days: Age at which a lifecycle rule deletes; None without one.
    """

    name: str
    closed: bool
    retention_seconds: int
    delete_after_days: int | None


@dataclass(frozen=True)
class ObjectState:
    """An object as it was read.

    Attributes:
        bucket: Its bucket.
        name: Its name.
        generation: Number of its content.
        size: In bytes.
        crc32c: Checksum of the content, base64 in network order (RFC 3720, appendix B.4).
        created_at: When its content was written.
        kept_until: Until when it can be neither deleted nor overwritten, if so.
    """

    bucket: str
    name: str
    generation: str
    size: int
    crc32c: str
    created_at: datetime
    kept_until: datetime | None


@dataclass(frozen=True)
class BucketPolicy:
    """Who may do what with a bucket.

    Attributes:
        body: As the API gives it, with its etag.
    """

    body: Mapping[str, Any] = field(default_factory=dict)

    def roles(self, member: str) -> frozenset[str]:
        """Return the roles that a member has without a condition."""
        return frozenset(
            str(binding["role"])
            for binding in self.body.get("bindings", ())
            if member in binding.get("members", ()) and not binding.get("condition")
        )

    def granting(self, role: str, member: str) -> dict[str, Any]:
        """Return the body with one more grant."""
        bindings = [dict(binding) for binding in self.body.get("bindings", ())]
        for binding in bindings:
            if binding["role"] == role and not binding.get("condition"):
                binding["members"] = sorted({*binding["members"], member})
                break
        else:
            bindings.append({"role": role, "members": [member]})
        return {**self.body, "bindings": bindings}


class CloudStorage:
    """Reads and changes buckets and objects; each method is one call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def bucket(self, name: str) -> BucketState | None:
        """Return a bucket; None where there is none; read-only."""
        try:
            found = self._call("buckets", "get", f"b/{name}", f"Bucket {name} lesen")
        except NotFound:
            return None
        access = found.get("iamConfiguration", {})
        return BucketState(
            name,
            closed=access.get("publicAccessPrevention") == "enforced"
            and bool(access.get("uniformBucketLevelAccess", {}).get("enabled")),
            retention_seconds=int(found.get("retentionPolicy", {}).get("retentionPeriod", 0)),
            delete_after_days=_deleted_after(found),
        )

    def policy(self, bucket: str) -> BucketPolicy:
        """Return who may do what with a bucket; read-only."""
        what = f"Rechte am Bucket {bucket} lesen"
        query = {"optionsRequestedPolicyVersion": 3}
        return BucketPolicy(self._call("buckets", "getIamPolicy", f"b/{bucket}", what, query))

    def set_policy(self, bucket: str, body: Mapping[str, Any]) -> None:
        """Replace who may do what with a bucket.

        Raises:
            Conflict: it was changed since the etag in ``body`` was read.
        """
        what = f"Rechte am Bucket {bucket} ändern"
        self._connection.rest.call(
            _API, "buckets", "setIamPolicy", f"b/{bucket}", what=what, body=body
        )

    def object(self, bucket: str, name: str) -> ObjectState | None:
        """Return a live object; None where there is none; read-only."""
        try:
            return _object(self._on_object("get", bucket, name, "lesen"))
        except NotFound:
            return None

    def objects(self, bucket: str, prefix: str = "") -> tuple[ObjectState, ...]:
        """Return all live objects whose names begin so, the newest first; read-only."""
        query, what = {"prefix": prefix, "maxResults": _PAGE}, f"Objekte in {bucket} auflisten"
        pages = self._connection.rest.pages(_API, "objects", f"b/{bucket}", what=what, query=query)
        found = [_object(item) for page in pages for item in page.get("items", ())]
        return tuple(sorted(found, key=lambda one: one.created_at, reverse=True))

    def download(self, found: ObjectState, target: BinaryIO) -> None:
        """Write the content of an object to a file; read-only.

        Raises:
            NotFound: that content is not there any more.
        """
        self._connection.rest.download(
            _API,
            "objects",
            f"b/{found.bucket}/o/-",
            target,
            what=f"Objekt {found.name} laden",
            query={"object": found.name, "generation": found.generation},
        )

    def delete(self, found: ObjectState) -> None:
        """Delete an object, unless its content is another by now.

        Raises:
            Conflict: it is.
            NotFound: there is none.
        """
        query = {"ifGenerationMatch": found.generation}
        self._on_object("delete", found.bucket, found.name, "löschen", query)

    def _on_object(
        self,
        method: str,
        bucket: str,
        name: str,
        verb: str,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        # The name may hold slashes, so it is no part of a full name of this kind.
        more = {**(query or {}), "object": name}
        return self._call("objects", method, f"b/{bucket}/o/-", f"Objekt {name} {verb}", more)

    def _call(
        self,
        collection: str,
        method: str,
        name: str,
        what: str,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return self._connection.rest.call(_API, collection, method, name, what=what, query=query)


def _object(found: Mapping[str, Any]) -> ObjectState:
    kept = found.get("retentionExpirationTime")
    return ObjectState(
        bucket=str(found["bucket"]),
        name=str(found["name"]),
        generation=str(found["generation"]),
        size=int(found.get("size", 0)),
        crc32c=str(found.get("crc32c", "")),
        created_at=datetime.fromisoformat(str(found["timeCreated"])),
        kept_until=datetime.fromisoformat(str(kept)) if kept else None,
    )


def _deleted_after(bucket: Mapping[str, Any]) -> int | None:
    ages = [
        int(rule["condition"]["age"])
        for rule in bucket.get("lifecycle", {}).get("rule", ())
        if rule.get("action", {}).get("type") == "Delete" and set(rule["condition"]) == {"age"}
    ]
    return min(ages, default=None)
