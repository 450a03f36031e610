"""The objects of all buckets: their generations, and what may not be deleted yet."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest.changes import fingerprint
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.storage.content import Digest
from leitstand.sandbox.rest.storage.files import Files, key_of
from leitstand.sandbox.rest.storage.lifecycle import expired
from leitstand.sandbox.rest.storage.refusals import held, no_bucket, no_object, retained
from leitstand.sandbox.rest.times import timestamp

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Shelf"]

SITE = "https://www.googleapis.com/storage/v1"
DOWNLOADS = "https://storage.googleapis.com/download/storage/v1"


class Shelf:
    """Reads and changes objects; keeps nothing itself.

    Live objects stand in the table `storage/objects` by "b/BUCKET/o/NAME", other generations in
    the notes `storage/noncurrent`.

    Args:
        park: The sandbox around it.
    """

    def __init__(self, park: Park) -> None:
        self._buckets = park.table("storage", "buckets")
        self._live = park.table("storage", "objects")
        self._old = park.notes("storage", "noncurrent")
        self._counter = park.notes("storage", "counter")
        self.files = Files(park)

    def bucket(self, name: str) -> Body:
        """The bucket; its lifecycle rules have been followed afterwards.

        Raises:
            ApiError: NOT_FOUND.
        """
        body = self._buckets.get(f"b/{name}")
        if body is None:
            raise no_bucket()
        if body.get("lifecycle"):
            self._sweep(body)
        return body

    def find(self, bucket: str, name: str, generation: str = "") -> Body | None:
        """A copy of the live object, or of a generation; None where there is none."""
        live = self._live.get(f"b/{bucket}/o/{name}")
        if live is not None and generation in ("", live["generation"]):
            return self._shown(bucket, live)
        old = self._old.get(key_of(bucket, name, generation)) if generation else None
        return self._shown(bucket, old) if old is not None else None

    def all(self, bucket: str, *, versions: bool = False) -> list[Body]:
        """Copies of all objects of a bucket by name, of all their generations if asked."""
        found = [one for one in self._live.values() if one["bucket"] == bucket]
        if versions:
            found += [one for one in self._old.values() if one["bucket"] == bucket]
        found.sort(key=lambda one: (one["name"], int(one["generation"])))
        return [self._shown(bucket, one) for one in found]

    def holds_something(self, bucket: str) -> bool:
        """Whether a bucket has objects, or other generations of some."""
        return any(
            one["bucket"] == bucket for table in (self._live, self._old) for one in table.values()
        )

    def put(
        self, bucket: str, name: str, source: Path, digest: Digest, fields: Mapping[str, object]
    ) -> Body:
        """Make a file the content of a new live generation; the file is moved.

        Raises:
            ApiError: NOT_FOUND without the bucket; PERMISSION_DENIED where the generation before
                must be kept.
            OSError: It cannot be written; file and generation before are as they were.
        """
        owner = self.bucket(bucket)
        before = self._live.get(f"b/{bucket}/o/{name}")
        generation, last, keep = str(self.next_generation()), "", False
        if before is not None:
            self._check_leaves(owner, before)
            last, keep = before["generation"], _versioned(owner)
        self.files.put(bucket, name, generation, source, before=last, keep=keep)
        if before is not None and keep:
            self._note_old(before)
        now = timestamp()
        path = f"b/{bucket}/o/{_quoted(name)}"
        body: Body = {
            "storageClass": owner["storageClass"],
            **fields,
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{generation}",
            "name": name,
            "bucket": bucket,
            "generation": generation,
            "metageneration": "1",
            "selfLink": f"{SITE}/{path}",
            "mediaLink": f"{DOWNLOADS}/{path}?generation={generation}&alt=media",
            "size": str(digest.size),
            "md5Hash": digest.md5,
            "crc32c": digest.crc32c,
            "etag": fingerprint(),
            "timeCreated": now,
            "timeFinalized": now,
            "timeStorageClassUpdated": now,
            "updated": now,
        }
        if owner.get("defaultEventBasedHold"):
            body.setdefault("eventBasedHold", True)
        self._live[f"b/{bucket}/o/{name}"] = body
        return self._shown(bucket, body)

    def change(self, bucket: str, body: Body) -> Body:
        """Store changed metadata of a generation, which is there; live or not, it stays that."""
        body = {key: value for key, value in body.items() if key != "retentionExpirationTime"}
        body["metageneration"] = str(int(body["metageneration"]) + 1)
        body["etag"] = fingerprint()
        body["updated"] = timestamp()
        name, generation = body["name"], body["generation"]
        live = self._live.get(f"b/{bucket}/o/{name}")
        if live is not None and live["generation"] == generation:
            self._live[f"b/{bucket}/o/{name}"] = body
        else:
            self._old[key_of(bucket, name, generation)] = body
        return self._shown(bucket, body)

    def delete(self, bucket: str, name: str, generation: str = "") -> None:
        """Delete the live object, or one generation for good.

        Raises:
            ApiError: NOT_FOUND; PERMISSION_DENIED where it must be kept.
        """
        owner = self.bucket(bucket)
        found = self.find(bucket, name, generation)
        if found is None:
            raise no_object(bucket, name)
        if not generation:
            self._remove_live(owner, found)
            return
        self._check_free(owner, found)
        self._forget(found)

    def next_generation(self) -> int:
        """A number higher than all before: microseconds, mostly."""
        last = int(self._counter.get("generation", {}).get("last", 0))
        number = max(int(time.time() * 1_000_000), last + 1)
        self._counter["generation"] = {"last": str(number)}
        return number

    def _remove_live(self, owner: Body, body: Body) -> None:
        """Delete a live object: for good, or so that it is not live any more."""
        self._check_leaves(owner, body)
        if not _versioned(owner):
            self._forget(body)
            return
        bucket, name, generation = body["bucket"], body["name"], body["generation"]
        self.files.retire(bucket, name, generation)
        del self._live[f"b/{bucket}/o/{name}"]
        self._note_old(body)

    def _note_old(self, body: Body) -> None:
        old = {key: value for key, value in body.items() if key != "retentionExpirationTime"}
        key = key_of(body["bucket"], body["name"], body["generation"])
        self._old[key] = old | {"timeDeleted": timestamp()}

    def _check_leaves(self, owner: Body, body: Body) -> None:
        """Refuse that a generation is live no more; where it is kept, only holds forbid that."""
        if _versioned(owner):
            _check_hold(body)
        else:
            self._check_free(owner, body)

    def _check_free(self, owner: Body, body: Body) -> None:
        _check_hold(body)
        bucket, name = body["bucket"], body["name"]
        until = _kept_until(owner, body)
        if until is not None and until > datetime.now(UTC):
            raise retained(bucket, name, timestamp(until))

    def _forget(self, body: Body) -> None:
        bucket, name, generation = body["bucket"], body["name"], body["generation"]
        live = self._live.get(f"b/{bucket}/o/{name}")
        if live is not None and live["generation"] == generation:
            del self._live[f"b/{bucket}/o/{name}"]
        self._old.pop(key_of(bucket, name, generation), None)
        self.files.drop(bucket, name, generation)

    def _sweep(self, owner: Body) -> None:
        """Delete what the lifecycle rules want deleted; what must be kept stays.

        The live generation of a versioned bucket is kept, but not live any more, as Google does.
        """
        bucket, now = owner["name"], datetime.now(UTC)
        newer: MutableMapping[str, int] = {}
        for body in reversed(self.all(bucket, versions=True)):
            name = body["name"]
            live = "timeDeleted" not in body
            if expired(owner, body, live, newer.get(name, 0), now):
                with suppress(ApiError):
                    self._check_free(owner, body)
                    if live:
                        self._remove_live(owner, body)
                    else:
                        self._forget(body)
            newer[name] = newer.get(name, 0) + 1

    def _shown(self, bucket: str, body: Body) -> Body:
        shown = copy.deepcopy(body)
        until = _kept_until(self._buckets[f"b/{bucket}"], body)
        return shown | ({"retentionExpirationTime": timestamp(until)} if until else {})


def _kept_until(owner: Body, body: Body) -> datetime | None:
    """Until when the bucket's retention policy keeps an object."""
    period = int(owner.get("retentionPolicy", {}).get("retentionPeriod", 0))
    if not period:
        return None
    return datetime.fromisoformat(str(body["timeCreated"])) + timedelta(seconds=period)


def _versioned(owner: Body) -> bool:
    return bool(owner.get("versioning", {}).get("enabled"))


def _check_hold(body: Body) -> None:
    for field, hold in (("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based")):
        if body.get(field):
            raise held(body["bucket"], body["name"], hold)


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
