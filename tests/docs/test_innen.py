"""The pages about the inside name only what is there, and name all of the house."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from leitstand.core.kind_table import KINDS
from tests.docs.test_reference_commands import COMMANDS, code_of
from tests.house.test_journal_page import written

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "lib" / "leitstand"
INSIDE = sorted((DOCS / "innen").glob("*.md"))
STAGING = DOCS / "einstieg" / "staging.md"
PAGES = [*INSIDE, DOCS / "einstieg" / "neues-runbook.md", STAGING]
PLACES = ("lib/", "tests/", "docs/", "config/", "runbooks/")
WRITTEN = written()
EVENTS = {event.partition(".")[0] for event in WRITTEN if "." in event}
NO_EVENTS = {"run.approve", "run.json"}
"""A verb of every runbook, and a file of every run."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


def spans(page: Path) -> list[str]:
    """Return the inline code of a page; blocks are left out."""
    text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


@cache
def definitions(word: str) -> frozenset[str]:
    """Return the names of everything that the library defines by a word: class or def."""
    texts = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    return frozenset(re.findall(rf"^ *{word} (\w+)", texts, re.MULTILINE))


@every_page
def test_a_module_that_a_page_names_can_be_imported(page: Path) -> None:
    named = {span for span in spans(page) if re.fullmatch(r"leitstand(\.\w+)+", span)}
    assert set() == {name for name in named if find_spec(name) is None}


@every_page
def test_a_path_that_a_page_names_is_there(page: Path) -> None:
    new = set(re.findall(r'title="([^"]+)"', page.read_text("utf-8")))  # what a reader makes
    paths = {span for span in spans(page) if span.startswith(PLACES)} - new
    assert set() == {path for path in paths if not (ROOT / path).exists()}


@every_page
def test_an_event_that_a_page_names_is_written_to_journals(page: Path) -> None:
    dotted = {span for span in spans(page) if re.fullmatch(r"[a-z]+\.[a-z_]+", span)}
    named = {name for name in dotted - NO_EVENTS if name.partition(".")[0] in EVENTS}
    assert set() == named - WRITTEN


@every_page
def test_a_class_or_function_that_a_page_names_is_defined(page: Path) -> None:
    capitals = {span for span in spans(page) if re.fullmatch(r"([A-Z][a-z]+){1,4}", span)}
    called = {span[:-2] for span in spans(page) if re.fullmatch(r"[a-z_]+\(\)", span)}
    assert set() == capitals - definitions("class")
    assert set() == called - definitions("def")


@every_page
def test_a_command_has_the_options_with_which_a_page_shows_it(page: Path) -> None:
    unknown = []
    for line in re.findall(r"leitstand [a-z][^\n`;|]*", code_of(page)):
        words = line.partition("  #")[0].split()
        command = next(
            (found for n in (3, 2) if (found := COMMANDS.get(" ".join(words[:n])))), None
        )
        options = {option for p in _parameters(command) for option in p.opts}
        unknown += [word for word in words if word.startswith("-") and word not in options]
    assert [] == unknown


def _parameters(command: Any) -> list[Any]:
    return command.params if command is not None else []


def test_every_package_stands_on_the_page_about_the_house() -> None:
    packages = {f"leitstand.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    modules = {f"leitstand.{path.stem}" for path in PACKAGE.glob("*.py")} - {"leitstand.__init__"}
    house = DOCS / "innen" / "index.md"
    table = house.read_text("utf-8").partition("## Die Pakete")[2].partition("\n## ")[0]
    assert packages | modules == set(re.findall(r"`(leitstand\.\w+)`", table))


def test_every_page_about_the_inside_names_tests_that_prove_it() -> None:
    assert [] == [
        path.stem for path in INSIDE if not re.search(r"`tests/\S+\.py`", path.read_text())
    ]


def test_every_package_has_its_place_in_the_picture_of_who_imports_whom() -> None:
    page = (DOCS / "innen" / "index.md").read_text("utf-8")
    block = page.partition("## Wer wen importiert")[2].split("```")[1].split()
    assert {p.parent.name for p in PACKAGE.glob("*/__init__.py")} <= set(block)


def test_the_page_about_staging_names_a_role_for_every_kind_of_resource() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| `roles/", STAGING.read_text("utf-8"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {kind.partition(".")[0] for kind in KINDS} == named
