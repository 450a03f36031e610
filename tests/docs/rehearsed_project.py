"""A small project whose runbooks are rehearsed: one that succeeds, one that fails."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.docs.referenced import hook
from tests.fixtures.command import Command, new_project

__all__ = ["SOURCES", "kept", "notebook_of", "project_with"]

PARAMETERS = 'env: "Literal[sandbox]" = "sandbox"\napply: bool = False'
SOURCES = {
    "gut": "6 * 7",
    "auch": "7 * 6",
    "kaputt": 'raise RuntimeError("die Probe misslingt")',
}


def notebook_of(title: str, *sources: str, tagged: bool = True) -> str:
    """Return a notebook: a title, a parameters cell unless it is left out, and code."""
    tags = {"tags": ["parameters"]} if tagged else {}
    cells: list[dict[str, object]] = [
        {"cell_type": "markdown", "id": "titel", "metadata": {}, "source": f"# {title}"},
    ]
    for number, source in enumerate([PARAMETERS, *sources]):
        cells.append(
            {
                "cell_type": "code", "id": f"zelle-{number}", "execution_count": None,
                "metadata": {} if number else tags, "outputs": [], "source": source,
            }
        )  # fmt: skip
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def project_with(directory: Path, runbooks: Sequence[str], table: str = "") -> Path:
    """Make a project with these runbooks and a small sandbox; return its root.

    Args:
        directory: Where.
        runbooks: Names out of `SOURCES`.
        table: docs/rehearsals.yaml; one lane with all of them, in their order, when left out.
    """
    command = Command(*new_project(directory))
    command.production(database=False)
    root = command.project
    (root / "runbooks").unlink()  # a link to ours
    (root / "runbooks").mkdir()
    for name in runbooks:
        text = notebook_of(name.capitalize(), SOURCES[name])
        (root / "runbooks" / f"{name}.ipynb").write_text(text, "utf-8")
    (root / "docs").mkdir()
    entries = "".join(f"    - {{runbook: {name}}}\n" for name in runbooks)
    (root / "docs" / "rehearsals.yaml").write_text(table or f"lanes:\n  eine:\n{entries}", "utf-8")
    return root


def kept(root: Path) -> Any:
    """Leave results of a rehearsal, as if it had been rehearsed."""
    results = hook("rehearsal_results")
    rehearsal = hook("rehearsal_table").Rehearsal("gut")
    directory = root / results.REHEARSALS / "gut"
    directory.mkdir(parents=True)
    shutil.copy(root / "runbooks" / "gut.ipynb", directory / "notebook.ipynb")
    results.Rehearsed(
        "gut", "r-1", "2126-01-15T22:30:00Z", 1.0, "success", 0, "", {}, "leitstand run gut", (),
        "", results.digest_of(root, rehearsal),
    ).write(directory)  # fmt: skip
    return rehearsal
