"""Runs, keys and stores to seal and to verify."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from leitstand.audit.journal import Journal
from leitstand.audit.sealing import Sealed, seal_run
from leitstand.audit.signing import FileSigner, PublicKey
from leitstand.audit.store_directory import DirectoryStore
from leitstand.audit.verification import VerificationReport, verify_store
from leitstand.core.records.chain import Head

START = datetime(2126, 11, 26, 7, tzinfo=UTC)


def make_run(
    runs: Path,
    name: str,
    *,
    end: str = "run.completed",
    notebook: str = "{}",
    env: str = "sandbox",
) -> Path:
    """Make a finished run."""
    run = runs / name
    run.mkdir(parents=True)
    journal = Journal(run / "journal.jsonl")
    journal.append(
        "run.started", run=name, runbook="release", env=env, operator="a", ticket="OPS-1",
        parameters={"percent": 10}, template_digest="sha256:" + "1" * 64,
    )  # fmt: skip
    journal.append("verdict", stage="release", verdict="healthy")
    if end:
        journal.append(end)
    (run / "notebook.ipynb").write_text(notebook)
    (run / "under-way").touch()
    return run


def resume(run: Path, *, end: str = "run.completed") -> None:
    """Go on with a run, as the runner does."""
    journal = Journal(run / "journal.jsonl")
    (run / "notebook.ipynb").rename(run / "notebook-1.ipynb")
    journal.append("run.resumed", operator="b")
    journal.append(end)
    (run / "notebook.ipynb").write_text('{"again": true}')


@dataclass
class Archive:
    """A store with a key, and a clock that goes on by a second with each look."""

    path: Path

    def __post_init__(self) -> None:
        self.store = DirectoryStore(self.path / "store")
        self.signer = FileSigner(self.path / "key.pem")
        self.clock: Iterator[datetime] = (START + timedelta(seconds=i) for i in range(10_000))

    @property
    def keys(self) -> dict[str, PublicKey]:
        return {self.signer.public.id: self.signer.public}

    def seal(self, run: Path, *, crashed: bool = False) -> Sealed:
        return seal_run(run, self.store, self.signer, crashed=crashed, now=lambda: next(self.clock))

    def verify(self, *anchors: Head) -> VerificationReport:
        return verify_store(self.store, self.keys, anchors)

    def record(self, seq: int) -> Path:
        return self.store.path / "chain" / f"{seq:012}.json"

    @property
    def files(self) -> list[Path]:
        return sorted((self.store.path / "files").iterdir())

    def filled(self, count: int) -> "Archive":
        """Seal runs a, b, c and so on."""
        for number in range(count):
            name = chr(ord("a") + number)
            notebook = json.dumps({"cells": [name]})
            self.seal(make_run(self.path / "runs", name, notebook=notebook))
        return self


def overwrite(path: Path, content: bytes) -> None:
    """Write to a file that its store made read-only."""
    path.chmod(0o600)
    path.write_bytes(content)
