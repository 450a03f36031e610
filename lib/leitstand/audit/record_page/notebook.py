"""The executed notebook as harmless HTML: prose, code and what each cell showed."""

import base64
import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from leitstand.audit.record_page.safe_html import IMAGE, safe_html
from leitstand.audit.record_page.words import counted, visible

__all__ = ["ShownCell", "cells_of"]

_DEEPER: Final = 2
"""The page has an H1 and the notebook's section an H2."""
_MOST_TEXT: Final = 60_000
_MOST_HTML: Final = 120_000
_MOST_IMAGE: Final = 4_000_000
_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_IMAGES: Final = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")

Data = Mapping[str, Any]


@dataclass(frozen=True)
class ShownCell:
    """A cell of the notebook.

    Attributes:
        count: Its execution count; empty for prose and for a cell that did not run.
        code: Its source, of a code cell.
        html: Prose, or the outputs; harmless.
        outputs: How many outputs there are.
        failed: Whether an error ended it.
    """

    count: str = ""
    code: str | None = None
    html: str = ""
    outputs: int = 0
    failed: bool = False


def cells_of(content: bytes) -> list[ShownCell] | None:
    """Return the cells of a notebook (nbformat 4); None when it is none."""
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return None
    shown = [_cell(cell) for cell in cells if isinstance(cell, dict)]
    return [cell for cell in shown if cell.code is not None or cell.html]


def _cell(cell: Data) -> ShownCell:
    source = _text(cell.get("source"))
    match cell.get("cell_type"):
        case "markdown":
            return ShownCell(html=_markdown(source))
        case "code":
            outputs = cell.get("outputs")
            outputs = (
                [o for o in outputs if isinstance(o, dict)] if isinstance(outputs, list) else []
            )
            count = cell.get("execution_count")
            return ShownCell(
                str(count) if isinstance(count, int) else "",
                _cut(source),
                "".join(map(_output, outputs)),
                len(outputs),
                any(output.get("output_type") == "error" for output in outputs),
            )
    return ShownCell(html=_pre(source)) if source.strip() else ShownCell()


def _output(output: Data) -> str:
    match output.get("output_type"):
        case "stream":
            errors = output.get("name") == "stderr"
            return _pre(_text(output.get("text")), "strom fehler" if errors else "strom")
        case "error":
            lines = output.get("traceback")
            told = [_text(line) for line in lines] if isinstance(lines, list) else []
            name = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
            return _pre("\n".join(told) if told else name, "strom fehler")
        case "display_data" | "execute_result" | "update_display_data":
            data = output.get("data")
            return _bundle(data if isinstance(data, dict) else {})
    return ""


def _bundle(data: Data) -> str:
    """Show the best form that the page can show."""
    forms: list[tuple[str, Callable[[str], str]]] = [
        ("text/html", _foreign),
        *((mime, _image_of(mime)) for mime in _IMAGES),
        ("text/markdown", lambda text: f'<div class="blatt">{_markdown(text)}</div>'),
        ("text/plain", _pre),
    ]
    for mime, show in forms:
        if mime in data and (shown := show(_text(data[mime]))):
            return shown
    kinds = ", ".join(sorted(map(str, data))[:5])
    return _note(f"Eine Ausgabe, die diese Seite nicht zeigen kann ({kinds}).") if data else ""


def _foreign(text: str) -> str:
    """Return HTML of an output on a sheet of its own; none where it is too long or has no rest."""
    if len(text) > _MOST_HTML:
        return ""
    shown = safe_html(text, deeper=_DEEPER)
    if "<img" not in shown and not re.sub(r"<[^>]*>", "", shown).strip():
        return ""
    return f'<div class="blatt">{shown}</div>'


def _image_of(mime: str) -> Callable[[str], str]:
    def show(text: str) -> str:
        if mime == "image/svg+xml":
            text = base64.b64encode(text.encode("utf-8", "replace")).decode()
        source = f"data:{mime};base64,{''.join(text.split())}"
        if len(source) > _MOST_IMAGE or not IMAGE.fullmatch(source):
            return ""
        return f'<div class="blatt"><img src="{source}" alt="Bild, das die Zelle zeigte"></div>'

    return show


def _markdown(text: str) -> str:
    if len(text) > _MOST_TEXT:
        return _pre(text)
    import mistune

    try:
        # Its own HTML is left to the one place that knows what is harmless.
        made = mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])(text)
    except RecursionError:
        return _pre(text)
    return safe_html(str(made), deeper=_DEEPER)


def _pre(text: str, kind: str = "strom") -> str:
    text = _ANSI.sub("", text[: 2 * _MOST_TEXT]) if "\x1b" in text else text
    if not text.strip():
        return ""
    return f'<pre class="{kind}" tabindex="0">{html.escape(visible(_cut(text)), quote=False)}</pre>'


def _note(text: str) -> str:
    return f'<p class="leise">{html.escape(visible(text))}</p>'


def _cut(text: str) -> str:
    if len(text) <= _MOST_TEXT:
        return text
    left = counted(len(text) - _MOST_TEXT, "Zeichen", "Zeichen")
    return f"{text[:_MOST_TEXT]}\n… gekürzt um {left}; ganz steht es im Notebook des Belegs."


def _text(value: object) -> str:
    """Return a multiline string of nbformat, which may be a list of lines."""
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""
