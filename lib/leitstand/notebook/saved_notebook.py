"""The executed notebook as it is saved: with marks in the place of secrets.

The kernel of a run masks whatever it sends (`kernel_redaction`), so its outputs are not searched by
all rules again. What is left to do here: values that were learnt after an output was shown, pieces
of a secret in several outputs, errors that the runner itself put there, and sources and metadata.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from leitstand.audit.redaction.outputs import is_binary
from leitstand.audit.redaction.projection import as_read, without_colours
from leitstand.audit.run_redactor import RunRedactor

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["SavedNotebook"]

_Masked = TypeVar("_Masked")

_REMEMBERED: Final = 1_000_000
"""Characters of the largest text that is remembered."""

_MOST: Final = 8 * _REMEMBERED
"""Characters of all that is remembered of one kind."""

_APART: Final = "\n\0\n"
"""Between texts that are looked at together: no value stands across it."""

_WHOLE: Final = frozenset({"display_data", "execute_result"})
"""Outputs that a kernel masks in one piece, and so by the same rules as here."""

_written: Final = json.JSONEncoder(ensure_ascii=False).encode

Key = tuple[str, str, int]
"""A cell without its outputs, its outputs, and the version of what is known."""


class _Remembered(Generic[_Masked]):
    """What was masked before, by the text and version that it was made of; of bounded size."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], _Masked] = {}
        self._size = 0

    def get(self, key: tuple[str, int]) -> _Masked | None:
        """Return what was made of a text, or None."""
        return self._found.get(key)

    def put(self, key: tuple[str, int], value: _Masked) -> None:
        """Remember it, unless it is too large; where there is too much, the rest is forgotten."""
        size = len(key[0])
        if size >= _REMEMBERED:
            return
        if self._size + size > _MOST:
            self._found.clear()
            self._size = 0
        self._found[key] = value
        self._size += size


class SavedNotebook:
    """Makes the copies of a notebook that may be written; cells that stay are looked at once.

    Args:
        redactor: Of the run.
    """

    def __init__(self, redactor: RunRedactor) -> None:
        self._redactor = redactor
        self._cells: dict[Key, NotebookNode | None] = {}
        self._alone: _Remembered[Mapping[str, object]] = _Remembered()
        self._outputs: _Remembered[dict[str, object]] = _Remembered()
        self._together: _Remembered[list[dict[str, object]]] = _Remembered()

    def masked(self, notebook: "NotebookNode", *, final: bool = False) -> "NotebookNode":
        """Return a copy with marks; the notebook stays as it is.

        At the end it is also looked at what only the outputs of several cells together show.

        What is masked is counted when it is first masked, not at each save.
        """
        version = self._redactor.version
        known: dict[Key, NotebookNode | None] = {}
        cells = []
        for cell in self._across(notebook.cells) if final else notebook.cells:
            alone = {name: value for name, value in cell.items() if name != "outputs"}
            written = [_written(output) for output in cell.get("outputs", ())]
            key = (_written(alone), _joined(written) if "outputs" in cell else "", version)
            if key not in known:
                found = key in self._cells
                known[key] = self._cells[key] if found else self._masked(cell, alone, key, written)
            cells.append(known[key] or cell)
        self._cells = known
        rest = {name: value for name, value in notebook.items() if name != "cells"}
        shown = self._redactor.notebook({**rest, "cells": []})
        copy = _node(shown)
        copy["cells"] = cells
        return copy

    def outputs(
        self, outputs: Sequence[Mapping[str, object]], *, since: int | None = None
    ) -> list[dict[str, object]]:
        """Return a cell's outputs with marks, also where several share a secret in pieces.

        Args:
            outputs: As the kernel sent them.
            since: The version up to which the kernel knew all values when the cell began
                (`RunRedactor.version_of_kernel`). Where nothing was learnt since, the kernel has
                masked all of them in what it sent in one piece.
        """
        return self._shown(outputs, [_written(output) for output in outputs], since)

    def _shown(
        self,
        outputs: Sequence[Mapping[str, object]],
        written: Sequence[str],
        since: int | None = None,
    ) -> list[dict[str, object]]:
        version = self._redactor.version
        key = (_joined(written), version)
        masked = self._together.get(key)
        if masked is None:
            done = since == version
            masked = [
                self._output(new, text if new is old else _written(new), version, done)
                for old, new, text in zip(
                    outputs, self._redactor.across(list(outputs)), written, strict=True
                )
            ]
            self._together.put(key, masked)
        return list(masked)

    def _output(
        self, output: Mapping[str, object], written: str, version: int, done: bool
    ) -> dict[str, object]:
        key = (written, version)
        masked = self._outputs.get(key)
        if masked is None:
            kind = output.get("output_type")
            own = kind == "error"  # perhaps of the runner
            looked_at = done and kind in _WHOLE
            shown = own or (not looked_at and self._shows_known(output))
            masked = self._redactor.output(output) if shown else dict(output)
            self._outputs.put(key, masked)
        return masked

    def _shows_known(self, output: Mapping[str, object]) -> bool:
        """Return whether a value that the run read stands in an output, however it is written."""
        return self._redactor.holds_known(_APART.join(_readings(output)))

    def _masked(
        self, cell: Mapping[str, Any], alone: Mapping[str, Any], key: Key, written: Sequence[str]
    ) -> "NotebookNode | None":
        """Return a cell with marks, or None when nothing in it is to be masked."""
        own = (key[0], key[2])
        shown = self._alone.get(own)
        if shown is None:
            (shown,) = cast(Any, self._redactor.notebook({"cells": [alone]})["cells"])
            self._alone.put(own, shown)
        if "outputs" in cell:
            shown = {**shown, "outputs": self._shown(cell["outputs"], written)}
        return None if shown == cell else _node(shown)

    def _across(self, cells: "Sequence[NotebookNode]") -> "list[NotebookNode]":
        """Mask what only the outputs of several cells together show."""
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        masked = iter(self._redactor.across(outputs))
        return [
            self._with_outputs(cell, [next(masked) for _ in cell.get("outputs", ())])
            for cell in cells
        ]

    def _with_outputs(
        self, cell: "NotebookNode", outputs: Sequence[Mapping[str, object]]
    ) -> "NotebookNode":
        if all(new is old for new, old in zip(outputs, cell.get("outputs", ()), strict=True)):
            return cell
        return _node({**cell, "outputs": outputs})


def _joined(written: Sequence[str]) -> str:
    return f"[{','.join(written)}]"


def _readings(output: Mapping[str, object]) -> Iterator[str]:
    """Yield all texts in an output, as they are written and as they are read."""
    for text in _texts(output):
        yield text
        if (view := without_colours(text)) is not None:
            yield view.text
        if "<" in text or "&" in text:
            yield as_read(text)


def _texts(value: object) -> Iterator[str]:
    """Yield all texts in JSON data, keys and numbers too; a text in lines as one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield name
            if not is_binary(name):
                yield from _texts(item)
    elif isinstance(value, list):
        lines = [item for item in value if isinstance(item, str)]
        if len(lines) == len(value) > 0:
            yield "".join(lines)
        if not all(line.endswith("\n") for line in lines[:-1]) or len(lines) < len(value):
            for item in value:
                yield from _texts(item)
    elif isinstance(value, int | float):
        yield str(value)


def _node(content: Mapping[str, Any]) -> "NotebookNode":
    """Return content as nbformat's own type; a kernel begins long before it needs that."""
    from nbformat import from_dict

    node = from_dict(content)  # type: ignore[no-untyped-call]  # nbformat is untyped
    return cast("NotebookNode", node)
