"""MkDocs hook: names what a screen reader reads out, and what theme and Markdown leave without one.

The search is a dialog with a name; a part of the navigation is called what stands above it, for the
label it refers to does not exist where a section has a page of its own; a table's empty corner is a
cell like others, not the head of a column.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority

__all__ = ["named", "on_post_build", "on_post_page"]

SEARCH = '<div class="md-search" data-md-component="search" role="dialog"'
PART = re.compile(
    r'(?P<tag><nav class="md-nav" data-md-level="\d+") aria-labelledby="[^"]+"'
    r'(?P<rest>[^>]*>\s*<label class="md-nav__title"[^>]*>\s*<span [^>]*></span>\s*)'
    r"(?P<title>.*?)(?P<end>\s*</label>)",
    re.DOTALL,
)
TAG = re.compile(r"<[^>]+>")
CORNER = re.compile(r"<th(?: [^>]*)?>\s*</th>")


def named(page: str) -> str:
    """Return a finished page in which everything has its name."""
    page = page.replace(f"{SEARCH}>", f'{SEARCH} aria-label="Suche">')
    page = PART.sub(_part, page)
    return CORNER.sub("<td></td>", page)


def on_post_page(output: str, **_: Any) -> str:
    """Name what a finished page leaves without a name."""
    return named(output)


@event_priority(-80)  # after other hooks have put their pages there
def on_post_build(*, config: MkDocsConfig, **_: Any) -> None:
    """Name the same in pages that MkDocs has not made: those of records."""
    for path in Path(config.site_dir).glob("nachweise/*/*.html"):
        page = path.read_text("utf-8")
        if (better := named(page)) != page:
            path.write_text(better, "utf-8")


def _part(match: re.Match[str]) -> str:
    title = " ".join(TAG.sub(" ", match["title"]).split()).replace('"', "&quot;")
    return f'{match["tag"]} aria-label="{title}"{match["rest"]}{match["title"]}{match["end"]}'
