"""MkDocs hook: looks at the built pages, notebooks included, as a browser would.

``mkdocs --strict`` checks neither links inside notebooks nor what a page loads. Each link into the
site must lead to a file and, with a fragment, to a place in it; nothing may be loaded from another
host. Every fault is a warning, which a strict build turns into a failure.
"""

import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from mkdocs.config.defaults import MkDocsConfig

log = logging.getLogger("mkdocs.hooks.links")

LOADS = {
    ("audio", "src"), ("embed", "src"), ("iframe", "src"), ("img", "src"), ("input", "src"),
    ("link", "href"), ("object", "data"), ("script", "src"), ("source", "src"), ("video", "src"),
}  # fmt: skip
RELATIONS_NOT_LOADED = {"alternate", "canonical", "next", "prev"}
FOREIGN_IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")

FOREIGN_IN_SCRIPT = re.compile(r"""\b(?:import|from)\s*\(?\s*["'`](https?://[^"'`]+)""")


class Page(HTMLParser):
    """What a built page offers and asks for.

    Attributes:
        places: Values of all ``id`` and ``name`` attributes.
        links: Targets of all links.
        loads: Addresses that a browser fetches when it shows the page.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one tag offers and asks for."""
        values = {name: value or "" for name, value in attrs}
        self._inside = tag
        self.places |= {values[name] for name in ("id", "name") if values.get(name)}
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


def faults(site: Path) -> list[str]:
    """Return one sentence for each dead link and each foreign address under ``site``; read-only."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    found: list[str] = []
    for path, page in pages.items():
        name = path.relative_to(site)
        found += [f"{name} loads {address}" for address in page.loads if _is_foreign(address)]
        if path.name != "404.html":  # its links are absolute, for whatever address was asked
            found += [
                f"{name} links to {link}, which does not exist"
                for link in [*page.links, *page.loads]
                if not _leads_somewhere(link, path, pages)
            ]
    for path in sorted(site.rglob("*.css")):
        foreign = FOREIGN_IN_CSS.findall(path.read_text("utf-8"))
        found += [f"{path.relative_to(site)} loads {address}" for address in foreign]
    return found


def _is_foreign(address: str) -> bool:
    return bool(urlsplit(address).netloc)


def _leads_somewhere(link: str, source: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    path, fragment = urldefrag(unquote(link))
    target = (source.parent / urlsplit(path).path).resolve() if path else source
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return False
    return not fragment or target not in pages or fragment in pages[target].places


def on_post_build(*, config: MkDocsConfig) -> None:
    """Warn of every fault in the site that was just built."""
    for fault in faults(Path(config.site_dir).resolve()):
        log.warning(fault)
