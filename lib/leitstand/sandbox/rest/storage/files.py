"""Where the contents of objects lie: `storage/BUCKET/OBJECT` in the sandbox's directory."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Files"]

LONGEST_SEGMENT = 255
# No bucket's name begins with a dot.
OTHERS = ".objects"


class Files:
    """Contents by bucket, name and generation.

    An object whose name cannot be a path (`a//b`, `a/`, or `a/b` beside `a`) and a generation
    that is not live lie under `storage/.objects`, by a digest of their names.

    Args:
        park: The sandbox around them.
    """

    def __init__(self, park: Park) -> None:
        self._root = park.directory / "storage"
        self._places = park.notes("storage", "files")

    def path(self, bucket: str, name: str, generation: str) -> Path:
        """The file of a generation."""
        return self._root / str(self._places[_key(bucket, name, generation)]["path"])

    def put(self, bucket: str, name: str, generation: str, source: Path) -> None:
        """Move a file to where the content of a new live generation lies.

        Raises:
            OSError: It cannot be written.
        """
        place = self._natural(bucket, name) or self._hidden(bucket, name, generation)
        target = self._root / place
        _make_directory(target.parent)
        os.chmod(source, 0o600)
        try:
            os.replace(source, target)
        except OSError:
            # Another file system.
            part = target.with_name(f".{generation}.part")
            shutil.copyfile(source, part)
            os.chmod(part, 0o600)
            os.replace(part, target)
            source.unlink()
        self._places[_key(bucket, name, generation)] = {"path": str(place)}

    def retire(self, bucket: str, name: str, generation: str) -> None:
        """Move the content of a generation aside: it is not live any more, but kept."""
        key = _key(bucket, name, generation)
        before = self._root / str(self._places[key]["path"])
        place = self._hidden(bucket, name, generation)
        _make_directory((self._root / place).parent)
        os.replace(before, self._root / place)
        self._places[key] = {"path": str(place)}
        self._tidy(before.parent)

    def drop(self, bucket: str, name: str, generation: str) -> None:
        """Delete the content of a generation."""
        note = self._places.pop(_key(bucket, name, generation), None)
        if note is not None:
            path = self._root / str(note["path"])
            path.unlink(missing_ok=True)
            self._tidy(path.parent)

    def _natural(self, bucket: str, name: str) -> PurePosixPath | None:
        segments = name.split("/")
        for segment in segments:
            if segment in ("", ".", "..") or len(segment.encode()) > LONGEST_SEGMENT:
                return None
            if segment.endswith(".part") or "\x00" in segment:
                return None
        place = PurePosixPath(bucket, *segments)
        for above in place.parents:
            if (self._root / above).is_file():
                return None
        return None if (self._root / place).is_dir() else place

    @staticmethod
    def _hidden(bucket: str, name: str, generation: str) -> PurePosixPath:
        digest = hashlib.sha256(name.encode()).hexdigest()
        return PurePosixPath(OTHERS, bucket, f"{digest}-{generation}")

    def _tidy(self, directory: Path) -> None:
        """Remove directories that have become empty: Cloud Storage has none."""
        while directory != self._root and self._root in directory.parents:
            try:
                directory.rmdir()
            except OSError:
                return
            directory = directory.parent


def _key(bucket: str, name: str, generation: str) -> str:
    return f"{bucket}/{name}#{generation}"


def _make_directory(directory: Path) -> None:
    # mkdir's mode is for the last directory only.
    for one in reversed((directory, *directory.parents)):
        one.mkdir(mode=0o700, exist_ok=True)
