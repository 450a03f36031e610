"""What readers do with the site: search, colours, keyboard, paper, and no server at all."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.docs.browsing import DESK, PHONE, browser, served

pytestmark = pytest.mark.browser

PAGE = "runbooks/release.html"
RESULTS = ".md-search-result__link"
FOUND = ".md-search-result__meta"

WORDS = {
    "ausrollen": "runbooks/release.html",
    "Abbilder": "runbooks/release.html",
    "zurückrollen": "runbooks/rollback.html",
    "Rückwege": "runbooks/",
    "Wiederherstellung": "runbooks/restore_drill.html",
    "Mandanten": "runbooks/onboard_tenant.html",
    "Warteschlangen": "runbooks/pause_queue.html",
    "Vorfälle": "runbooks/incident.html",
    "Produktionsumgebung": "runbooks/provision.html",
}
"""A word as somebody types it, and how the address of one of the first pages found begins."""

FIRST = 5

FOCUS = """() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return [document.activeElement.className || document.activeElement.tagName,
            outlineStyle !== "none" && parseFloat(outlineWidth) > 0];
}"""


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as started:
        yield started


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site) as address:
        yield address


@pytest.fixture
def page(chrome: Browser) -> Iterator[Page]:
    context = chrome.new_context(viewport=DESK, color_scheme="light", locale="de-DE")
    yield context.new_page()
    context.close()


def find(page: Page, word: str) -> list[str]:
    """Put a word into the open search and return the pages found, best first."""
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.wait_for_selector(f"{FOUND}:has-text('Suchbegriff eingeben')")
    page.keyboard.insert_text(word)
    page.keyboard.press("Shift")  # the search looks when a key goes up
    page.wait_for_selector(f"{RESULTS}, {FOUND}:has-text('Keine Suchergebnisse')", state="attached")
    links = page.eval_on_selector_all(RESULTS, "links => links.map(link => link.href)")
    return list(dict.fromkeys(link.partition("?")[0].partition("#")[0] for link in links))


@pytest.mark.parametrize("place", ["server", "file"])
def test_the_search_finds_runbooks_by_german_words(
    page: Page, site: Path, address: str, place: str
):
    root = address if place == "server" else site.as_uri()
    page.goto(f"{root}/index.html")
    page.keyboard.press("/")
    found = {word: find(page, word)[:FIRST] for word in WORDS}
    missed = {
        word: found[word]
        for word, target in WORDS.items()
        if not any(link.startswith(f"{root}/{target}") for link in found[word])
    }
    assert {} == missed


def test_code_and_outputs_of_runbooks_are_not_in_the_search(site: Path):
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    page = [part["text"] for part in index["docs"] if part["location"].startswith(PAGE)]
    assert any("Smoke-Tests" in text for text in page)
    assert not any("release.observe()" in text for text in page)


def test_the_search_index_comes_only_when_somebody_searches(page: Page, address: str):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(address)))
    page.goto(f"{address}/{PAGE}")
    page.wait_for_load_state("networkidle")
    assert "/search/search_index.json" not in asked
    with page.expect_response("**/search/search_index.json"):
        page.keyboard.press("/")


def test_dark_colours_come_with_the_system_or_a_click_and_stay(page: Page, address: str):
    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.goto(f"{address}/index.html")
    light = ground()
    page.click("label[title='Dunkle Farben']")
    page.wait_for_function(f"getComputedStyle(document.body).backgroundColor !== '{light}'")
    dark = ground()
    page.goto(f"{address}/{PAGE}")
    assert dark == ground()
    context = page.context.browser.new_context(color_scheme="dark")  # type: ignore[union-attr]
    other = context.new_page()
    other.goto(f"{address}/{PAGE}")
    assert dark == other.evaluate("getComputedStyle(document.body).backgroundColor")
    context.close()


def test_a_runbook_is_found_and_opened_with_the_keyboard_alone(page: Page, address: str):
    page.goto(f"{address}/index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.md-skip')")
    seen = []
    for _ in range(14):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUS))
    assert [] == [name for name, visible in seen if not visible and "md-option" not in name]
    reached = {word for name, _ in seen for word in name.split()}
    assert {"md-search__input", "md-tabs__link"} <= reached
    page.keyboard.press("/")
    page.keyboard.type("Einen Dienst ausrollen")
    page.wait_for_selector(RESULTS)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{PAGE}*")


def test_on_a_phone_the_keyboard_opens_the_menu_and_the_search(page: Page, address: str):
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/{PAGE}")
    for name, toggle in (("Menü", "#__drawer"), ("Suche", "#__search")):
        page.focus(f"button[aria-label={name}]")
        page.keyboard.press("Enter")
        assert page.is_checked(toggle)
        page.evaluate("toggle => document.querySelector(toggle).click()", toggle)


def test_a_copied_cell_is_the_code_alone(page: Page, address: str):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/{PAGE}")
    page.locator(".jp-CodeCell pre", has_text="release.observe()").hover()
    page.locator(".jp-CodeCell", has_text="release.observe()").locator("button").last.click()
    page.wait_for_selector(".md-dialog--active")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "observation = release.observe()" == copied.strip()


@pytest.mark.parametrize("name", [PAGE, "umgebungen/produktion.html"])
def test_a_printed_page_is_its_text_alone_with_everything_opened(
    page: Page, address: str, name: str
):
    page.goto(f"{address}/{name}")
    page.evaluate("document.body.dataset.mdColorScheme = 'slate'")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for hidden in (".md-header", ".md-sidebar--primary", ".md-sidebar--secondary"):
        assert not page.is_visible(hidden)
    folded = "article details:not([open]):not(.diagramm details)"
    assert 0 == page.locator(folded).count()
    picture = Image.open(io.BytesIO(page.screenshot())).convert("L")
    colours = picture.getcolors()
    assert colours is not None
    shades = {shade: count for count, shade in colours}
    assert shades.get(255, 0) > sum(shades.values()) / 2  # white paper, also of dark colours
    assert sum(count for shade, count in shades.items() if shade < 100) > 1000
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_diagram_is_drawn_named_and_rolls_inside_its_frame_on_a_phone(page: Page, address: str):
    page.set_viewport_size(PHONE)
    page.goto(f"{address}/umgebungen/produktion.html")
    drawing = page.locator(".diagramm svg").first
    assert "img" == drawing.get_attribute("role")
    assert drawing.get_attribute("aria-label")
    box = drawing.bounding_box()
    assert box is not None
    assert box["width"] > 200
    assert PHONE["width"] == page.evaluate("document.documentElement.scrollWidth")
