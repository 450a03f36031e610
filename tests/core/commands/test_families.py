"""Every kind of action has commands, and they are ones that the tools understand."""

import json
import re
import runpy
import shlex
import subprocess
import sysconfig
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.cloud import run_v2
from google.protobuf.json_format import Parse, ParseDict

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.commands.block import Block, Setting
from leitstand.core.commands.families import WRITERS, block_of
from leitstand.core.commands.script import Stage, script
from leitstand.core.kind_table import KINDS
from leitstand.core.plan import Action, Plan
from leitstand.execution.handlers import all_handlers
from leitstand.notebook.start_run import start_handlers
from tests.core.commands.samples import SAMPLES, SETTING, sample

COMPLETIONS = Path("/usr/lib/google-cloud-sdk/data/cli/gcloud_completions.py")
ONLY_LOOKS = {"secret_try", "secret_probe"}
"""They change nothing, so that there is nothing to look at afterwards."""


def whole() -> str:
    plan = Plan("alles", "prod", "x", {}, SAMPLES)
    return script([Stage(plan, "b@example.com")], SETTING, runbook="alles", now=NOW)


NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)


def test_every_kind_that_a_handler_knows_has_commands(tmp_path: Path) -> None:
    connection = Connection(load_environment("sandbox"), "127.0.0.1:1", "http://127.0.0.1:1")
    handled = {
        *all_handlers(connection, Journal(tmp_path / "run" / "journal.jsonl")),
        *start_handlers(tmp_path, "run", "incident"),
    }
    assert handled == set(WRITERS) == {action.kind for action in SAMPLES}


@pytest.mark.parametrize("action", SAMPLES, ids=lambda a: f"{a.id} {a.arguments.get('kind', '')}")
def test_an_action_says_what_it_does_how_and_what_to_look_at(action: Action) -> None:
    block = WRITERS[action.kind](action, SETTING)
    assert block.what.endswith(".")
    assert block.commands
    assert block.check.endswith((".", "?")), block.check
    assert all(note.endswith((".", ":", "}")) for note in block.notes)


@pytest.mark.parametrize(
    "action",
    [
        Action("neu", "unheard_of", "projects/p/things/t", {"a": 1}),
        Action("alt", "sql_clone", "projects/p/instances/i", {"clone": "c"}),
        Action("falsch", "update_resource", "x", {"kind": "no.such", "wanted": {}}),
    ],
    ids=["a kind of a newer version", "arguments of another version", "an unknown resource"],
)
def test_what_cannot_be_put_as_commands_is_told_for_doing_by_hand(action: Action) -> None:
    block = block_of(action, SETTING)
    assert () == block.commands
    assert json.dumps(dict(action.arguments), sort_keys=True) in block.notes[-1]
    assert action.target in block.what


def test_the_whole_text_is_a_script_that_bash_can_read() -> None:
    checked = subprocess.run(["bash", "-n"], input=whole(), text=True, capture_output=True)
    assert (0, "") == (checked.returncode, checked.stderr)


def test_shellcheck_finds_nothing() -> None:
    program = Path(sysconfig.get_path("scripts")) / "shellcheck"
    checked = subprocess.run([program, "-"], input=whole(), text=True, capture_output=True)
    assert "" == checked.stdout


def test_run_as_a_whole_it_ends_before_its_first_command() -> None:
    ended = subprocess.run(["bash"], input=whole(), text=True, capture_output=True, env={})
    assert (64, "") == (ended.returncode, ended.stdout)
    assert "nicht als Ganzes" in ended.stderr


def test_every_flag_is_one_that_gcloud_knows() -> None:
    if not COMPLETIONS.is_file():
        pytest.skip("the Google Cloud SDK is not installed")
    tree = runpy.run_path(str(COMPLETIONS))["STATIC_COMPLETION_CLI_TREE"]
    calls = list(_gcloud_calls(whole()))
    assert len(calls) > 50
    assert [] == [problem for call in calls for problem in _unknown(tree, call)]


def _gcloud_calls(shown: str) -> list[str]:
    """Return every call of gcloud, also one within another command."""
    joined = shown.replace(" \\\n", " ")
    lines = [line for line in joined.splitlines() if not line.startswith("#")]
    return [call for line in lines for call in re.findall(r"gcloud (?:[^)|$]|\$(?!\())*", line)]


def _unknown(tree: dict[str, Any], call: str) -> list[str]:
    words = call.split()[1:]
    node = tree
    while words and words[0] in node["commands"]:
        node = node["commands"][words.pop(0)]
    if node["commands"]:
        return [f"no command: {call}"]
    known = {*tree["flags"], *node["flags"]}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    return [f"{flag} of {call}" for flag in given - known]


