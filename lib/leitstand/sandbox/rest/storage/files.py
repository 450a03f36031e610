"""Where the contents of objects lie: `storage/BUCKET/OBJECT` in the sandbox's directory."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Files", "key_of"]

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
        return self._root / str(self._places[key_of(bucket, name, generation)]["path"])

    def put(
        self,
        bucket: str,
        name: str,
        generation: str,
        source: Path,
        *,
        before: str = "",
        keep: bool = False,
    ) -> None:
        """Move a file to where the content of a new live generation lies.

        Args:
            bucket: Name of the bucket.
            name: Name of the object.
            generation: The new one.
            source: The file; it stays where it is if that fails.
            before: The generation that was live, if there was one.
            keep: Whether its content is kept, aside; else it is deleted.

        Raises:
            OSError: It cannot be written; all is as it was.
        """
        place = self._natural(bucket, name) or self._hidden(bucket, name, generation)
        target = self._root / place
        part = target.with_name(f".{generation}.part")
        old = dict(self._places[key_of(bucket, name, before)]) if before else {}
        try:
            _make_directory(target.parent)
            _bring(source, part)
            if keep:
                self.retire(bucket, name, before)
            os.replace(part, target)
        except OSError:
            self._restore(source, part)
            if keep:
                self._move(bucket, name, before, PurePosixPath(str(old["path"])))
            self._tidy(target.parent)
            raise
        source.unlink(missing_ok=True)
        self._places[key_of(bucket, name, generation)] = {"path": str(place)}
        if before and not keep:
            del self._places[key_of(bucket, name, before)]
            if old["path"] != str(place):
                self._delete(self._root / str(old["path"]))

    def retire(self, bucket: str, name: str, generation: str) -> None:
        """Move the content of a generation aside: it is not live any more, but kept."""
        self._move(bucket, name, generation, self._hidden(bucket, name, generation))

    def drop(self, bucket: str, name: str, generation: str) -> None:
        """Delete the content of a generation."""
        note = self._places.pop(key_of(bucket, name, generation), None)
        if note is not None:
            self._delete(self._root / str(note["path"]))

    def _move(self, bucket: str, name: str, generation: str, place: PurePosixPath) -> None:
        key = key_of(bucket, name, generation)
        before, after = self._root / str(self._places[key]["path"]), self._root / place
        if before != after:
            _make_directory(after.parent)
            os.replace(before, after)
            self._places[key] = {"path": str(place)}
            self._tidy(before.parent)

    def _delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._tidy(path.parent)

    @staticmethod
    def _restore(source: Path, part: Path) -> None:
        if source.exists():
            part.unlink(missing_ok=True)
        elif part.exists():
            _bring(part, source)
            part.unlink(missing_ok=True)

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
            except FileNotFoundError:
                pass  # It could not be made.
            except OSError:
                return
            directory = directory.parent


def key_of(bucket: str, name: str, generation: str) -> str:
    """What a generation of an object is noted by."""
    return f"{bucket}/{name}#{generation}"


def _bring(source: Path, target: Path) -> None:
    """Have a file lie at `target`: moved, or copied from another file system."""
    os.chmod(source, 0o600)
    try:
        os.replace(source, target)
    except OSError:
        shutil.copyfile(source, target)
        os.chmod(target, 0o600)


def _make_directory(directory: Path) -> None:
    # mkdir's mode is for the last directory only.
    for one in reversed((directory, *directory.parents)):
        one.mkdir(mode=0o700, exist_ok=True)
