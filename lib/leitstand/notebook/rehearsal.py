"""The tour: a good image is released, then a faulty one, in a fresh sandbox."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import ExitCode
from leitstand.notebook.sandboxes import attach_sandbox
from leitstand.notebook.template import find_template, read_template
from leitstand.project import project_root, runbooks_directory, runs_directory

if TYPE_CHECKING:
    from leitstand.notebook.conclusion import Result
    from leitstand.notebook.listener import Listener

__all__ = ["ACTS", "Act", "Rehearsed", "fresh_sandbox", "release"]


@dataclass(frozen=True)
class Act:
    """One release of the tour.

    Attributes:
        title: What it shows, in German.
        image: What is released.
        expected: The exit code that the release must end with.
        outcome: What then holds, in German.
    """

    title: str
    image: str
    expected: ExitCode
    outcome: str


@dataclass(frozen=True)
class Rehearsed:
    """How an act ended.

    Attributes:
        act: The act.
        result: The run.
        load: Requests sent, answered and failed, by the sandbox's load client.
    """

    act: Act
    result: "Result"
    load: Mapping[str, Any]

    @property
    def as_expected(self) -> bool:
        """Whether the run ended as it must."""
        return self.result.exit_code == self.act.expected

    @property
    def outcome(self) -> str:
        """How it ended, in one or two German words."""
        return self.act.outcome if self.as_expected else "unerwartet"


ACTS = (
    Act("Ein gutes Abbild wird ausgerollt", "web:1.1.0", ExitCode.SUCCESS, "ausgerollt"),
    Act(
        "Ein fehlerhaftes Abbild geht zurück",
        "web:1.2.0-errors",
        ExitCode.ROLLED_BACK,
        "zurückgenommen",
    ),
)


@contextmanager
def fresh_sandbox() -> Iterator[float]:
    """Start a sandbox in a directory of its own, and give the seconds until it was ready.

    It is this process's sandbox while the block runs, and gone with its directory afterwards.
    """
    before = os.environ.get("LEITSTAND_SANDBOX")
    directory = tempfile.mkdtemp(prefix="leitstand-")
    os.environ["LEITSTAND_SANDBOX"] = directory
    try:
        began = time.monotonic()
        sandbox = attach_sandbox()
        try:
            yield time.monotonic() - began
        finally:
            sandbox.stop()
    finally:
        if before is None:
            del os.environ["LEITSTAND_SANDBOX"]
        else:
            os.environ["LEITSTAND_SANDBOX"] = before
        shutil.rmtree(directory, ignore_errors=True)


def release(act: Act, listener: "Listener") -> Rehearsed:
    """Release the act's image in the sandbox of this process; the run lies with all others."""
    from leitstand.notebook.runner import run_notebook

    template = read_template(find_template("release", runbooks_directory()))
    given = {"env": "sandbox", "image": act.image, "apply": True}
    result = run_notebook(
        template, given, runs_directory(), project=project_root(), listener=listener
    )
    return Rehearsed(act, result, _load(Path(result.directory)))


def _load(directory: Path) -> Mapping[str, Any]:
    from leitstand.audit.journal import Journal

    reports: list[Any] = [
        event["report"]
        for event in Journal(directory / "journal.jsonl")
        if event["event"] == "load"
    ]
    return reports[-1] if reports else {}