def test_a_value_of_a_secret_is_only_read_when_the_command_is_run() -> None:
    reading = re.compile(r"\$\(gcloud secrets versions access \S+ --secret=\S+ --project=\S+\)")
    block = block_of(next(a for a in SAMPLES if "url" in a.arguments and "login" in a.arguments),
                     SETTING)  # fmt: skip
    (command,) = block.commands
    assert 2 == len(reading.findall(command))
    assert "postgresql://app_b:$(" in command


def test_a_template_in_rest_is_the_template_of_the_plan() -> None:
    action = sample("deploy_revision")
    body = _body(block_of(action, SETTING))
    planned = run_v2.RevisionTemplate.pb(run_v2.RevisionTemplate())
    ParseDict(dict(action.arguments["template"]), planned)
    shown = run_v2.RevisionTemplate.pb(run_v2.RevisionTemplate())
    ParseDict(body["template"], shown)
    assert planned == shown
    split = run_v2.Service.pb(run_v2.Service())
    Parse(json.dumps({"traffic": body["traffic"]}), split)
    assert [s["percent"] for s in action.arguments["traffic"]] == [t.percent for t in split.traffic]


def test_a_time_of_a_clone_is_in_utc_whatever_the_plan_wrote() -> None:
    # gcloud drops an offset without a word.
    planned = {"clone": "c", "point_in_time": "2026-11-26T06:45:26.655916+02:00"}
    action = Action("clone", "sql_clone", "projects/p/instances/main", planned)
    (command,) = block_of(action, SETTING).commands
    assert "--point-in-time=2026-11-26T04:45:26.655Z" in command


def test_traffic_names_revisions_percents_and_tags() -> None:
    (command,) = block_of(sample("set_traffic"), SETTING).commands
    assert [
        "gcloud", "run", "services", "update-traffic", "web",
        "--to-revisions=web-00002-9744f7bb=90,web-00007-44058b87=10",
        "--set-tags=candidate=web-00007-44058b87",
        "--region=europe-west3", "--project=leitstand-sandbox",
    ] == shlex.split(command.replace(" \\\n", " "))  # fmt: skip


def test_rights_are_added_one_by_one_so_that_those_of_others_stay() -> None:
    rights = [a for a in SAMPLES if KINDS.get(str(a.arguments.get("kind")), None) is not None
              and KINDS[a.arguments["kind"]].update == "setIamPolicy"]  # fmt: skip
    assert len(rights) >= 7
    for action in rights:
        wanted = sum(len(b["members"]) for b in action.arguments["wanted"]["bindings"])
        commands = block_of(action, SETTING).commands
        assert wanted == len(commands)
        assert all("add-iam-policy-binding" in command for command in commands)


def test_what_is_changed_inside_a_list_is_edited_in_what_is_there() -> None:
    wanted = {"template": {"containers": [{"env": [{"name": "A", "value": "new"}]}]}}
    action = Action("run.services/web", "update_resource", "projects/p/locations/r/services/web",
                    {"kind": "run.services", "id": "web", "wanted": wanted,
                     "before": {"template.containers[0].env[A].value": "old"}})  # fmt: skip
    block = block_of(action, SETTING)
    read, edit, send = block.commands
    assert read.endswith(">ressource.json")
    assert "ressource.json" in edit
    assert "updateMask=template.containers" in send
    assert "--data @ressource.json" in send
    assert 'template.containers[0].env[A].value: bisher "old".' in block.notes


def test_in_the_sandbox_calls_go_to_its_own_address_and_carry_no_token() -> None:
    at = Setting("sandbox", "p", "r", endpoint="http://127.0.0.1:8123")
    (command,) = block_of(sample("set_scaling"), at).commands
    assert "http://127.0.0.1:8123/run/v2/projects/" in command
    assert "token" not in command


def test_a_probe_of_the_run_and_one_by_hand_are_both_found() -> None:
    block = block_of(sample("log_probe"), SETTING)
    mark = f"{SETTING.run}-{sample('log_probe').id}-"
    assert f'"probe": "{mark}von-hand"' in block.commands[0]
    assert f"STARTS_WITH(jsonPayload.leitstand.probe, '{mark}')" in block.looks[0]


@cache
def _json_of(command: str) -> str:
    return command.partition("JSON'\n")[2].rpartition("\nJSON")[0]


def _body(block: Block) -> Any:
    return json.loads(_json_of(block.commands[0]))
