"""The architecture pages: their form, the facts of the source document, and what they rest on."""

import importlib
import logging
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from leitstand.configuration import load_environment
from leitstand.core.parameters import parse_assignments
from leitstand.notebook.template import read_template
from tests.docs.facts import (
    CHECKLISTS,
    FACTS,
    LINKED,
    LITELLM,
    PIPELINE,
    PRODUCTION,
    SCALING,
    SECRETS,
)

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HOOKS = DOCS / "hooks"


class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags name Python objects."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
Loader.add_multi_constructor("!", lambda *_: None)


def nav() -> list[Any]:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed: list[Any] = yaml.load(text, Loader)["nav"]
    return listed


@cache
def hook(name: str) -> ModuleType:
    """A hook, loaded as MkDocs loads it: beside the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HOOKS))
        return importlib.import_module(name)


PAGES: list[str] = hook("parts").pages_of(nav())


@pytest.fixture(scope="module")
def shown() -> Callable[[str], str]:
    """Return a page as a reader sees it: with the values of the environment files filled in."""

    @cache
    def filled(page: str) -> str:
        text = (DOCS / page).read_text("utf-8")
        file = SimpleNamespace(src_path=page, src_uri=page)
        markdown: str = hook("production").on_page_markdown(text, page=SimpleNamespace(file=file))
        return markdown.replace("&shy;", "")

    return filled


@pytest.mark.parametrize("page", [PRODUCTION, *LINKED, LITELLM])
def test_every_page_of_the_source_document_is_an_architecture_page(page: str):
    assert page in PAGES


@pytest.mark.parametrize("page", PAGES)
def test_every_architecture_page_has_its_three_parts(page: str):
    assert [] == hook("parts").faults((DOCS / page).read_text("utf-8"))


GOOD = """# Titel

Ein Satz.

## Warum
Darum.

## Wie
### Darunter
So.

```text
# keine Überschrift
## Auch keine
```

## Schritte
1. Einer.
"""

BAD = {
    "no title": (("# Titel\n", ""), "has 0 titles instead of one"),
    "two titles": (("So.", "So.\n\n# Noch einer\n\nText."), "has 2 titles instead of one"),
    "no sentence": (("Ein Satz.", ""), "has no sentence under its title"),
    "no first part": (("## Warum\nDarum.\n", ""), "has no part Warum"),
    "a part of another name": (("## Wie", "## Weise"), "has no part Wie"),
    "a fourth part": (
        ("## Schritte", "## Mehr\nText.\n\n## Schritte"),
        "has a part Mehr, which is none of the three",
    ),
    "a part twice": (("1. Einer.", "1. Einer.\n\n## Wie\nSo."), "has the part Wie more than once"),
    "an empty part": (("Darum.", "<!-- nichts -->"), "says nothing under Warum"),
    "a part that is only code": (("## Schritte\n1. Einer.", ""), "has no part Schritte"),
}


def test_a_page_with_its_three_parts_has_no_fault():
    assert [] == hook("parts").faults(GOOD)


@pytest.mark.parametrize(("change", "fault"), BAD.values(), ids=BAD)
def test_a_page_without_its_form_is_found(change: tuple[str, str], fault: str):
    assert change[0] in GOOD
    assert fault in hook("parts").faults(GOOD.replace(*change))


def test_parts_in_another_order_are_found():
    swapped = (
        GOOD.replace("## Warum", "## X").replace("## Wie", "## Warum").replace("## X", "## Wie")
    )
    assert ["has its parts in another order"] == hook("parts").faults(swapped)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Build a site of one architecture page, strictly, with nothing but the hook."""
    from mkdocs.commands.build import build as build_site
    from mkdocs.config import load_config

    def one(text: str) -> None:
        directory = tmp_path_factory.mktemp("seite")
        (directory / "docs").mkdir()
        (directory / "docs" / "a.md").write_text(text, "utf-8")
        (directory / "docs" / "index.md").write_text("# Start\n", "utf-8")
        (directory / "mkdocs.yml").write_text("site_name: Seiten\n", "utf-8")
        pages = [{"Start": "index.md"}, {"Architektur": [{"Seite": "a.md"}]}]
        hooks = [str(HOOKS / "parts.py")]
        config = load_config(
            str(directory / "mkdocs.yml"), plugins=[], hooks=hooks, nav=pages, strict=True
        )
        build_site(config)

    return one


def test_a_strict_build_refuses_a_page_without_a_part(
    build: Callable[[str], None], caplog: pytest.LogCaptureFixture
):
    from mkdocs.exceptions import Abort

    with caplog.at_level(logging.WARNING), pytest.raises(Abort, match="strict mode"):
        build(GOOD.replace("## Wie", "### Wie"))
    assert "a.md has no part Wie" in caplog.messages


