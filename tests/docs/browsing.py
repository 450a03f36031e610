"""A browser that looks at the built site: served on loopback, every page visited once."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Page, Request, sync_playwright

__all__ = ["DESK", "PHONE", "Visit", "browser", "kinds", "names", "served", "violations", "visits"]

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
RECORDS = 3
"""How many pages of records are visited."""

ARGUMENTS = ("--no-sandbox", "--disable-quic", "--disable-gpu")

ELEMENT = re.compile(r'<(\w+)(?:[^>]*?\sclass="([^"]*)")?')

AXE = """async (rules) => (await axe.run(document, {
    resultTypes: ["violations"], ...(rules && {runOnly: {type: "rule", values: rules}}),
})).violations.flatMap(({id, nodes}) => nodes.map(({target, failureSummary}) =>
    `${id}: ${target.join(" ")} ${failureSummary.split("\\n").at(-1).trim()}`))"""


@dataclass(frozen=True)
class Visit:
    """What one page did in a browser.

    Attributes:
        size: Bytes of all files that it asked for; the server does not compress.
        foreign: Requests to other hosts.
        faults: What failed to load, and errors of scripts.
        width: Of its content on a phone, in CSS pixels.
        violations: What axe found, in light and in dark colours; only where it was to look.
    """

    size: int
    foreign: tuple[str, ...]
    faults: tuple[str, ...]
    width: int
    violations: tuple[str, ...]


class _Handler(SimpleHTTPRequestHandler):
    """Serves files, and keeps no log."""

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """A browser that has left a page hangs up; that is no error."""

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a directory on loopback and yield its address."""
    with _Server(("127.0.0.1", 0), partial(_Handler, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def browser(chromium: str) -> Iterator[Browser]:
    """Start the system's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield started
        started.close()


def names(site: Path) -> list[str]:
    """Return the names of all pages; of the records, which one template makes, the largest."""
    paths = [path for path in sorted(site.rglob("*.html")) if path.name != "404.html"]
    records = [path for path in paths if path.parent.parent.name == "nachweise"]
    records.sort(key=lambda path: path.stat().st_size)
    left_out = set(records[:-RECORDS])
    return [str(path.relative_to(site)) for path in paths if path not in left_out]


def kinds(pages: Mapping[str, str]) -> list[str]:
    """Return few and small pages that together hold every kind of element there is.

    Args:
        pages: The pages' HTML by name.
    """
    holds = {
        name: {(tag, word) for tag, words in ELEMENT.findall(html) for word in ("", *words.split())}
        for name, html in pages.items()
    }
    missing = set[tuple[str, str]]().union(*holds.values())
    chosen = []
    while missing:
        best = max(holds, key=lambda name: len(holds[name] & missing) / len(pages[name]))
        missing -= holds.pop(best)
        chosen.append(best)
    return sorted(chosen)


def visits(site: Path, chromium: str) -> dict[str, Visit]:
    """Visit every page once; let axe look at one of each kind."""
    checked = kinds({name: (site / name).read_text("utf-8") for name in names(site)})
    with served(site) as address, browser(chromium) as started:
        page = started.new_page(viewport=PHONE)
        log = _Log(page, address, site)
        return {name: log.visit(name, axe=name in checked) for name in names(site)}


def violations(page: Page) -> list[str]:
    """Return what axe finds on a page in light and in dark colours, each with its place."""
    page.add_style_tag(content="* { transition: none !important }")  # colours change at once
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = []
    for scheme, rules in (("default", None), ("slate", ["color-contrast"])):
        page.evaluate("scheme => { document.body.dataset.mdColorScheme = scheme }", scheme)
        found += [f"{scheme}: {fault}" for fault in page.evaluate(AXE, rules)]
    return found


class _Log:
    """Notes what a page asks for."""

    def __init__(self, page: Page, address: str, site: Path) -> None:
        self._page, self._address, self._site = page, address, site
        self._asked: list[str] = []
        self._faults: list[str] = []
        page.on("request", self._note)
        page.on("requestfailed", self._failed)
        page.on("pageerror", lambda error: self._faults.append(str(error)))

    def visit(self, name: str, *, axe: bool) -> Visit:
        """Open a page, at the width of a phone."""
        self._asked.clear()
        self._faults.clear()
        self._page.goto(f"{self._address}/{name}")
        width = self._page.evaluate("document.documentElement.scrollWidth")
        found = []
        if axe:
            self._page.set_viewport_size(DESK)  # which shows all parts of the navigation
            found = violations(self._page)
            self._page.set_viewport_size(PHONE)
        own = [url for url in self._asked if url.startswith(f"{self._address}/")]
        paths = {self._site / unquote(urlsplit(url).path).lstrip("/") for url in own}
        size = sum(path.stat().st_size for path in paths if path.is_file())
        missing = [f"missing: {path}" for path in sorted(paths) if not path.is_file()]
        foreign = tuple(url for url in self._asked if url not in own)
        return Visit(size, foreign, (*self._faults, *missing), width, tuple(found))

    def _note(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self._asked.append(request.url)

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # as all are when the next page opens
            self._faults.append(f"{request.failure}: {request.url}")
