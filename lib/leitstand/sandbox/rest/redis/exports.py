"""What an instance is exported to: a file that stands for an object of Cloud Storage.

The sandbox has no Cloud Storage. Its directory holds `storage/BUCKET/OBJECT` instead, where an
object `a/b.rdb` lies in a directory `a`; a bucket needs not be made before.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath

from leitstand.sandbox.errors import invalid

__all__ = ["export_file", "stored"]

# https://cloud.google.com/storage/docs/buckets#naming, /storage/docs/objects#naming
URI = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/(?P<object>[^\x00-\x1f]+)")
LONGEST_OBJECT = 1024
FIELD = "output_config.gcs_destination.uri"


def export_file(directory: Path, uri: str) -> Path:
    """The file that stands for an object.

    Args:
        directory: The sandbox's.
        uri: `gs://BUCKET/OBJECT`.

    Raises:
        ApiError: INVALID_ARGUMENT, it is none, or one that cannot be a file.
    """
    match = URI.fullmatch(uri)
    parts = match["object"].split("/") if match else []
    fits = match is not None and len(match["object"].encode()) <= LONGEST_OBJECT
    if match is None or not fits or {"", ".", ".."} & {*parts, match["bucket"]}:
        raise invalid(f"Invalid Cloud Storage URI '{uri}': expected gs://BUCKET/OBJECT.", FIELD)
    return directory / "storage" / match["bucket"] / PurePosixPath(*parts)


def stored(source: Path, target: Path) -> None:
    """Copy a file to where an object lies; what was there is replaced at once.

    Raises:
        OSError: It cannot be written.
    """
    # mkdir's mode is for the last directory only.
    for directory in reversed((target.parent, *target.parent.parents)):
        directory.mkdir(mode=0o700, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as copy, open(source, "rb") as file:
        shutil.copyfileobj(file, copy)
    os.replace(part, target)