def test_a_strict_build_accepts_a_page_with_all_parts(build: Callable[[str], None]):
    build(GOOD)


@pytest.mark.parametrize("page", PAGES)
def test_every_architecture_page_links_a_runbook(page: str):
    names = {path.stem for path in (ROOT / "runbooks").glob("*.ipynb")}
    text = (DOCS / page).read_text("utf-8")
    assert names & set(re.findall(r"\]\((?:\.\./runbooks/)?(\w+)\.ipynb[)#]", text))


@pytest.mark.parametrize("page", PAGES)
def test_every_architecture_page_names_files_and_outside_pages_that_it_rests_on(page: str):
    text = (DOCS / page).read_text("utf-8")
    files = re.findall(r"`((?:config|lib/leitstand)/[\w/.-]+)`", text)
    assert [] != files
    assert [] == [name for name in files if not (ROOT / name).exists()]
    assert [] != re.findall(r"\]\(https://[^)]+\)", text)


@pytest.mark.parametrize(
    ("page", "wording"), [(page, text) for page, *texts in FACTS for text in texts]
)
def test_every_fact_of_the_source_document_stands_on_its_page(
    shown: Callable[[str], str], page: str, wording: str
):
    assert wording in shown(page)


@pytest.mark.parametrize("page", LINKED)
def test_the_page_about_production_links_every_page_that_the_source_document_links(page: str):
    text = (DOCS / PRODUCTION).read_text("utf-8")
    assert re.search(rf"\]\(\.\./{re.escape(page)}[)#]", text)


def points() -> Iterator[tuple[str, str]]:
    """Yield every point of the checklists, and what proves it."""
    for line in (DOCS / CHECKLISTS).read_text("utf-8").splitlines():
        if line.startswith("| ☐ |"):
            _, what, proof = line.strip("| ").split(" | ")
            yield what, proof


def test_every_list_has_points():
    titles = re.findall(
        r"^### (.+)\n\n\| OK \|", (DOCS / CHECKLISTS).read_text("utf-8"), re.MULTILINE
    )
    assert [
        "Vor dem Release", "Nach dem Release", "Vor der Migration", "Nach der Migration",
        "Vor einer Wiederherstellung", "Nach einer Wiederherstellung", "Im Vorfall",
        "Jedes Quartal",
    ] == titles  # fmt: skip


@pytest.mark.parametrize(("what", "proof"), list(points()))
def test_every_point_names_the_command_or_the_runbook_that_proves_it(what: str, proof: str):
    assert re.search(r"`(?:leitstand|nox) [^`]+`|\]\(\.\./runbooks/\w+\.ipynb\)", proof)


COMMANDS = [
    (page, command.split())
    for page in (PRODUCTION, SECRETS, PIPELINE, CHECKLISTS, SCALING)
    for command in re.findall(
        r"leitstand run ([^`\n#]+)",
        (DOCS / page).read_text("utf-8").replace("\\\n", " "),
    )
]


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_every_run_on_these_pages_has_parameters_that_its_runbook_accepts(
    page: str, words: list[str]
):
    parameters = read_template(ROOT / "runbooks" / f"{words[0]}.ipynb").parameters
    texts = [words[at + 1] for at, word in enumerate(words) if word == "-p"]
    assert {text.partition("=")[0] for text in texts} == set(parse_assignments(parameters, texts))


def test_the_diagram_of_a_release_shows_the_agreed_stages():
    stages = load_environment("prod").release.stages
    diagram = (DOCS / "diagramme" / "release.mmd").read_text("utf-8")
    assert ", ".join(f"{stage} %" for stage in stages) in diagram


def test_what_the_pages_say_of_schedules_is_what_they_are():
    text = (ROOT / "config" / "schedules.yaml").read_text("utf-8")
    schedules = {entry["name"]: entry for entry in yaml.safe_load(text)["schedules"]}
    days = {name: schedules[name]["cron"].split()[2:] for name in ("deviations", "secret-rotation")}
    assert {"deviations": ["*", "*", "*"], "secret-rotation": ["1", "*", "*"]} == days
    assert {"apply": False} == schedules["redis-snapshot"]["environments"]["prod"]
    secrets = (DOCS / SECRETS).read_text("utf-8")
    assert "`secret-rotation` zeigt jeden Monat" in secrets
    assert "(../runbooks/deviations.ipynb) prüft jeden Tag" in secrets
    production = (DOCS / PRODUCTION).read_text("utf-8")
    assert "Der Zeitplan `redis-snapshot`" in production
    assert "In der Produktion plant er nur" in production
