"""Browser pictures: JupyterLab while a runbook is executed, and pages of finished runs."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from picture_stage import PictureFailed, Stage
from picture_terminal import INTO_TERMINAL

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["Lab", "chromium", "lab", "photograph", "window"]

WIDTH, HEIGHT = 1120, 760
FLAGS = ("--no-sandbox", "--disable-quic", "--hide-scrollbars")
COLOURS = 128
MOST_BYTES = 150_000
SECONDS = 60.0
FOREIGN = re.compile(r"^https?://(?!127\.0\.0\.1[:/])")
"""What no picture waits for: the notebook's page of nbconvert asks for a library."""

READY = """() =>
  window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle"
"""
"""Whether a kernel waits: without one, JupyterLab executes nothing and says nothing."""

RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
EXPOSED = {"LabApp": {"expose_app_in_browser": True}}
"""Lets a page call JupyterLab's commands: only they tell when the last cell has ended."""

NEUTRAL = """
([names, person]) => {
  const account = new RegExp("(?<![\\w-])" + person + "(?![\\w-])", "g");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (const [path, name] of names) node.data = node.data.replaceAll(path, name);
    node.data = node.data.replace(account, "Sie");
  }
  return document.body.innerText;
}
"""


def chromium() -> str | None:
    """Return the path of the system's Chromium; None where there is none, or nothing drives it."""
    with suppress(ImportError):
        import playwright.sync_api  # noqa: F401

        return next(filter(None, map(which, ("chromium", "chromium-browser"))), None)
    return None


@contextmanager
def window(executable: str) -> Iterator["Page"]:
    """Give an empty page of a headless Chromium that ends with the block.

    Raises:
        PictureFailed: the page did not show what was waited for.
    """
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", locale="de-DE"
            )
            page.set_default_timeout(SECONDS * 1000)
            page.route(FOREIGN, lambda route: route.abort())
            yield page
        except Error as error:
            raise PictureFailed(f"The browser: {error}") from error
        finally:
            browser.close()


def photograph(page: "Page", stage: Stage, name: str) -> None:
    """Keep what the window shows as the picture of that name.

    Raises:
        PictureFailed: it would say something about this machine, or is too large.
    """
    from PIL import Image

    from leitstand.notebook.operators import process_account

    shown = page.evaluate(NEUTRAL, [list(stage.names.items()), re.escape(process_account())])
    stage.check(name, str(shown))
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    path = stage.target / f"{name}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        raise PictureFailed(f"The picture {name} has {path.stat().st_size} bytes.")


class Lab:
    """JupyterLab with one runbook in a window.

    Args:
        page: The window.
    """

    def __init__(self, page: "Page") -> None:
        self._page = page

    def open(self, address: str) -> None:
        """Open the runbook, and make room for it."""
        self._page.goto(address)
        self._page.locator(".jp-RenderedMarkdown h1").first.wait_for()
        self._page.keyboard.press("Control+b")  # closes the list of files

    def run_all(self) -> None:
        """Execute all cells, and wait until the last one has ended."""
        self._page.wait_for_function(READY)
        self._page.evaluate(RUN_ALL)

    def set_apply(self) -> None:
        """Let the parameters say that changes are carried out."""
        line = self._page.locator(".cm-line", has_text="apply: bool = False")
        line.get_by_text("False", exact=True).dblclick()
        self._page.keyboard.type("True")
        self._page.locator(".cm-line", has_text="apply: bool = True").wait_for()

    def show(self, text: str) -> None:
        """Scroll until a text stands near the top of the window."""
        place = self._page.locator(f"p:visible:has-text('{text}')").first
        place.evaluate("e => e.scrollIntoView({block: 'start'})")
        self._page.wait_for_timeout(500)  # while the notebook scrolls


@contextmanager
def lab(stage: Stage, runbook: str) -> Iterator[str]:
    """Let JupyterLab serve a runbook during the block, and give its address with the token.

    Raises:
        PictureFailed: it does not.
    """
    settings = stage.home / "jupyter"
    settings.mkdir(exist_ok=True)
    (settings / "jupyter_lab_config.json").write_text(json.dumps(EXPOSED))
    master, slave = pty.openpty()  # whose end ends JupyterLab, however this build ends
    with open(stage.home / "lab.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", INTO_TERMINAL, "lab", runbook, "--no-browser"],
            cwd=stage.root, env=stage.environment, start_new_session=True,
            stdin=slave, stdout=log, stderr=log,
        )  # fmt: skip
    os.close(slave)
    try:
        yield _address(stage, process, runbook)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(master)


def _address(stage: Stage, process: "subprocess.Popen[bytes]", runbook: str) -> str:
    runtime = Path(stage.environment["JUPYTER_RUNTIME_DIR"])
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None and not stage.stopped.is_set():
        for path in runtime.glob("jpserver-*.json"):
            with suppress(ValueError):  # half written
                server = json.loads(path.read_text("utf-8"))
                return f"{server['url']}lab/tree/{runbook}.ipynb?token={server['token']}"
        time.sleep(0.2)
    raise PictureFailed("JupyterLab did not start.")
