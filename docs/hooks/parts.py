"""MkDocs hook: holds the pages of the section Architektur to their form.

Each has one title, a sentence under it, and exactly three parts: Warum, Wie, Schritte. Every fault
is a warning, which a strict build turns into a failure.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

__all__ = ["PARTS", "SECTION", "faults", "on_page_markdown", "pages_of"]

log = logging.getLogger("mkdocs.hooks.parts")

PARTS = ("Warum", "Wie", "Schritte")
SECTION = "Architektur"
"""Name of the section in the navigation of mkdocs.yml."""

FENCED = re.compile(r"^([ \t]*)(`{3,}|~{3,}).*?^\1\2[`~]*[ \t]*$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
HEADING = re.compile(r"^(#{1,2})[ \t]+(.+?)[ \t]*#*[ \t]*$")
ATTRIBUTES = re.compile(r"[ \t]*\{[^}]*\}$")


def faults(markdown: str) -> list[str]:
    """Return what is wrong with the form of an architecture page, one predicate for each fault.

    Args:
        markdown: The page, without front matter.
    """
    titles, parts, below = [], [], {"": ""}
    for level, heading, text in _sections(markdown):
        if level == 1:
            titles.append(heading)
            below[""] += text
        elif level == 2:
            parts.append(heading)
            below[heading] = text
        elif text.strip():
            below[""] += text
    found = []
    if len(titles) != 1:
        found.append(f"has {len(titles)} titles instead of one")
    if not below[""].strip():
        found.append("has no sentence under its title")
    found += [f"has no part {part}" for part in PARTS if part not in parts]
    found += [
        f"has a part {part}, which is none of the three" for part in parts if part not in PARTS
    ]
    found += [f"has the part {part} more than once" for part in PARTS if parts.count(part) > 1]
    if not found and tuple(parts) != PARTS:
        found.append("has its parts in another order")
    found += [f"says nothing under {part}" for part in PARTS if not below.get(part, part).strip()]
    return found


def pages_of(nav: Sequence[Any] | None, section: str = SECTION) -> list[str]:
    """Return the pages of a section of the navigation, as it stands in mkdocs.yml."""
    return [
        path
        for entry in nav or ()
        if isinstance(entry, Mapping)
        for title, below in entry.items()
        if title == section
        for path in _paths(below)
    ]


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Warn of every fault in the form of an architecture page; the page stays as it is."""
    path = page.file.src_uri
    if path in pages_of(config.nav):
        for fault in faults(markdown):
            log.warning("%s %s", path, fault)
    return markdown


def _sections(markdown: str) -> Iterator[tuple[int, str, str]]:
    """Yield level, heading and text of everything under a heading of level 1 or 2.

    What stands before the first heading has level 0; code is text, whatever it looks like.
    """
    level, heading, text = 0, "", ""
    plain = COMMENT.sub("", FENCED.sub("Code", markdown))
    for line in plain.splitlines():
        match = HEADING.match(line)
        if match is None:
            text += f"{line}\n"
            continue
        yield level, heading, text
        level, heading, text = len(match[1]), ATTRIBUTES.sub("", match[2]), ""
    yield level, heading, text


def _paths(below: Any) -> Iterator[str]:
    """Yield every path of a part of the navigation."""
    if isinstance(below, str):
        yield below
    elif isinstance(below, Mapping):
        for value in below.values():
            yield from _paths(value)
    elif isinstance(below, Sequence):
        for entry in below:
            yield from _paths(entry)
