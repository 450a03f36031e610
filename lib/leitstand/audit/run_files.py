"""The files of a run that its record names, and how they are measured. Read-only."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from leitstand.audit.index import ELSEWHERE_FILE, HOLD_FILE
from leitstand.core.records.statement import BlockHasher, Subject

__all__ = ["JOURNAL", "KEPT_FILE", "RECORD_FILE", "files_of", "measure", "measure_file"]

JOURNAL: Final = "journal.jsonl"
RECORD_FILE: Final = "record.json"
"""Copy of the run's last record, as it is stored in the chain."""
KEPT_FILE: Final = "record-kept.json"
"""A signed record that is not, or not yet surely, in the chain."""

_PIECE: Final = 1 << 20
_OWN: Final = {ELSEWHERE_FILE, HOLD_FILE, RECORD_FILE, KEPT_FILE}
_DATA: Final = "rescue"  # rows of a database: kept for those who restore them, and in no archive
_COPY: Final = re.compile(r"notebook(-\d+)?\.html")  # can be made from the notebook at any time


def files_of(run: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the files of a run, sorted, and what is left out: rescued rows, and what is no file.

    Hidden files are unfinished ones of a writer that crashed; they belong to no record.

    Raises:
        OSError: the directory cannot be read.
    """
    files: list[str] = []
    others: list[str] = []
    for path, mode in _walk(run):
        name = path.relative_to(run).as_posix()
        if name.startswith(f"{_DATA}/"):
            others.append(name)
            continue
        if name in _OWN or _COPY.fullmatch(name):
            continue
        (files if stat.S_ISREG(mode) else others).append(name)
    return tuple(sorted(files)), tuple(sorted(others))


def measure_file(run: Path, name: str, block: int = 0) -> Subject:
    """Return digest, size and blocks of a file.

    Args:
        run: The run directory.
        name: Path within it.
        block: Size of a block; by the file's size when left out.

    Raises:
        OSError: it cannot be read.
    """
    with open(run / name, "rb", buffering=0) as file:
        return measure(name, pieces(file), os.fstat(file.fileno()).st_size, block)


def measure(name: str, content: Iterable[bytes], size: int, block: int = 0) -> Subject:
    """Return digest, size and blocks of content that comes in pieces."""
    hasher = BlockHasher(name, size, block)
    for piece in content:
        hasher.update(piece)
    return hasher.subject()


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Read a file piece by piece."""
    while piece := file.read(_PIECE):
        yield piece


def _walk(directory: Path) -> Iterator[tuple[Path, int]]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                yield from _walk(Path(entry.path))
            else:
                yield Path(entry.path), mode
