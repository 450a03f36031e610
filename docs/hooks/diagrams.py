"""MkDocs hook: shows a Mermaid diagram as the drawing that lies beside its source.

A fence ``mermaid`` becomes a figure with the drawing and, folded, the source. The drawing is the
one of docs/diagramme/ that was made from this very text; where there is none, the figure shows the
source alone, and a warning fails a strict build: ``nox -s diagrams`` draws.
"""

import hashlib
import html
import logging
import re
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig

__all__ = ["DIAGRAMS", "digest", "drawn", "figure", "on_config", "title_of"]

log = logging.getLogger("mkdocs.hooks.diagrams")

DIAGRAMS = Path(__file__).resolve().parents[1] / "diagramme"

TITLE = re.compile(r"^\s*(?:accTitle:|title:?|%%(?!\{))\s*(.+?)\s*$", re.MULTILINE)
DESCRIPTION = re.compile(r"^\s*accDescr:\s*(.+?)\s*$", re.MULTILINE)
SOURCE = re.compile(r'^<svg data-quelle="([^"]+)"')
MINIMUM = 0.75
"""A drawing shrinks to this part of its size, then it scrolls: its text must stay legible."""


def digest(source: str) -> str:
    """Return what tells whether a drawing was made from this text."""
    return f"sha256:{hashlib.sha256(source.strip().encode()).hexdigest()}"


def title_of(source: str) -> str:
    """Return what a diagram shows, in its own words: its ``accTitle`` or its first comment."""
    found = TITLE.search(source)
    return found[1] if found else "Diagramm"


def drawn(directory: Path = DIAGRAMS) -> dict[str, str]:
    """Return the drawings of a directory by the digest of their source; read-only."""
    drawings = [path.read_text("utf-8").strip() for path in sorted(directory.glob("*.svg"))]
    return {found[1]: svg for svg in drawings if (found := SOURCE.match(svg))}


def figure(source: str, drawings: dict[str, str]) -> str:
    """Return a diagram as HTML; its source alone where it has not been drawn."""
    title = title_of(source)
    described = DESCRIPTION.search(source)
    name = html.escape(f"{title}. {described[1]}" if described else title)
    text = f"<pre><code>{html.escape(source.strip())}</code></pre>"
    svg = drawings.get(digest(source))
    if svg is None:
        return f'<figure class="diagramm" aria-label="{name}">{text}</figure>'
    width = int(re.search(r' width="(\d+)"', svg)[1])  # type: ignore[index]  # drawing.py sets it
    svg = svg.replace(
        "<svg ", f'<svg aria-label="{name}" style="min-width:{int(width * MINIMUM)}px" ', 1
    )
    return (
        f'<figure class="diagramm"><div class="diagramm-flaeche" tabindex="0" role="group" '
        f'aria-label="{html.escape(title)}">{svg}</div>'
        f"<details data-search-exclude><summary>Quelltext</summary>{text}</details></figure>"
    )


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let fences ``mermaid`` become figures."""
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
    fences.setdefault("custom_fences", []).append(
        {"name": "mermaid", "class": "diagramm", "format": _format}
    )
    _drawings.cache_clear()
    return config


@cache
def _drawings() -> dict[str, str]:
    return drawn()


def _format(source: str, *_: Any, **__: Any) -> str:
    if digest(source) not in _drawings():
        log.warning("The diagram “%s” is not drawn: run nox -s diagrams", title_of(source))
    return figure(source, _drawings())
