"""What masking, journalling and sealing cost a run: per cell, and as a share of the whole.

A run of many cells is executed; within it the time of the runner's and the kernel's masking, of
every append to the journal, and of sealing is added up, all with the waiting for the disk. Exit
code 1 when a target is missed: at most 1 ms per cell, and at most 5 % of a run of a runbook's
length. Per cell it is processor time; a loop tells how fast the processor is meanwhile.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from leitstand.audit.journal import Journal
from leitstand.audit.journal_fields import Masked
from leitstand.audit.run_redactor import RunRedactor
from leitstand.notebook import sealed
from leitstand.notebook.cell_journal import bounded_outputs
from leitstand.notebook.kernel_redaction import redact_kernel
from leitstand.notebook.saved_notebook import SavedNotebook

CELLS = 60
VALUES = 12
PER_CELL = 0.001
SHARE = 0.05
SLEEP = 0.05
TURNS = 20
RUNS = 3
LINE = (
    "Revision web-00042-kbd erhält 10 %, sha256:"
    "4c564aad363634369b32dabb74079e9cad6084972b4dbb3bb488b1f2e3d4c5b6\n"
)
ROW = "<tr><td>web-00042-kbd</td><td>10 %</td><td>projects/p/locations/r/services/web</td></tr>"


REAL = (
    (Path(__file__).parents[1] / "audit" / "redaction" / "ordinary" / "outputs.jsonl")
    .read_text()
    .splitlines()
)


class Nowhere:
    """A socket that keeps nothing."""

    def send_multipart(self, *_: object, **__: object) -> None:
        """Take a message."""


def outputs(number: int) -> list[dict[str, Any]]:
    """Return what a cell of a runbook showed: the outputs of real runs in turn, two for a cell."""
    chosen = [REAL[(2 * number + which) % len(REAL)] for which in range(2)]
    return [
        json.loads(one.replace('"metadata": {}', f'"metadata": {{"n": {number}}}'))
        for one in chosen
    ]


def redactor() -> RunRedactor:
    """Return a redactor that knows as many values as a large run reads."""
    made = RunRedactor(bytes(32))
    values = [f"postgresql://app{n}:Kx7vQ9z{n}Lm4w@10.0.0.3/app" for n in range(VALUES)]
    told = made.new_kernel()
    made.learn(values)
    told.update(values)
    return made


def kernel_seconds(mask: bool) -> float:
    """Return the processor time in which a kernel sends what a cell shows."""
    from jupyter_client.session import Session

    session = Session(key=b"k")
    socket: Any = Nowhere()
    if mask:
        redact_kernel(session, redactor())
    parent = session.msg("execute_request")["header"]
    shown = [outputs(number) for number in range(CELLS)]
    begin = time.process_time()
    for number in range(CELLS):
        session.send(socket, "execute_input", {"code": "run.observe()"}, parent=parent)
        for one in shown[number]:
            if one["output_type"] == "stream":
                content = {"name": one["name"], "text": "".join(one["text"])}
            else:
                content = {
                    name: one[name] for name in ("data", "metadata", "evalue") if name in one
                }
            session.send(socket, one["output_type"], content, parent=parent)
        session.send(socket, "execute_reply", {"status": "ok", "payload": []}, parent=parent)
        session.send(socket, "status", {"execution_state": "idle"}, parent=parent)
    return (time.process_time() - begin) / CELLS


def runner_seconds(directory: Path, mask: bool) -> float:
    """Return the processor time in which the runner journals a cell and saves now and then.

    Without waiting for the disk, which takes longer than masking, and never the same.
    """
    from nbformat import from_dict

    made = redactor()
    journal = Journal(directory / f"{uuid4()}.jsonl", (lambda: made) if mask else None)
    source = "observed = run.observe()\nplan = run.plan(observed)"
    cells = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "execution_count": number,
         "source": source, "outputs": []}
        for number in range(CELLS)
    ]  # fmt: skip
    notebook = from_dict({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    saved = SavedNotebook(made)
    made_before = [from_dict(outputs(number)) for number in range(CELLS)]
    begin = time.process_time()
    for number in range(CELLS):
        text = made.text(source) if mask else source
        journal.append("cell.started", index=number, section="Plan", source=Masked(text))
        since = made.version_of_kernel
        shown = notebook.cells[number].outputs = made_before[number]
        kept = saved.outputs(shown, since=since) if mask else shown
        journal.append("cell.completed", index=number, outputs=Masked(bounded_outputs(kept)))
        if mask and number % 15 == 14:  # a save every so often
            saved.masked(notebook)
    return (time.process_time() - begin) / CELLS


def run_shares(home: Path) -> "tuple[Spent, float]":
    """Return what a real run spends on masking, journalling and sealing, and how long it takes."""
    from leitstand.notebook.runner import run_notebook
    from leitstand.notebook.template import read_template

    source = (
        f"import time; time.sleep({SLEEP}); print({LINE * 6!r})\n"
        "from IPython.display import display, HTML\n"
        f"display(HTML('<table>' + {ROW!r} * 12 + '</table>'))"
    )
    code: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "outputs": [],
         "execution_count": None, "source": source}
        for number in range(25)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    path = home / "probe.ipynb"
    content = {"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))
    (home / "runs").mkdir(exist_ok=True)
    spent = Spent()
    begin = time.perf_counter()
    with spent:
        run_notebook(read_template(path), {}, home / "runs")
    return spent, time.perf_counter() - begin


class Spent:
    """Adds up, while it is entered, what masking, journalling and sealing take in this process.

    Attributes:
        seconds: All of it.
        disk: What of it was waiting for the disk.
    """

    def __init__(self) -> None:
        self.seconds = self.disk = 0.0
        self._depth = 0
        self._before: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> "Spent":
        for owner, name in (
            (Journal, "append"), (SavedNotebook, "masked"), (SavedNotebook, "outputs"),
            (RunRedactor, "text"), (RunRedactor, "output"), (RunRedactor, "across"),
            (RunRedactor, "data"), (sealed, "seal_ended"),
        ):  # fmt: skip
            self._before.append((owner, name, getattr(owner, name)))
            setattr(owner, name, self._timed(getattr(owner, name)))
        self._before.append((os, "fsync", os.fsync))
        os.fsync = self._waiting(os.fsync)
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, method in self._before:
            setattr(owner, name, method)

    def _timed(self, method: Any) -> Any:
        def timed(*arguments: Any, **options: Any) -> Any:
            begin = time.perf_counter()
            self._depth += 1
            try:
                return method(*arguments, **options)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - begin

        return timed

    def _waiting(self, fsync: Any) -> Any:
        def waiting(descriptor: int) -> None:
            begin = time.perf_counter()
            fsync(descriptor)
            if self._depth:
                self.disk += time.perf_counter() - begin

        return waiting


def difference(seconds: Callable[[bool], float]) -> float:
    """Return what masking adds; with it and without it in turn, so that both meet the same."""
    turns = [(seconds(True), seconds(False)) for _ in range(TURNS)]
    return min(masked for masked, _ in turns) - min(plain for _, plain in turns)


def pace() -> float:
    """Return the processor time of a loop, by which figures of a slow moment can be judged."""
    begin = time.process_time()
    for _ in range(3_000_000):
        pass
    return time.process_time() - begin


def main() -> int:
    """Measure, print and compare with the targets."""
    with tempfile.TemporaryDirectory(prefix="leitstand-") as name:
        home = Path(name)
        os.environ["LEITSTAND_HOME"] = name
        kernel = difference(kernel_seconds)
        with patch("os.fsync"):
            runner = difference(lambda mask: runner_seconds(home, mask))
        cell = kernel + runner
        print(
            f"masking per cell: kernel {kernel * 1e3:.2f} ms, runner {runner * 1e3:.2f} ms, "
            f"together {cell * 1e3:.2f} ms (target 1 ms); the loop takes {pace():.2f} s"
        )
        shares = []
        for _ in range(RUNS):
            spent, whole = run_shares(home)
            seconds = spent.seconds + 25 * kernel
            shares.append(seconds / whole)
            print(
                f"journal, masking and sealing: {seconds * 1e3:.0f} ms of a run of {whole:.2f} s, "
                f"{shares[-1]:.1%} (target 5 %); of it {spent.disk * 1e3:.0f} ms for the disk"
            )
        share = min(shares)
    return int(cell > PER_CELL or share > SHARE)


if __name__ == "__main__":
    sys.exit(main())
