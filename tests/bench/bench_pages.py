"""The site as a reader gets it: how soon a runbook's page shows, and what the largest page takes.

Exit code 1 when a figure is above its target. The browser keeps nothing from one view to the next,
and the best of some views counts, since the question is what the work takes.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.docs.browsing import DESK, browser, served, visits
from tests.fixtures.site import ROOT, build

VIEW_SECONDS, PAGE_BYTES = 1.5, 1_000_000
VIEWS = 5

SHOWN = """() => new Promise((resolve) => new PerformanceObserver((list) => resolve([
    Math.max(...list.getEntries().map((entry) => entry.startTime)) / 1000,
    performance.getEntriesByType("navigation")[0].loadEventEnd / 1000,
])).observe({type: "largest-contentful-paint", buffered: true}))"""


def main() -> int:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        print("Chromium is not installed: pages are not looked at.")
        return 0
    with tempfile.TemporaryDirectory(prefix="leitstand-bench-") as place:
        site = Path(place) / "site"
        build(site)
        shown, loaded, name = first_view(site, chromium)
        sizes = {page: visit.size for page, visit in visits(site, chromium).items()}
    largest = max(sizes, key=lambda page: sizes[page])
    print(f"First view of {name}: {shown:.2f} s to its largest part, {loaded:.2f} s to the end")
    print(f"    target {VIEW_SECONDS} s, best of {VIEWS} views, headless Chromium")
    print(f"Largest page: {largest}, {sizes[largest] / 1000:.0f} kB with all that it loads")
    print(f"    target {PAGE_BYTES // 1000} kB, {len(sizes)} pages, nothing compressed")
    return int(max(shown, loaded) > VIEW_SECONDS or sizes[largest] > PAGE_BYTES)


def first_view(site: Path, chromium: str) -> tuple[float, float, str]:
    """Return the seconds until the largest runbook shows and until it has loaded, and its name."""
    names = [path.stem for path in (ROOT / "runbooks").glob("*.ipynb")]
    runbooks = [site / "runbooks" / f"{name}.html" for name in names]
    largest = max(runbooks, key=lambda path: path.stat().st_size)
    name = str(largest.relative_to(site))
    with served(site) as address, browser(chromium) as started:
        views = []
        for _ in range(VIEWS):
            context = started.new_context(viewport=DESK)  # type: ignore[arg-type]  # a ViewportSize
            views.append(_view(context.new_page(), f"{address}/{name}"))
            context.close()
    return min(shown for shown, _ in views), min(loaded for _, loaded in views), name


def _view(page: Page, url: str) -> tuple[float, float]:
    page.goto(url)
    shown, loaded = page.evaluate(SHOWN)
    return shown, loaded


if __name__ == "__main__":
    sys.exit(main())
