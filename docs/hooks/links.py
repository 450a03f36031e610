"""MkDocs hook: looks at the built pages, notebooks included, as a browser would.

``mkdocs --strict`` checks neither links inside notebooks nor what a page loads. Each link into the
site must lead to a file and, with a fragment, to a place in it; nothing may be loaded from another
host. Every fault is a warning, which a strict build turns into a failure.

What a page offers and asks for is remembered under ``.cache`` by the page's digest, so that pages
that come again as they were, such as the records of runs, are read once.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from kept_files import write_whole
from mkdocs.config.defaults import MkDocsConfig

log = logging.getLogger("mkdocs.hooks.links")

__all__ = ["Memory", "Page", "faults", "on_post_build", "read"]

REMEMBERED = Path(".cache") / "site" / "links.json"
FORM = 1
"""Raised with every change of what a page is read for; other memories are forgotten."""

LOADS = {
    ("audio", "src"), ("embed", "src"), ("iframe", "src"), ("img", "src"), ("input", "src"),
    ("link", "href"), ("object", "data"), ("script", "src"), ("source", "src"), ("video", "src"),
}  # fmt: skip
FOOTER = re.compile(rb'<div class="md-copyright">.*?</div>', re.DOTALL)
"""Where a page says when it was built; it links to nothing."""

RELATIONS_NOT_LOADED = {"alternate", "canonical", "next", "prev"}
FOREIGN_IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")

FOREIGN_IN_SCRIPT = re.compile(r"""\b(?:import|from)\s*\(?\s*["'`](https?://[^"'`]+)""")


Target = Callable[[Path, str], Path | None]


@dataclass(frozen=True)
class Page:
    """What a built page offers and asks for.

    Attributes:
        places: Values of all ``id`` and ``name`` attributes.
        links: Targets of all links.
        loads: Addresses that a browser fetches when it shows the page.
    """

    places: frozenset[str]
    links: tuple[str, ...]
    loads: tuple[str, ...]


def read(html: str) -> Page:
    """Return what a page offers and asks for."""
    reading = _Reading(html)
    # What a page carries itself is fetched from nowhere, and may be a whole picture.
    loads = (address for address in reading.loads if not address.startswith("data:"))
    return Page(frozenset(reading.places), tuple(reading.links), tuple(loads))


class Memory:
    """Pages that were read before, by their digest; of those of the last time only.

    Args:
        path: Its file; nothing is remembered without.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._before = _remembered(path) if path is not None else {}
        self._now: dict[str, Page] = {}

    def read(self, path: Path) -> Page:
        """Return what a page offers and asks for; it is read unless it is remembered."""
        content = path.read_bytes()
        digest = hashlib.sha256(FOOTER.sub(b"", content)).hexdigest()
        page = self._before.get(digest) or read(content.decode("utf-8"))
        self._now[digest] = page
        return page

    def keep(self) -> None:
        """Write down what was read since; it is only a cache, so a torn file is none.

        Raises:
            OSError: it cannot be written.
        """
        if self._path is None or self._now.keys() == self._before.keys():
            return
        told = {d: [sorted(p.places), p.links, p.loads] for d, p in self._now.items()}
        write_whole(self._path, json.dumps({"form": FORM, "pages": told}))


class _Reading(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one tag offers and asks for."""
        self._inside = tag
        if not attrs:
            return
        values = {name: value or "" for name, value in attrs}
        self.places.update(values[name] for name in ("id", "name") if values.get(name))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") in RELATIONS_NOT_LOADED:
            return
        self.loads += [value for name, value in values.items() if (tag, name) in LOADS]
        self.loads += FOREIGN_IN_CSS.findall(values.get("style", ""))

    def handle_data(self, data: str) -> None:
        """Note what a style sheet or a script inside the page asks for."""
        if self._inside == "style":
            self.loads += FOREIGN_IN_CSS.findall(data)
        if self._inside == "script":
            self.loads += FOREIGN_IN_SCRIPT.findall(data)


def faults(site: Path, memory: Memory | None = None) -> list[str]:
    """Return one sentence for each dead link and each foreign address under ``site``; read-only.

    Args:
        site: Directory of the built site.
        memory: Of pages that were read before; every page is read without.
    """
    memory = memory or Memory()
    pages = {path: memory.read(path) for path in sorted(site.rglob("*.html"))}
    target = cache(_target)  # the navigation leads to the same pages from everywhere
    found: list[str] = []
    for path, page in pages.items():
        name = path.relative_to(site)
        found += [f"{name} loads {address}" for address in page.loads if _is_foreign(address)]
        if path.name != "404.html":  # its links are absolute, for whatever address was asked
            found += [
                f"{name} links to {link}, which does not exist"
                for link in [*page.links, *page.loads]
                if not _leads_somewhere(link, path, pages, target)
            ]
    for path in sorted(site.rglob("*.css")):
        foreign = FOREIGN_IN_CSS.findall(path.read_text("utf-8"))
        found += [f"{path.relative_to(site)} loads {address}" for address in foreign]
    return found


def _remembered(path: Path) -> dict[str, Page]:
    try:
        told = json.loads(path.read_bytes())
        if told["form"] != FORM:
            return {}
        return {
            digest: Page(frozenset(places), tuple(links), tuple(loads))
            for digest, (places, links, loads) in told["pages"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_foreign(address: str) -> bool:
    return bool(urlsplit(address).netloc)


def _leads_somewhere(link: str, source: Path, pages: Mapping[Path, Page], target: Target) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    path, fragment = urldefrag(unquote(link))
    found = target(source.parent, urlsplit(path).path) if path else source
    if found is None:
        return False
    return not fragment or found not in pages or fragment in pages[found].places


def _target(directory: Path, path: str) -> Path | None:
    """Return the file that a path leads to; None where there is none."""
    found = (directory / path).resolve()
    if found.is_dir():
        found /= "index.html"
    return found if found.exists() else None


def on_post_build(*, config: MkDocsConfig) -> None:
    """Warn of every fault in the site that was just built."""
    root = Path(config.config_file_path).resolve().parent
    memory = Memory(root / REMEMBERED)
    for fault in faults(Path(config.site_dir).resolve(), memory):
        log.warning(fault)
    memory.keep()
