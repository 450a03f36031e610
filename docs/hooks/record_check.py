"""Looks for secrets in everything of a record that the site would show. Read-only.

A run is redacted before it is sealed; this looks again, with the rules of today. A finding names
its kind and its place, and never the value.
"""

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leitstand.audit.redaction.redactor import Redactor
from leitstand.core.records.statement import Statement

__all__ = ["Suspicion", "may_be_offered", "suspicions"]

SHOWN_AS_IS = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
READABLE = ("text/", "image/svg+xml")
RUNS = frozenset({"application/javascript", "text/javascript"})
SCRIPT = re.compile(r"<script\b|\bon\w+\s*=|javascript:", re.IGNORECASE)
"""In HTML and SVG; text that only speaks of it is left out too, which does no harm."""

LARGEST = 5 << 20
"""Bytes of a notebook that the site offers; a larger one is fetched with the command line."""


@dataclass(frozen=True)
class Suspicion:
    """Something that looks like a secret.

    Attributes:
        kinds: What it looks like, as the redactor counts it.
        place: Where it stands.
    """

    kinds: tuple[str, ...]
    place: str

    def __str__(self) -> str:
        return f"{self.place} holds what looks like a secret ({', '.join(self.kinds)})"


class _Looking:
    """Asks the redactor what it would mask; who is responsible is meant to be read."""

    def __init__(self, statement: Statement) -> None:
        run = statement.run
        self._visible = [run.operator, *(approval.by for approval in run.approvals)]
        self._visible += [resumption.operator for resumption in run.resumptions]

    def __call__(self, place: str, mask: Callable[[Redactor], object]) -> Iterator[Suspicion]:
        redactor = Redactor(salt=secrets.token_bytes(16), visible=filter(None, self._visible))
        mask(redactor)
        if kinds := +Counter(redactor.counts):
            yield Suspicion(tuple(sorted(kinds)), place)


def suspicions(
    statement: Statement, notebook: bytes | None, journal: bytes, page: str
) -> list[Suspicion]:
    """Return every place that holds what looks like a secret.

    Args:
        statement: What the record says.
        notebook: The executed notebook; None when there is none.
        journal: The journal; empty when there is none.
        page: The page that is made of them.
    """
    look = _Looking(statement)
    found = list(look("the record", lambda redactor: redactor.data(dict(statement.facts))))
    found += _in_notebook(look, notebook) if notebook is not None else []
    found += _in_journal(look, journal)
    # Last, since what the page shows comes from the others, whose places say more.
    return found or list(look("the page", lambda redactor: redactor.html(page)))


def may_be_offered(notebook: bytes) -> bool:
    """Whether a notebook that was looked at can be handed out as a file.

    Not one that carries what nobody could look into, and none with a script among its outputs.
    """
    read = _read(notebook)
    if read is None or len(notebook) > LARGEST:
        return False
    return all(map(_is_harmless, _bundles(read)))


def _in_notebook(look: _Looking, content: bytes) -> Iterator[Suspicion]:
    notebook = _read(content)
    if notebook is None:
        text = content.decode("utf-8", "replace")
        yield from look("notebook.ipynb", lambda redactor: redactor.text(text))
        return
    whole = list(look("notebook.ipynb", lambda redactor: redactor.notebook(notebook)))
    if not whole:
        return
    single = [
        suspicion
        for number, cell in enumerate(notebook["cells"], 1)
        for suspicion in _in_cell(look, cell, number)
    ]
    yield from single or whole


def _in_cell(look: _Looking, cell: Mapping[str, Any], number: int) -> Iterator[Suspicion]:
    bare = {**cell, "outputs": []} if "outputs" in cell else cell
    parts = [("", bare)]
    parts += [
        (f", output {place}", {"cell_type": "code", "outputs": [output]})
        for place, output in enumerate(cell.get("outputs") or (), 1)
    ]
    for where, part in parts:
        alone = {"cells": [part]}
        yield from look(
            f"notebook.ipynb, cell {number}{where}",
            lambda redactor, alone=alone: redactor.notebook(alone),  # type: ignore[misc]
        )


def _in_journal(look: _Looking, journal: bytes) -> Iterator[Suspicion]:
    lines = journal.decode("utf-8", "replace").split("\n")

    def mask(redactor: Redactor, lines: list[str]) -> None:
        for line in lines:
            try:
                redactor.data(json.loads(line))
            except (ValueError, RecursionError):
                redactor.text(line)

    if not list(look("", lambda redactor: mask(redactor, lines))):
        return
    for number, line in enumerate(lines, 1):
        yield from look(
            f"journal.jsonl, line {number}",
            lambda redactor, line=line: mask(redactor, [line]),  # type: ignore[misc]
        )


def _read(content: bytes) -> dict[str, Any] | None:
    """Return a notebook as far as it can be looked at by its parts; None when it is none."""
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return None
    for cell in cells:
        outputs = cell.get("outputs") or []
        if not isinstance(outputs, list) or not all(isinstance(one, dict) for one in outputs):
            return None
    return dict(notebook)


def _bundles(notebook: Mapping[str, Any]) -> Iterator[object]:
    for cell in notebook["cells"]:
        yield from (output["data"] for output in cell.get("outputs") or () if "data" in output)
        attached = cell.get("attachments") or {}
        yield from attached.values() if isinstance(attached, Mapping) else [attached]


def _is_harmless(bundle: object) -> bool:
    return isinstance(bundle, Mapping) and all(
        kind in SHOWN_AS_IS
        or (kind.startswith(READABLE) and kind not in RUNS and not SCRIPT.search(str(form)))
        or kind.endswith("json")
        for kind, form in bundle.items()
    )
