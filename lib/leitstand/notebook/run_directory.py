"""The directory of one run: executed notebook, journal and a summary, private to its owner."""

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from leitstand.audit.journal import Journal
from leitstand.audit.run_redactor import RunRedactor, redactor_of
from leitstand.project import state_directory

__all__ = [
    "RUN_VARIABLE",
    "RunDirectory",
    "create_run_directory",
    "journal_masked",
    "run_slug",
    "write_private",
]

RUN_VARIABLE = "LEITSTAND_RUN"
"""Environment variable that tells a kernel its run directory."""


@dataclass(frozen=True)
class RunDirectory:
    """Where one run keeps what it leaves behind.

    Attributes:
        path: The directory, mode 0700.
    """

    path: Path

    @property
    def id(self) -> str:
        """Return the id of the run."""
        return self.path.name

    @property
    def notebook(self) -> Path:
        """Return the path of the executed notebook."""
        return self.path / "notebook.ipynb"

    @property
    def journal(self) -> Journal:
        """Return the run's journal."""
        return Journal(self.path / "journal.jsonl", lambda: self.redactor)

    @property
    def redactor(self) -> RunRedactor:
        """Return what masks secrets in all that this process writes for the run.

        Raises:
            OSError: the key of its marks cannot be read or made.
        """
        return redactor_of(self.path, _keys(self.path))

    @property
    def summary(self) -> Path:
        """Return the path of the summary, ``run.json``."""
        return self.path / "run.json"

    def write_summary(self, summary: Mapping[str, object]) -> None:
        """Write the summary atomically."""
        self.write_data(self.summary.name, summary)

    def write_data(self, name: str, data: Mapping[str, object]) -> Path:
        """Write JSON data of the run with marks in the place of secrets; return its path."""
        shown = self.redactor.data(json.loads(json.dumps(data, default=str)))
        path = self.path / name
        write_private(path, json.dumps(shown, ensure_ascii=False, indent=1) + "\n")
        return path

    def write(self, name: str, text: str) -> Path:
        """Write a text of the run with marks in the place of secrets; return its path."""
        path = self.path / name
        write_private(path, self.redactor.text(text))
        return path


def journal_masked(run: RunDirectory) -> None:
    """Journal how many places this process masked since it last did so, by kind."""
    if masked := run.redactor.new_counts():
        run.journal.append("redaction", masked=masked)


def run_slug(runbook: str) -> str:
    """Return what the names of a runbook's runs hold of its own."""
    return re.sub(r"[^A-Za-z0-9]+", "-", runbook).strip("-").lower() or "notebook"


def create_run_directory(runs: Path, runbook: str, *, now: datetime | None = None) -> RunDirectory:
    """Make the directory of a new run.

    Args:
        runs: Directory of all runs.
        runbook: Name of the runbook; other characters than letters, digits and ``-`` become ``-``.
        now: Time of the start; the clock's when left out.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    name = run_slug(runbook)
    while True:
        path = runs / f"{moment:%Y%m%d-%H%M%S}-{name}-{secrets.token_hex(2)}"
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return RunDirectory(path)


def _keys(run: Path) -> Path:
    """Return where the keys of marks lie: in the state directory, beside the runs."""
    if run.parent.name == "runs":
        return run.parent.parent / "salts"
    return state_directory() / "salts"


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically and durably; it is readable by its owner only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
