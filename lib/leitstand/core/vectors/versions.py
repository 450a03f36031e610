"""Versions of pgvector: which is newer, and what is known to be wrong with one.

Sources: https://github.com/pgvector/pgvector/blob/master/CHANGELOG.md and the threads that it
names. Left out is what a 64-bit server is safe from (CVE-2026-18022, fixed in 0.8.6).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from leitstand.core.vectors.types import Extension

__all__ = ["DEFECTS", "Defect", "best", "known_defects", "newer"]

_THREADS = "https://github.com/pgvector/pgvector/issues/"
_CHANGES = "https://github.com/pgvector/pgvector/blob/master/CHANGELOG.md"


@dataclass(frozen=True)
class Defect:
    """Something wrong with some versions of pgvector.

    Attributes:
        id: Its CVE, or the number of its thread.
        text: What it does, as a German sentence.
        fixed_in: The first version without it.
        since: The first version with it.
        method: The kind of index that it concerns; empty for everything.
        rebuild: Whether indexes may be damaged, so that they have to be built again.
        parallel: Whether only builds with parallel workers are concerned.
        source: Where that is said.
    """

    id: str
    text: str
    fixed_in: str
    since: str = "0.1.0"
    method: Literal["", "hnsw", "ivfflat"] = ""
    rebuild: bool = False
    parallel: bool = False
    source: str = _CHANGES


DEFECTS = (
    Defect(
        "#993",
        "VACUUM eines HNSW-Index kann mit „hnsw graph not repaired“ abbrechen, und gleichzeitiges "
        "Einfügen kann scheitern.",
        fixed_in="0.8.4",
        since="0.5.0",
        method="hnsw",
        source=_THREADS + "993",
    ),
    Defect(
        "#986",
        "Der Aufbau eines IVFFLAT-Index kann mehr Speicher belegen, als maintenance_work_mem "
        "erlaubt.",
        fixed_in="0.8.4",
        method="ivfflat",
        source=_THREADS + "986",
    ),
    Defect(
        "#988",
        "VACUUM kann einen HNSW-Index beschädigen, während Zeilen eingefügt werden.",
        fixed_in="0.8.3",
        since="0.5.0",
        method="hnsw",
        rebuild=True,
        source=_THREADS + "988",
    ),
    Defect(
        "CVE-2026-3172",
        "Wer einen HNSW-Index mit parallelen Prozessen aufbaut, kann fremde Daten lesen oder den "
        "Server zum Absturz bringen.",
        fixed_in="0.8.2",
        since="0.6.0",
        method="hnsw",
        parallel=True,
        source=_THREADS + "959",
    ),
    Defect(
        "#635",
        "Parallel aufgebaute HNSW-Indizes sind beim Aufbau nicht richtig gesperrt.",
        fixed_in="0.7.4",
        since="0.6.0",
        method="hnsw",
        rebuild=True,
        parallel=True,
        source=_THREADS + "635",
    ),
    Defect(
        "unlogged",
        "Indizes nicht protokollierter Tabellen sind nach einem Absturz unbrauchbar.",
        fixed_in="0.7.2",
    ),
    Defect(
        "null-distances",
        "Suchen über IVFFLAT ordnen Zeilen falsch ein, deren Abstand NULL oder NaN ist.",
        fixed_in="0.5.0",
        method="ivfflat",
    ),
    Defect(
        "lost-inserts",
        "Eingefügte Zeilen fehlen im IVFFLAT-Index, ohne dass ein Fehler erscheint.",
        fixed_in="0.3.1",
        since="0.2.7",
        method="ivfflat",
        rebuild=True,
    ),
)
"""All that are known, newest first."""


def newer(a: str, b: str) -> bool:
    """Return whether version ``a`` is newer than ``b``; numbers count, and 1.0 equals 1."""
    return _key(a) > _key(b)


def best(extension: Extension) -> str:
    """Return the newest version that the server could install, empty if there is none."""
    return max(sorted(extension.available), key=_key, default="")


def known_defects(version: str) -> tuple[Defect, ...]:
    """Return what is known to be wrong with a version, newest fix first; nothing for none."""
    if not version:
        return ()
    return tuple(
        defect
        for defect in DEFECTS
        if newer(defect.fixed_in, version) and not newer(defect.since, version)
    )


@lru_cache(maxsize=64)
def _key(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
