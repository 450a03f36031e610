"""The page about adding a runbook is right: who follows it has a runbook that passes the house."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from leitstand.notebook.template import read_template
from leitstand.sandbox import control
from tests.fixtures.command import ROOT, Command

PAGE = ROOT / "docs" / "einstieg" / "neues-runbook.md"
FENCE = re.compile(r'^(`{3,})(\w+)(?: title="([^"]+)")?\n(.*?)^\1$', re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code of the page: its language, the file that it names, and what it holds."""

    language: str
    title: str
    text: str


def blocks() -> list[Block]:
    def included(match: re.Match[str]) -> str:
        return (ROOT / "docs" / match[1]).read_text("utf-8").rstrip("\n")

    page = PAGE.read_text("utf-8")
    return [
        Block(language, title, SNIPPET.sub(included, text))
        for _, language, title, text in FENCE.findall(page)
    ]


BLOCKS = blocks()
FILES = {block.title: block.text for block in BLOCKS if block.title}
NEW_RUNBOOKS = [Path(name).name for name in FILES if name.endswith(".ipynb")]
COMMANDS = [
    line for block in BLOCKS if block.language == "sh" for line in block.text.splitlines() if line
]


def notebook(text: str) -> dict[str, Any]:
    """Return the notebook that a reader makes of the text: code cells, and cells between them."""
    cells: list[dict[str, Any]] = []
    number = count()
    tags = [["parameters"]]

    def cell(kind: str, source: str, **fields: Any) -> None:
        made = {"cell_type": kind, "id": f"tags-{next(number):02}", "metadata": {}, **fields}
        cells.append({**made, "source": source.strip("\n").splitlines(keepends=True)})

    for part in re.split(r"^(```python\n.*?^```)$", text, flags=re.MULTILINE | re.DOTALL):
        if part.startswith("```"):
            own = {"tags": tags.pop()} if tags else {}
            source = part.removeprefix("```python\n").removesuffix("```")
            cell("code", source, metadata=own, outputs=[], execution_count=None)
        else:
            for prose in filter(str.strip, re.split(r"^(?=#)", part, flags=re.MULTILINE)):
                cell("markdown", prose)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata: dict[str, Any] = {"kernelspec": kernel}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A copy of the project in which somebody has followed the page up to its commands."""
    directory = tmp_path_factory.mktemp("neu")
    project = directory / "project"
    unwanted = shutil.ignore_patterns("__pycache__")
    for part in ("config", "runbooks", "lib/leitstand", "tests/house"):
        shutil.copytree(ROOT / part, project / part, ignore=unwanted)
    for name, text in FILES.items():
        if name.endswith(".py"):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(f"{text.rstrip()}\n", "utf-8")
        if name.endswith(".ipynb"):
            (project / name).write_text(json.dumps(notebook(text)), "utf-8")
    extra = {"PYTHONPATH": str(project / "lib"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return Command(project, directory / "home", extra=extra)


@pytest.fixture
def rehearsing(followed: Command) -> Iterator[Command]:
    """The same with a sandbox of web alone."""
    followed.without_database()
    assert followed.template is not None
    followed.home.mkdir()
    subprocess.run(["cp", "-a", followed.template, followed.home / "sandbox"], check=True)
    yield followed
    control.reset(followed.home / "sandbox")


def run(followed: Command, *command: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**followed.environment, "PATH": path}
    return subprocess.run(
        command, cwd=followed.project, env=environment, capture_output=True, text=True, timeout=90
    )


def test_the_new_modules_pass_their_test_and_the_runbook_has_its_form(followed: Command) -> None:
    (runbook,) = (followed.project / "runbooks" / name for name in NEW_RUNBOOKS)
    before = runbook.read_text("utf-8")
    counts = count(1)
    baked = json.loads(before)
    for cell in baked["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = next(counts)
    runbook.write_text(json.dumps(baked), "utf-8")
    try:
        (line,) = (line for line in COMMANDS if line.startswith("nox -s tests -- "))
        (command,) = _tests(shlex.split(line)[4:])
        ended = run(followed, *command)
        assert 0 == ended.returncode, ended.stdout
        assert " passed" in ended.stdout
    finally:
        runbook.write_text(before, "utf-8")


def test_the_new_modules_are_written_as_the_house_writes(followed: Command) -> None:
    names = [name for name in FILES if name.endswith(".py")]
    for check in (["check"], ["format", "--check"]):
        ended = run(
            followed, "ruff", *check, "--no-cache", "--config",
            str(ROOT / "lib" / "pyproject.toml"), *names,
        )  # fmt: skip
        assert 0 == ended.returncode, ended.stdout


@pytest.mark.sweep
@pytest.mark.timeout(600)
def test_who_follows_the_page_has_a_runbook_that_runs_and_passes_the_house(
    rehearsing: Command,
) -> None:
    for line in COMMANDS:
        session = re.fullmatch(r"nox -s (\w+) -- (.+)", line)
        if session is None:
            ended = run(rehearsing, sys.executable, "-m", "leitstand", *shlex.split(line)[1:])
            assert (0, "") == (ended.returncode, ended.stderr), line
        else:
            for command in SESSIONS[session[1]](shlex.split(session[2])):
                ended = run(rehearsing, *command)
                assert 0 == ended.returncode, (line, ended.stdout, ended.stderr)
    events = [rehearsing.events(number) for number in (0, 1)]
    assert [True, True] == ["plan.made" in run for run in events]
    assert [False, True] == ["approval.given" in run for run in events]


def _bake(arguments: list[str]) -> list[list[str]]:
    """What `nox -s bake` executes."""
    (runbook,) = arguments
    return [
        ["jupyter", "execute", "--inplace", "--kernel_name=python3", runbook],
        ["nbstripout", "--keep-count", "--keep-id", "--extra-keys",
         "metadata.language_info", runbook],
    ]  # fmt: skip


def _tests(arguments: list[str]) -> list[list[str]]:
    """What `nox -s tests` executes, for the new runbook alone."""
    pytest_ = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "--noconftest"]
    return [[*pytest_, "-q", "-p", "no:cacheprovider", "-k", "tags", *arguments]]


SESSIONS = {"bake": _bake, "tests": _tests}


def test_the_sessions_do_what_this_test_does() -> None:
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")
    for word in ("--inplace", "--kernel_name=python3", "--keep-count", "--keep-id"):
        assert word in noxfile


def test_the_page_adds_the_runbook_to_the_navigation_where_runbooks_are() -> None:
    line = FILES["mkdocs.yml"].strip("\n")
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").splitlines()
    others = [row for row in navigation if row.endswith(".ipynb")]
    assert {len(line) - len(line.lstrip())} == {len(row) - len(row.lstrip()) for row in others}
    assert line.strip().removeprefix("- ") in {f"runbooks/{name}" for name in NEW_RUNBOOKS}


def test_the_entries_of_both_tables_fit_the_runbook(followed: Command) -> None:
    (name,) = NEW_RUNBOOKS
    template = read_template(followed.project / "runbooks" / name)
    (entry,) = yaml.safe_load(FILES["docs/rehearsals.yaml"])["lanes"]["tags"]
    ((described, text),) = yaml.safe_load(FILES["docs/runbooks.yaml"])["runbooks"].items()
    assert (template.name, template.name) == (entry["runbook"], described)
    lanes, runbooks = (
        yaml.safe_load((ROOT / "docs" / f"{name}.yaml").read_text("utf-8"))[key]
        for name, key in (("rehearsals", "lanes"), ("runbooks", "runbooks"))
    )
    assert entry.keys() <= {key for lane in lanes.values() for other in lane for key in other}
    assert text.keys() <= {key for other in runbooks.values() for key in other}
