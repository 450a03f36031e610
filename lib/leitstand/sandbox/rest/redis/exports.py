"""What an instance is exported to: an object of Cloud Storage."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from leitstand.sandbox.errors import ApiError, invalid, not_found
from leitstand.sandbox.rest.storage.access import EXPORTING, REPLACING, lacking
from leitstand.sandbox.rest.storage.content import digest_of
from leitstand.sandbox.rest.storage.shelf import Shelf

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["check_writer", "destination", "stored"]

# https://cloud.google.com/storage/docs/buckets#naming, /storage/docs/objects#naming
URI = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/(?P<object>[^\x00-\x1f]+)")
LONGEST_OBJECT = 1024
FIELD = "output_config.gcs_destination.uri"


def destination(uri: str) -> tuple[str, str]:
    """Bucket and name of an object.

    Args:
        uri: `gs://BUCKET/OBJECT`.

    Raises:
        ApiError: INVALID_ARGUMENT, it is none.
    """
    match = URI.fullmatch(uri)
    parts = match["object"].split("/") if match else []
    fits = match is not None and len(match["object"].encode()) <= LONGEST_OBJECT
    if match is None or not fits or {"", ".", ".."} & {*parts, match["bucket"]}:
        raise invalid(f"Invalid Cloud Storage URI '{uri}': expected gs://BUCKET/OBJECT.", FIELD)
    return match["bucket"], match["object"]


def check_writer(park: Park, bucket: str, name: str, member: str) -> None:
    """Make sure that an instance's service account may write an object.

    Args:
        park: The sandbox.
        bucket: Its bucket.
        name: Its name; to replace it takes a permission more.
        member: `persistenceIamIdentity` of the instance.

    Raises:
        ApiError: NOT_FOUND without the bucket; PERMISSION_DENIED.
    """
    if f"b/{bucket}" not in park.table("storage", "buckets"):
        raise not_found(f"gs://{bucket}", "Bucket")
    there = Shelf(park).find(bucket, name) is not None
    missing = lacking(park, bucket, member, REPLACING if there else EXPORTING)
    if missing:
        account = member.partition(":")[2]
        raise ApiError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"Service account {account} does not have permission '{missing[0]}'"
            f" on resource '//storage.googleapis.com/{bucket}'.",
            "IAM_PERMISSION_DENIED",
            {"permission": missing[0], "resource": f"gs://{bucket}"},
        )


def stored(park: Park, source: Path, bucket: str, name: str) -> None:
    """Copy a file to an object; what was there is replaced at once.

    Raises:
        ApiError: The object that is there must be kept.
        OSError: It cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="export-", dir=park.directory) as directory:
        copy = Path(directory) / "content"
        shutil.copyfile(source, copy)
        fields = {"contentType": "application/octet-stream"}
        Shelf(park).put(bucket, name, copy, digest_of(copy), fields)
