"""Whatever a value holds, it reaches the program as it is, and the shell runs nothing of it."""

import json
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.commands.block import Setting
from leitstand.core.commands.families import block_of
from leitstand.core.commands.placeholders import expanded
from leitstand.core.commands.script import Stage, script
from leitstand.core.commands.shell import joined
from leitstand.core.plan import Action, Plan
from tests.core.commands.samples import SETTING
from tests.core.commands.test_families import NOW

STUB = 'gcloud() { printf "%s\\0" "$@"; }\ncurl() { cat; }\n'
HOSTILE = [
    "$(touch x)",
    "`id`",
    "a'b",
    'a"b',
    "a\\b",
    "!x",
    "a b",
    "-n",
    "ä€",
    "a\nb",
    "*",
    "$HOME",
]
LOCAL = Setting("sandbox", "p", "r", endpoint="http://127.0.0.1:1")
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


def bash(commands: str) -> str:
    """Return what commands print, with stubs in the place of the programs."""
    ended = subprocess.run(
        ["bash", "-eu"], input=STUB + commands, text=True, capture_output=True, env={}
    )
    assert "" == ended.stderr
    return ended.stdout


def backup(description: str) -> Action:
    return Action("backup", "sql_backup", "projects/p/instances/main",
                  {"description": description})  # fmt: skip


def test_a_value_is_one_word_of_the_command() -> None:
    for value in HOSTILE:
        words = bash(block_of(backup(value), SETTING).commands[0]).split("\0")
        assert f"--description={value}" in words


@settings(max_examples=8, deadline=None)
@given(values=st.lists(texts, min_size=1, max_size=20))
def test_any_body_reaches_a_call_as_it_is(values: list[str]) -> None:
    wanted = {"description": values, "quoted": {"a": HOSTILE}}
    action = Action("x", "create_resource", "projects/p/global/networks/n",
                    {"kind": "compute.networks", "id": "n", "wanted": wanted})  # fmt: skip
    assert {**wanted, "name": "n"} == json.loads(bash(block_of(action, LOCAL).commands[0]))


def test_a_body_with_expressions_is_protected_everywhere_else() -> None:
    body: dict[str, Any] = {"address": "${compute.addresses/web#address}", "hostile": HOSTILE}
    shown = expanded(body, LOCAL)
    stub = 'curl() { echo \'  "address": "10.0.0.7",\'; }\n'
    found = bash(f"{stub}cat <<JSON\n{shown}\nJSON")
    assert {"address": "10.0.0.7", "hostile": HOSTILE} == json.loads(found)


@settings(max_examples=8, deadline=None)
@given(text=st.text(max_size=60))
def test_nothing_that_a_comment_holds_is_read_by_the_shell(text: str) -> None:
    action = Action(text, text, text, {"a": [text, *HOSTILE]})
    plan = Plan(text, "prod", text, {}, (action,), (action,), restored=text)
    shown = script([Stage(plan, text)], SETTING, runbook=text, now=NOW, ticket=text)
    kept = {
        "",
        "exit 64",
        "echo 'Zum Kopieren, Schritt für Schritt; nicht als Ganzes ausführen.' >&2",
    }
    assert all(line.startswith("#") or line in kept for line in shown.split("\n"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a=1", "b=2"], "a=1,b=2"),
        (["a=1,2", "b=3"], "^;^a=1,2;b=3"),
        (["a=1,2;3"], "^|^a=1,2;3"),
        ([], ""),
    ],
)
def test_a_list_takes_a_delimiter_that_no_member_holds(values: list[str], expected: str) -> None:
    assert expected == joined(values)
