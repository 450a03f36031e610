"""What README and the first pages tell people to type really works, in the order given."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from leitstand.cli import app
from leitstand.core.parameters import check_parameters, parse_assignments
from leitstand.drills.catalogue import drills
from leitstand.notebook.template import find_template, read_template
from leitstand.sandbox import control
from tests.docs.shell_pages import (
    ELSEWHERE,
    OWN_TEST,
    PAGES,
    ROOT,
    WEEK,
    Block,
    Elsewhere,
    blocks,
    elsewhere,
    prelude,
)
from tests.fixtures.command import SHORT, Command, furnished

NOT_COPIED = (".git", ".nox", ".cache", ".leitstand", "site", "tests", "*_cache", "__pycache__")
RUN = {name: path for name, path in PAGES.items() if name not in OWN_TEST and blocks(path)}
LINES = {
    f"{name}: {shlex.join(command)}": (name, command)
    for name, path in PAGES.items()
    if name not in OWN_TEST
    for block in blocks(path)
    for command in block.commands
}


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of the checkout with a small sandbox, which has been provisioned already."""
    copy = tmp_path / "leitstand"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
    (copy / ".nox").mkdir()
    (copy / ".nox" / "leitstand").symlink_to(sys.prefix)
    command = Command(copy, copy / ".leitstand")
    command.production(database=True)
    for key, value in SHORT.items():
        command.configure(**{f"release__analysis__{key}": value})
    command.home.mkdir(mode=0o700)
    template = furnished(database=True)
    subprocess.run(["cp", "-a", template, command.home / "sandbox"], check=True)
    try:
        yield copy
    finally:
        control.reset(command.home / "sandbox")


class Shell:
    """A reader's shell: what one block sets, the next one finds."""

    def __init__(self, checkout: Path, page: str, place: Path) -> None:
        self._checkout = checkout
        self._state = place / "state.sh"
        self._state.write_text("")
        self._prelude = place / "prelude.sh"
        lab = shlex.join([sys.executable, str(Path(__file__).with_name("opened_lab.py"))])
        self._prelude.write_text(prelude(page, lab))
        self.noted = place / "noted"
        self.noted.write_text("")

    def __call__(self, block: Block) -> tuple[int, str]:
        text = f'set -e\n. {self._state}\n. {self._prelude}\ntrap "export -p >{self._state}" EXIT\n'
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LEITSTAND_", "GOOGLE_", "CLOUDSDK_", "VIRTUAL_ENV"))
        }
        done = subprocess.run(
            ["bash", "-c", text + block.text], cwd=self._checkout, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=110, check=False,
            env={**kept, "NOTED": str(self.noted), "NO_GCE_CHECK": "true"},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", RUN)
def test_every_block_of_a_page_works_one_after_the_other(
    name: str, checkout: Path, tmp_path: Path
) -> None:
    shell = Shell(checkout, name, tmp_path)
    shown = ""
    for block in blocks(PAGES[name]):
        code, output = shell(block)
        shown += f"$ {block.text}{output}"
        assert block.code == code, shown

    commands = [command for block in blocks(PAGES[name]) for command in block.commands]
    skipped = [" ".join(command) for command in commands if elsewhere(name, command)]
    assert skipped == shell.noted.read_text().splitlines()
    if ["leitstand", "sandbox", "down"] in commands:
        assert control.find(checkout / ".leitstand" / "sandbox") is None


@pytest.mark.parametrize("entry", ELSEWHERE, ids=lambda entry: f"{entry.command} of {entry.page}")
def test_what_is_not_run_here_is_run_elsewhere(entry: Elsewhere) -> None:
    assert entry.text in (ROOT / entry.file).read_text("utf-8")
    if entry.file in PAGES:  # there it must not be left out as well
        there = [command for block in blocks(PAGES[entry.file]) for command in block.commands]
        words = entry.text.split()
        assert [c for c in there if c[: len(words)] == words and not elsewhere(entry.file, c)]
    used = [line for line, (name, command) in LINES.items() if elsewhere(name, command) is entry]
    assert [] != used


def test_a_page_that_another_test_runs_is_named_there() -> None:
    assert [] == [
        p for p, test in OWN_TEST.items() if Path(p).name not in (ROOT / test).read_text()
    ]


@pytest.mark.parametrize("line", [n for n, (_, c) in LINES.items() if c[0] == "leitstand"])
def test_every_command_is_accepted_with_its_options_and_parameters(line: str) -> None:
    """Also of those that are not run here."""
    _, (_, *words) = LINES[line]
    command, path = typer.main.get_command(app), []
    while hasattr(command, "commands"):
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    given = command.make_context(path[-1], words).params
    if path == ["run"]:
        template = read_template(find_template(given["runbook"], ROOT / "runbooks"))
        values = parse_assignments(template.parameters, given["parameter"] or ())
        check_parameters(template.parameters, values)


def test_the_week_holds_every_drill_with_its_title() -> None:
    page = (ROOT / WEEK).read_text("utf-8")
    rows = [tuple(row.split("|")[1:3]) for row in page.splitlines() if row.startswith("| `")]
    assert {drill.name: drill.title for drill in drills().values()} == {
        name.strip(" `"): title.strip() for name, title in rows
    }
    for drill in drills():
        assert 2 <= page.count(f"`{drill}`"), f"no day for {drill}"
