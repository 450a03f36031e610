"""What rehearsals left under ``.cache/site``, and whether it still is of this repository.

A digest over everything that decides on an outcome stands beside each executed notebook: the
runbook, its entry in the table, the library, the configuration and the lock of the packages.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from rehearsal_table import Rehearsal

__all__ = ["CACHE", "REHEARSALS", "Rehearsed", "digest_of", "fitting", "read_rehearsed"]

CACHE = Path(".cache") / "site"
REHEARSALS = CACHE / "rehearsals"
SOURCES = ("lib/leitstand", "config", "lib/requirements.lock")


@dataclass(frozen=True)
class Rehearsed:
    """How a rehearsal went, as ``rehearsal.json`` holds it.

    Attributes:
        runbook: Name of the runbook.
        run: Id of the run.
        started: When, RFC 3339.
        seconds: How long it took.
        verdict: ``success`` or ``finding``.
        exit_code: With which it ended.
        commit: Of the repository; empty where it was none.
        parameters: What was given, as literals.
        command: How one repeats it.
        prepare: What was typed before.
        scene: What it shows, German.
        digest: Over everything that decides on the outcome.
    """

    runbook: str
    run: str
    started: str
    seconds: float
    verdict: str
    exit_code: int
    commit: str
    parameters: dict[str, Any]
    command: str
    prepare: tuple[str, ...]
    scene: str
    digest: str

    def write(self, directory: Path) -> None:
        """Write ``rehearsal.json``."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (directory / "rehearsal.json").write_text(text + "\n", "utf-8")


def read_rehearsed(directory: Path) -> Rehearsed | None:
    """Return what a directory says of its rehearsal; None where nothing whole lies there."""
    try:
        data = json.loads((directory / "rehearsal.json").read_text("utf-8"))
        values: dict[str, Any] = {field.name: data[field.name] for field in fields(Rehearsed)}
        return Rehearsed(**{**values, "prepare": tuple(values["prepare"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fitting(root: Path, rehearsal: Rehearsal | None) -> tuple[Path, Rehearsed] | None:
    """Return the executed notebook of a runbook, if what it was made of has not changed since.

    Args:
        root: The checkout.
        rehearsal: The runbook's entry in the table; None without one.
    """
    if rehearsal is None:
        return None
    directory = root / REHEARSALS / rehearsal.runbook
    rehearsed = read_rehearsed(directory)
    notebook = directory / "notebook.ipynb"
    if rehearsed is None or not notebook.is_file():
        return None
    return (notebook, rehearsed) if rehearsed.digest == digest_of(root, rehearsal) else None


def digest_of(root: Path, rehearsal: Rehearsal) -> str:
    """Return the digest over everything that decides how a rehearsal ends. Read-only.

    Raises:
        OSError: there is no such runbook.
    """
    found = hashlib.sha256(_sources(root).encode())
    found.update(repr(rehearsal).encode())
    found.update((root / "runbooks" / f"{rehearsal.runbook}.ipynb").read_bytes())
    return f"sha256:{found.hexdigest()}"


def forget() -> None:
    """Read the sources again at the next call. For the next build of the same process."""
    _sources.cache_clear()


@cache
def _sources(root: Path) -> str:
    found = hashlib.sha256()
    for path in _files(root / source for source in SOURCES):
        found.update(f"{path.relative_to(root).as_posix()}\n".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _files(places: Iterable[Path]) -> Iterable[Path]:
    for place in places:
        if place.is_file():
            yield place
        else:
            yield from sorted(
                path
                for path in place.rglob("*")
                if path.is_file() and "__pycache__" not in path.parts
            )
