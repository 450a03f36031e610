"""The docs site: its own link check, its pages, and how they look on a phone."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", directory],
        cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    return directory


@pytest.fixture(scope="module")
def links() -> ModuleType:
    spec = importlib.util.spec_from_file_location("links", ROOT / "docs" / "hooks" / "links.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


def test_every_runbook_has_a_page(site: Path):
    names = {path.stem for path in (ROOT / "runbooks").glob("*.ipynb")}
    assert names == {path.stem for path in (site / "runbooks").glob("*.html")} - {"index"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">', "a.html links to gone.html, which does not exist"),
        ('<a href="b.html#gone">', "a.html links to b.html#gone, which does not exist"),
        ('<a href="#gone">', "a.html links to #gone, which does not exist"),
        ('<img src="gone.png">', "a.html links to gone.png, which does not exist"),
        ('<script src="https://cdn.example/x.js">', "a.html loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "a.html loads //cdn.example/x.css"),
        ("<style>@import 'https://x.example/y';</style>", "a.html loads https://x.example/y"),
        ("<script>import('https://x.example/y')</script>", "a.html loads https://x.example/y"),
    ],
)
def test_the_link_check_finds(links: ModuleType, tmp_path: Path, body: str, fault: str):
    (tmp_path / "a.html").write_text(body)
    (tmp_path / "b.html").write_text('<h2 id="here">')
    assert [fault] == links.faults(tmp_path)


def test_the_link_check_accepts_good_links_and_links_that_leave_the_site(
    links: ModuleType, tmp_path: Path
):
    targets = ("b.html", "b.html#here", "#top", "https://elsewhere.example/", "mailto:a@b.example")
    anchors = "".join(f'<a href="{target}">' for target in targets)
    (tmp_path / "a.html").write_text(f'<p id="top">{anchors}')
    (tmp_path / "b.html").write_text('<h2 id="here">')
    assert [] == links.faults(tmp_path)


@pytest.fixture(scope="module")
def looked_at(site: Path, chromium: str) -> dict[str, tuple[int, list[str]]]:
    """Each page's width on a phone, and what it asked other hosts for."""
    from playwright.sync_api import sync_playwright

    seen = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-quic"]
        )
        page = browser.new_page(viewport=PHONE)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in sorted(site.rglob("*.html")):
            if path.name != "404.html":
                asked.clear()
                page.goto(path.as_uri())
                width = page.evaluate("document.documentElement.scrollWidth")
                foreign = [url for url in asked if url.startswith("http")]
                seen[str(path.relative_to(site))] = (width, foreign)
        browser.close()
    return seen


@pytest.mark.browser
def test_no_page_is_wider_than_a_phone(looked_at: dict[str, tuple[int, list[str]]]):
    assert {} == {name: w for name, (w, _) in looked_at.items() if w > PHONE["width"]}


@pytest.mark.browser
def test_no_page_asks_another_host_for_anything(looked_at: dict[str, tuple[int, list[str]]]):
    assert {} == {name: foreign for name, (_, foreign) in looked_at.items() if foreign}
