"""The reference names every command, option and exit code there is, and none that there is not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from leitstand.cli import app
from leitstand.core.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "referenz" / "befehle.md").read_text("utf-8")
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
RUNBOOKS = sorted((ROOT / "runbooks").glob("*.ipynb"))


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with the words that one types for it."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in sorted(children.items()):
        if not child.hidden:
            yield from walk(child, f"{path} {name}")


COMMANDS = dict(walk(typer.main.get_command(app), "leitstand"))


def section(command: str) -> str:
    """Return what the reference says under the heading of a command."""
    found = re.search(
        rf"^#+ `{re.escape(command)}`$\n(.*?)(?=^#+ |\Z)", REFERENCE, re.MULTILINE | re.DOTALL
    )
    return found[1] if found else ""


def code_of(path: Path) -> str:
    """Return the code spans and blocks of a page or runbook."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section(command: str):
    assert "" != section(command).strip()


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (path, max(parameter.opts, key=len))
        for path, command in COMMANDS.items()
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.hidden
    ],
)
def test_every_option_stands_in_its_commands_section(command: str, option: str):
    assert f"`{option}" in section(command) or f", {option}" in section(command)


def test_the_reference_has_no_section_for_a_command_that_is_gone():
    assert set(COMMANDS) == set(re.findall(r"^#+ `(leitstand [^`]+)`$", REFERENCE, re.MULTILINE))


def test_every_exit_code_is_documented_and_no_other():
    table = REFERENCE.partition("## Exit-Codes")[2].partition("\n## ")[0]
    assert [str(int(code)) for code in ExitCode] == re.findall(r"^\| (\d+) \|", table, re.MULTILINE)


@pytest.mark.parametrize("path", [*PAGES, *RUNBOOKS], ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_name_only_commands_that_exist(path: Path):
    groups = {command.split()[1] for command in COMMANDS if len(command.split()) > 2}
    typed = re.findall(r"(?<![\w./-])leitstand ([a-z]+)(?: ([a-z]+))?", code_of(path))
    named = {
        f"leitstand {first} {second}" if first in groups else f"leitstand {first}"
        for first, second in typed
    }
    assert set() == named - set(COMMANDS)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_name_only_nox_sessions_that_exist(path: Path):
    sessions = re.findall(
        r"^@shared\ndef (\w+)", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE
    )
    assert set() == set(re.findall(r"nox -s (\w+)", path.read_text("utf-8"))) - set(sessions)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_section_has_an_option_that_its_command_does_not_take(command: str):
    rows = re.findall(r"^\| (`-[^|]*) \|", section(command), re.MULTILINE)
    shown = {option for row in rows for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", row)}
    taken = {
        option
        for parameter in COMMANDS[command].params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert set() == shown - taken


DEFAULTS = [
    (path, max(parameter.opts, key=len), parameter.default)
    for path, command in COMMANDS.items()
    for parameter in command.params
    if parameter.param_type_name == "option"
    and not isinstance(parameter.default, bool)
    and parameter.default not in (None, "", 0)
]


@pytest.mark.parametrize(("command", "option", "default"), DEFAULTS)
def test_a_default_is_the_one_that_the_command_has(command: str, option: str, default: object):
    row = next(
        row for row in section(command).splitlines() if f"`{option}" in row or f", {option}" in row
    )
    value = getattr(default, "value", default)
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    stated = re.search(r"Vorgabe `?([\w.]+)", row)
    assert shown == (stated[1] if stated else "sandbox")
