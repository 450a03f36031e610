"""Links in notebooks, between them, and between notebooks and pages are checked as they are built.

MkDocs' strict mode does not look there; docs/hooks/links.py does, at every build.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.docs.referenced import ROOT, hook

RUNBOOKS = sorted(path.stem for path in (ROOT / "runbooks").glob("*.ipynb"))

GOOD = {
    "index.html": ("runbooks/release.html#ruckweg",),
    "runbooks/release.html": (
        "#ruckweg",
        "rollback.html#plan",
        "../referenz/fehler.html#UnknownRun",
    ),
}
BROKEN = {
    "index.html": ("runbooks/release.html#fort", "runbooks/fort.html"),
    "runbooks/release.html": (
        "#fort",
        "rollback.html#fort",
        "rollback.ipynb",
        "../referenz/fehler.html#Fort",
        "../fort.html",
    ),
}
"""Links by the page that gets them; a runbook's page links to itself, to runbooks and to pages."""


@pytest.fixture
def changed(site: Path, tmp_path: Path) -> Path:
    """A copy of the built site, which a test may change page by page."""
    return Path(shutil.copytree(site, tmp_path / "site", copy_function=os.link))


def add(site: Path, links: dict[str, tuple[str, ...]]) -> None:
    """Add links at the end of pages."""
    for name, targets in links.items():
        page = site / name
        anchors = "".join(f'<a href="{target}">hier</a>' for target in targets)
        html = page.read_text("utf-8").replace("</article>", f"{anchors}</article>")
        page.unlink()  # the file is the built site's own
        page.write_text(html, "utf-8")


def test_broken_links_in_and_to_runbooks_are_found_and_no_others(changed: Path):
    add(changed, GOOD)
    add(changed, BROKEN)
    assert sorted(
        f"{name} links to {link}, which does not exist"
        for name, links in BROKEN.items()
        for link in links
    ) == sorted(hook("links").faults(changed))


def test_a_link_is_found_whose_heading_in_a_runbook_was_renamed(changed: Path):
    page = changed / "runbooks" / "release.html"
    html = page.read_text("utf-8")
    assert 'href="#ruckweg"' in html
    page.unlink()
    page.write_text(html.replace('id="ruckweg"', 'id="umweg"'), "utf-8")
    faults = set(hook("links").faults(changed))
    assert "runbooks/release.html links to #ruckweg, which does not exist" in faults


@pytest.mark.parametrize("name", RUNBOOKS)
def test_every_heading_of_a_runbook_has_an_anchor_of_its_own(site: Path, name: str):
    html = (site / "runbooks" / f"{name}.html").read_text("utf-8")
    article = html.partition("<article")[2].partition("</article>")[0]
    headings = re.findall(r"<h[2-4]\b([^>]*)>", article)
    ids = [found[1] for found in (re.search(r'\bid="([^"]+)"', h) for h in headings) if found]
    assert len(headings) == len(ids) == len(set(ids))
