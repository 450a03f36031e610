"""A person and a browser: JupyterLab, and what of a run stays when the browser does not."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from leitstand.audit.journal import Journal
from tests.fixtures.command import Command
from tests.fixtures.jupyterlab import Lab, Tab, browser, lab
from tests.fixtures.lab import small_production
from tests.fixtures.provisioning import eventually

RUNBOOK = "maintenance_mode"
SECONDS = 90.0

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Command]:
    with small_production(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture(scope="module")
def served(command: Command) -> Iterator[Lab]:
    with lab(command, RUNBOOK) as made:
        yield made


@pytest.fixture(scope="module")
def window(chromium: str) -> Iterator[Browser]:
    with browser(chromium) as made:
        yield made


@pytest.fixture
def tab(window: Browser, served: Lab) -> Iterator[Tab]:
    """A tab with the runbook; the kernel is the one that the notebook has."""
    page = window.new_page(viewport={"width": 1200, "height": 900}, locale="de-DE")
    yield Tab(page).open(served)
    if not page.is_closed():
        page.close()


def runs(command: Command) -> list[Path]:
    """Directories of the runs that have begun, oldest first."""
    begun = [run for run in command.runs if events(run)]
    return sorted(begun, key=lambda run: str(events(run)[0]["at"]))


def events(run: Path) -> list[dict[str, Any]]:
    return [dict(event) for event in Journal(run / "journal.jsonl")]


def named(run: Path, name: str) -> list[dict[str, Any]]:
    return [event for event in events(run) if event["event"] == name]


def parameters(tab: Tab, *, on: bool) -> None:
    """Let the run change something."""
    index = tab.cell("apply: bool")
    kept = [
        line for line in tab.source(index).splitlines() if not line.startswith(("on:", "apply:"))
    ]
    tab.write(index, "\n".join([*kept, f"on: bool = {on}", "apply: bool = True"]))


def code(tab: Tab) -> list[int]:
    """Numbers of the code cells, in order."""
    return [number for number, (kind, _) in enumerate(tab.cells()) if kind == "code"]


def eventually_over(run: Path) -> None:
    end = time.monotonic() + SECONDS
    while not (run / "record.json").exists() and time.monotonic() < end:
        if named(run, "run.completed"):
            return
        time.sleep(0.2)
    assert named(run, "run.completed")


def test_the_page_asks_its_server_for_no_news_and_no_build(window: Browser, served: Lab) -> None:
    asked: list[str] = []
    page = window.new_page()
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    Tab(page).open(served)
    page.wait_for_load_state("networkidle")
    page.close()
    assert "/lab/api/settings" in asked
    assert [] == [path for path in asked if {"news", "update", "build"} & set(path.split("/"))]


def test_what_a_kernel_shows_reaches_its_server_encrypted(tab: Tab, served: Lab) -> None:
    kernels = [json.loads(path.read_text()) for path in served.runtime.glob("kernel-*.json")]
    assert kernels
    assert all(kernel["curve_secretkey"] for kernel in kernels)
    assert "encryption" not in served.terminal.read_text("utf-8")


def test_run_all_leaves_a_record_though_nobody_saves_and_the_state_stands_on_top(
    command: Command, tab: Tab
) -> None:
    parameters(tab, on=True)
    tab.run_all()
    (run,) = runs(command)
    assert named(run, "run.completed")
    state = tab.shown(tab.cell('begin("'))
    assert "Ausführen" in state
    assert "✓" in state
    sources = [cell["source"] for cell in json.loads((run / "notebook.ipynb").read_text())["cells"]]
    assert any("apply: bool = True" in "".join(source) for source in sources)
    verified = command("audit", "verify")
    assert (0, "") == (verified.code, verified.problems)


def test_after_a_restart_of_the_kernel_the_same_run_goes_on_and_acts_once(
    command: Command, tab: Tab
) -> None:
    parameters(tab, on=False)
    *before, _, _ = code(tab)  # all but verification and end
    for number in before:
        tab.run(number)
    run = runs(command)[-1]
    intents = [event["id"] for event in named(run, "action.intent")]
    assert intents
    tab.restart()
    tab.run_all()
    assert run == runs(command)[-1]
    assert named(run, "run.resumed")
    assert intents == [event["id"] for event in named(run, "action.intent")]
    assert named(run, "run.completed")


def test_a_closed_browser_ends_nothing(command: Command, tab: Tab) -> None:
    parameters(tab, on=True)
    count = len(runs(command))
    tab.begin_all()
    end = time.monotonic() + SECONDS
    while len(runs(command)) == count and time.monotonic() < end:
        time.sleep(0.1)
    tab.page.close()
    run = runs(command)[-1]
    eventually_over(run)
    shown = run / "notebook.ipynb"  # written once the last cell has ended
    assert eventually(lambda: shown.is_file() and "ist freigegeben" in shown.read_text("utf-8"))


def test_two_tabs_on_one_notebook_share_the_run_and_act_once(
    command: Command, tab: Tab, window: Browser, served: Lab
) -> None:
    parameters(tab, on=False)
    *first, change, _, _ = code(tab)
    for number in first:
        tab.run(number)
    run = runs(command)[-1]
    page = window.new_page(viewport={"width": 1200, "height": 900}, locale="de-DE")
    other = Tab(page).open(served)
    parameters(other, on=False)
    tab.begin(change)
    other.run(change)
    tab.run(change)
    assert run == runs(command)[-1]
    ids = [event["id"] for event in named(run, "action.intent")]
    assert sorted(set(ids)) == sorted(ids)
    assert "schon getan" in tab.shown(change)
    page.close()
