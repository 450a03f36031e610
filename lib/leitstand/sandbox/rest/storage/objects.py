"""Objects: `storage.objects`. Contents travel beside the JSON (content.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from leitstand.sandbox.errors import unimplemented
from leitstand.sandbox.paging import page
from leitstand.sandbox.rest.changes import merged, without_nulls
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.serviceusage import require_enabled
from leitstand.sandbox.rest.storage.content import CONTENT
from leitstand.sandbox.rest.storage.preconditions import require
from leitstand.sandbox.rest.storage.refusals import bad, no_object
from leitstand.sandbox.rest.storage.shelf import Shelf

__all__ = ["Objects"]

SERVICE = "storage.googleapis.com"
CHANGEABLE = (
    "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType",
    "customTime", "eventBasedHold", "metadata", "temporaryHold",
)  # fmt: skip
LONGEST_NAME = 1024
PAGE = 1000


class Objects(Collection):
    """Objects and their metadata."""

    api: ClassVar[str] = "storage"
    path: ClassVar[str] = "objects"
    full_name: ClassVar[str] = "b/{bucket}/o/{object}"

    def custom(self) -> Mapping[str, Custom]:
        """All that there is."""
        return {
            "insert": self._insert,
            "get": self._get,
            "list": self._list,
            "patch": self._patch,
            "update": self._update,
            "delete": self._delete,
        }

    async def _insert(self, call: Call) -> Body:
        shelf, bucket = self._shelf(call)
        content = CONTENT.get()
        if content is None or content.uploaded is None or content.digest is None:
            raise bad(
                "Upload requests must include an uploadType URL parameter and a URL path beginning"
                " with /upload/",
                "wrongUrlForUpload",
            )
        given = without_nulls(call.body)
        name = str(call.params.get("name") or given.get("name") or "")
        _check_name(name)
        owner = shelf.bucket(bucket)
        uniform = owner["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"]
        if uniform and ("acl" in given or call.params.get("predefinedAcl")):
            raise bad(
                "Cannot insert legacy ACL for an object when uniform bucket-level access is"
                " enabled."
            )
        if "retention" in given:
            raise unimplemented("retention of single objects")
        for field, word, found in (
            ("md5Hash", "MD5 hash", content.digest.md5),
            ("crc32c", "CRC32C", content.digest.crc32c),
        ):
            if given.get(field, found) != found:
                raise bad(
                    f'Provided {word} "{given[field]}" doesn\'t match calculated {word} "{found}".'
                )
        require(call.params, shelf.find(bucket, name), reads=False)
        fields = {key: given[key] for key in (*CHANGEABLE, "storageClass") if key in given}
        return shelf.put(bucket, name, content.uploaded, content.digest, fields)

    async def _get(self, call: Call) -> Body:
        shelf, bucket = self._shelf(call)
        body = self._found(shelf, call)
        require(call.params, body, reads=True)
        content = CONTENT.get()
        if content is not None and content.wanted:
            content.found = open(  # noqa: SIM115  # whoever asked closes it
                shelf.files.path(bucket, body["name"], body["generation"]), "rb"
            )
        return body

    async def _list(self, call: Call) -> Body:
        shelf, bucket = self._shelf(call)
        params = call.params
        for unknown in ("matchGlob", "softDeleted", "filter"):
            if params.get(unknown) not in (None, "", "false"):
                raise unimplemented(f"{unknown} of storage.objects.list")
        prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
        start, end = params.get("startOffset", ""), params.get("endOffset", "")
        entries: dict[tuple[str, int], Body | None] = {}
        for body in shelf.all(bucket, versions=params.get("versions") == "true"):
            name = body["name"]
            if not name.startswith(prefix) or name < start or (end and name >= end):
                continue
            head, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            if cut:
                entries[prefix + head + cut, 0] = None
            else:
                entries[name, int(body["generation"])] = body
        shown, token = page(
            sorted(entries),
            lambda key: key,
            int(params.get("maxResults") or 0),
            params.get("pageToken", ""),
            default=PAGE,
            maximum=PAGE,
        )
        answer: Body = {"kind": "storage#objects"}
        if items := [found for key in shown if (found := entries[key]) is not None]:
            answer["items"] = items
        if prefixes := [key[0] for key in shown if entries[key] is None]:
            answer["prefixes"] = prefixes
        return answer | ({"nextPageToken": token} if token else {})

    async def _patch(self, call: Call) -> Body:
        shelf, bucket = self._shelf(call)
        before = self._found(shelf, call)
        require(call.params, before, reads=False)
        change = {key: value for key, value in call.body.items() if key in CHANGEABLE}
        return shelf.change(bucket, merged(before, change))

    async def _update(self, call: Call) -> Body:
        shelf, bucket = self._shelf(call)
        before = self._found(shelf, call)
        require(call.params, before, reads=False)
        given = without_nulls(call.body)
        kept = {key: value for key, value in before.items() if key not in CHANGEABLE}
        return shelf.change(bucket, kept | {k: given[k] for k in CHANGEABLE if k in given})

    async def _delete(self, call: Call) -> Body:
        shelf, bucket = self._shelf(call)
        found = self._found(shelf, call)
        require(call.params, found, reads=False)
        shelf.delete(bucket, found["name"], call.params.get("generation", ""))
        return {}

    def _shelf(self, call: Call) -> tuple[Shelf, str]:
        require_enabled(self.park, SERVICE)
        shelf, bucket = Shelf(self.park), call.params["bucket"]
        shelf.bucket(bucket)
        return shelf, bucket

    @staticmethod
    def _found(shelf: Shelf, call: Call) -> Body:
        bucket, name = call.params["bucket"], call.params["object"]
        found = shelf.find(bucket, name, call.params.get("generation", ""))
        if found is None:
            raise no_object(bucket, name)
        return found


def _check_name(name: str) -> None:
    """https://cloud.google.com/storage/docs/objects#naming"""
    if not name:
        raise bad("Required", "required")
    wrong = name in (".", "..") or name.startswith(".well-known/acme-challenge/")
    if wrong or len(name.encode()) > LONGEST_NAME or {"\r", "\n"} & set(name):
        raise bad(f"Invalid object name: '{name[:80]}'")
