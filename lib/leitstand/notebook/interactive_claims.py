"""Which run belongs to a notebook, and what becomes of it when begin() is executed again."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from leitstand.audit.durable import replace_whole
from leitstand.notebook.interactive_errors import RunUnderWayElsewhere
from leitstand.project import state_directory

__all__ = ["Claim", "Earlier", "Next", "claim_of", "next_of", "notebook_of"]

_PATIENCE: Final = 30.0
"""Seconds in which another kernel seals the notebook's earlier run."""


class Next(Enum):
    """What begin() does."""

    NEW = "new"
    AFTER_END = "after_end"
    IN_ITS_PLACE = "in_its_place"
    GO_ON = "go_on"
    ELSEWHERE = "elsewhere"
    OTHER_PARAMETERS = "other_parameters"
    OTHER_TEMPLATE = "other_template"


@dataclass(frozen=True)
class Earlier:
    """What is known of the run that the notebook had.

    Attributes:
        ended: It is over for good.
        begun: It has changed something, or may have.
        elsewhere: Another process has it.
        same_parameters: They are those of now; and so is the runbook.
        same_template: The runbook is as it was then.
    """

    ended: bool
    begun: bool
    elsewhere: bool
    same_parameters: bool
    same_template: bool


def next_of(earlier: Earlier | None) -> Next:
    """Return what begin() does, so that nothing is done twice or left behind half done. Pure."""
    if earlier is None:
        return Next.NEW
    if earlier.ended:
        return Next.AFTER_END
    if earlier.elsewhere:
        return Next.ELSEWHERE
    if earlier.same_parameters and earlier.same_template:
        return Next.GO_ON
    if not earlier.begun:
        return Next.IN_ITS_PLACE
    return Next.OTHER_TEMPLATE if earlier.same_parameters else Next.OTHER_PARAMETERS


def notebook_of(namespace: Mapping[str, Any], runbook: str) -> Path:
    """Return the path of the notebook that this kernel belongs to.

    JupyterLab and VS Code tell it. Where nobody does, the runbook in the working directory stands
    for it, so that two kernels there count as one notebook rather than as two.
    """
    told = os.environ.get("JPY_SESSION_NAME") or str(namespace.get("__vsc_ipynb_file__") or "")
    return (Path.cwd() / (told or f"{runbook}.ipynb")).resolve()


class Claim:
    """Says which run a notebook has; only while `claim_of` holds it."""

    def __init__(self, path: Path, notebook: Path) -> None:
        self._path = path
        self._notebook = notebook

    def run(self) -> str:
        """Return the id of the notebook's last run, or an empty text."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(self._path.read_text("utf-8"))["run"])
        return ""

    def give(self, run: str) -> None:
        """Let the notebook have this run."""
        said = {"notebook": str(self._notebook), "run": run}
        replace_whole(self._path, json.dumps(said, ensure_ascii=False).encode())


@contextmanager
def claim_of(notebook: Path) -> Iterator[Claim]:
    """Be the only one that decides about a notebook's run while the block runs.

    Raises:
        RunUnderWayElsewhere: another kernel decides about it for longer than half a minute.
    """
    directory = state_directory() / "notebooks"
    directory.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(str(notebook).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    lock = os.open(directory / f"{name}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        claim = Claim(directory / f"{name}.json", notebook)
        _wait_for(lock, claim)
        yield claim
    finally:
        os.close(lock)


def _wait_for(lock: int, claim: Claim) -> None:
    """Lock a file; whoever has it may be sealing the notebook's earlier run meanwhile."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= end:
                raise RunUnderWayElsewhere(claim.run()) from error
            time.sleep(0.1)
        else:
            return
