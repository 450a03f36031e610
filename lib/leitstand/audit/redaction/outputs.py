"""Outputs of cells and whole notebooks (nbformat 4): which part is masked in which way."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from leitstand.audit.redaction.pieces import masked_across
from leitstand.audit.redaction.tables import find_columns

if TYPE_CHECKING:
    from leitstand.audit.redaction.redactor import Redactor

__all__ = ["is_binary", "redacted_notebook", "redacted_output"]

_MARKUP = frozenset({"text/html", "image/svg+xml", "text/xml", "application/xml"})
_BINARY = ("image/", "audio/", "video/", "font/")
_BINARY_TYPES = frozenset({"application/pdf", "application/octet-stream", "application/zip"})
_LEARNT = 6
"""Fewest characters of what a table's column told, to be masked in the same table as text."""


def redacted_output(redactor: "Redactor", output: Mapping[str, object]) -> dict[str, object]:
    """Return an output with marks in the place of secrets."""
    result: dict[str, object] = {}
    for name, value in output.items():
        if name == "data" and isinstance(value, Mapping):
            result[name] = _bundle(redactor, value)
        elif name == "output_type":
            result[name] = value
        elif name in ("text", "traceback") and isinstance(value, list):
            result[name] = (
                _lines(redactor, value)
                if name == "text"
                else [_masked(redactor, item) for item in value]
            )
        else:
            result[name] = redactor.data(value)
    return result


def redacted_notebook(redactor: "Redactor", notebook: Mapping[str, object]) -> dict[str, object]:
    """Return a notebook with marks: sources, outputs, metadata, attachments."""
    result = {
        name: value if name in ("cells", "nbformat", "nbformat_minor") else redactor.data(value)
        for name, value in notebook.items()
    }
    cells = [dict(cell) for cell in cast(Sequence[Mapping[str, object]], result.get("cells", ()))]
    together = [
        output for cell in cells for output in cast(Sequence[object], cell.get("outputs") or ())
    ]
    masked = iter(masked_across(redactor, cast(list[Mapping[str, object]], together)))
    for cell in cells:
        if cell.get("outputs"):
            count = len(cast(Sequence[object], cell["outputs"]))
            cell["outputs"] = [redacted_output(redactor, next(masked)) for _ in range(count)]
        for name, value in cell.items():
            if name == "source" and isinstance(value, list):
                cell[name] = _lines(redactor, value)
            elif name == "attachments" and isinstance(value, Mapping):
                cell[name] = {
                    redactor.text(str(file)): _bundle(redactor, cast(Mapping[str, object], bundle))
                    for file, bundle in value.items()
                }
            elif name not in ("outputs", "id", "cell_type"):
                cell[name] = redactor.data(value)
    result["cells"] = cells
    return result


def _bundle(redactor: "Redactor", bundle: Mapping[str, object]) -> dict[str, object]:
    """Mask one thing in several forms; what the richer form told is masked in the plain one."""
    told: set[str] = set()
    masked: dict[str, object] = {}
    for kind in sorted(bundle, key=_richest_first):
        masked[kind] = _form(redactor, kind, bundle[kind], told)
    return {kind: masked[kind] for kind in bundle}


def _richest_first(kind: str) -> tuple[bool, bool, str]:
    return (not kind.endswith("json"), kind not in _MARKUP, kind)


def _form(redactor: "Redactor", kind: str, value: object, told: set[str]) -> object:
    if is_binary(kind):
        return value
    if isinstance(value, list) and not kind.endswith("json"):
        joined = _form(redactor, kind, "".join(map(str, value)), told)
        return str(joined).splitlines(keepends=True)
    if not isinstance(value, str):
        return redactor.data(value)
    if kind in _MARKUP:
        columns = list(find_columns(value))
        told |= {span.secret for span in columns if len(span.secret) >= _LEARNT}
        return redactor.html(value, columns)
    return redactor.text(redactor.repeated(value, told) if told else value)


def is_binary(kind: str) -> bool:
    """Say whether a form of an output is no text, such as an image."""
    return kind in _BINARY_TYPES or (kind.startswith(_BINARY) and kind not in _MARKUP)


def _lines(redactor: "Redactor", lines: list[object]) -> list[str]:
    return redactor.text("".join(map(str, lines))).splitlines(keepends=True)


def _masked(redactor: "Redactor", value: object) -> object:
    return redactor.text(value) if isinstance(value, str) else redactor.data(value)
