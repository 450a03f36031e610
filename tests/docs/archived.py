"""Archives of sealed runs, and small sites that show them."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.audit.sealed import Archive

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / "docs" / "hooks"
START = datetime(2126, 1, 15, 22, 30, tzinfo=UTC)
"""Half past eleven at night in Berlin."""

RUN = "21260115-223000-release-0001"
CELL: dict[str, Any] = {
    "cell_type": "code", "id": "a", "execution_count": 1, "metadata": {}, "source": "show()",
    "outputs": [{"output_type": "stream", "name": "stdout", "text": "alles ruhig"}],
}  # fmt: skip
CONFIG = f"""
site_name: Probe
use_directory_urls: false
theme: {{name: null, custom_dir: theme}}
plugins: [search]
hooks: [{HOOKS}/records.py, {HOOKS}/links.py]
"""
TEMPLATE = """<!doctype html><html lang="de"><head><title>Probe</title></head>
<body>{{ page.content }}</body></html>"""


def archive_in(path: Path) -> Archive:
    """Make an archive with a key of its own."""
    path.mkdir()
    return Archive(path)


def notebook_of(*cells: dict[str, Any], **metadata: Any) -> str:
    """Return an executed notebook."""
    return json.dumps(
        {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    )


def showing(text: str, kind: str = "text/plain") -> dict[str, Any]:
    """Return a cell that shows something."""
    output = {"output_type": "display_data", "metadata": {}, "data": {kind: text}}
    return {**CELL, "outputs": [*CELL["outputs"], output]}


def sealed(
    archive: Archive,
    run: str = RUN,
    *,
    env: str = "sandbox",
    runbook: str = "release",
    verdict: str = "healthy",
    days: int = 0,
    notebook: str = "",
    **more: Any,
) -> None:
    """Seal a run of that day into an archive; more goes into the journal's first event."""
    directory = archive.path / "runs" / run
    directory.mkdir(parents=True)
    events = [
        {"event": "run.started", "run": run, "runbook": runbook, "env": env, "operator": "root",
         "ticket": "OPS-1", "parameters": {"percent": 10}, **more},
        {"event": "verdict", "stage": "release", "verdict": verdict},
        {"event": "run.completed"},
    ]  # fmt: skip
    lines = []
    for seq, event in enumerate(events, 1):
        at = START + timedelta(days=days, seconds=seq)
        lines.append(json.dumps({"seq": seq, "at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", **event}))
    (directory / "journal.jsonl").write_text("\n".join(lines) + "\n")
    (directory / "notebook.ipynb").write_text(notebook or notebook_of(CELL))
    (directory / "under-way").touch()
    archive.seal(directory)


def project(directory: Path) -> Path:
    """Make a project whose site is the section of executed runs."""
    docs = directory / "docs"
    for path in (docs / "nachweise", docs / "skripte", directory / "theme"):
        path.mkdir(parents=True)
    (directory / "mkdocs.yml").write_text(CONFIG)
    (directory / "theme" / "main.html").write_text(TEMPLATE)
    (docs / "index.md").write_text("# Start\n")
    (docs / "nachweise" / "index.md").write_text("# Läufe\n\n<!-- nachweise: liste -->\n")
    for path in (ROOT / "docs" / "skripte").glob("nachweise.*"):
        (docs / "skripte" / path.name).write_bytes(path.read_bytes())
    return directory


def build(directory: Path) -> Path:
    """Build a project's site strictly, and return it.

    Raises:
        Abort: there was a warning.
    """
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    logging.getLogger("mkdocs").setLevel(logging.INFO)
    build(load_config(str(directory / "mkdocs.yml"), strict=True))
    return directory / "site"
