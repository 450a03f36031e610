"""``leitstand approve``: what waits, the whole plan, and one signature."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from leitstand.audit.approval_envelopes import examine
from leitstand.audit.approvals import ApprovalStore
from leitstand.cli import main
from leitstand.cli.approve import KEY_VARIABLE
from leitstand.cli.plan_text import plan_lines, visible
from leitstand.core.approvals.decision import decide
from leitstand.core.approvals.request import Request
from leitstand.core.plan import Action, Plan
from tests.fixtures.approving import EMERGENCY, RUN, People, account, asked
from tests.fixtures.approving import PLAN as SIMPLE

ROOT = Path(__file__).resolve().parents[2]
PLAN = Plan(
    "release", "prod", "projects/leitstand-prod/locations/europe-west3/services/web",
    {"etag": '"17"', "stable": "web-00041"},
    (
        Action("deploy", "deploy", "services/web", {"image": "web:1.1.0", "tag": "candidate"}),
        Action("traffic-10", "set_traffic", "services/web", {"traffic": {"web-00042": 10}}),
    ),
    (Action("back", "set_traffic", "services/web", {"traffic": {"web-00041": 100}}),),
    point_of_no_return="traffic-10",
)  # fmt: skip
SHORT = PLAN.digest[:12]


@dataclass
class Ended:
    code: int
    output: str
    problems: str


class Desk:
    """The machine on which somebody approves."""

    def __init__(self, directory: Path, run: Callable[..., Ended], people: People) -> None:
        self.run = run
        self.people = people
        self.store = ApprovalStore(directory / "home" / "approvals")
        self.keys = directory / "keys"

    def ask(self, plan: Plan = PLAN, **changes: Any) -> None:
        now = datetime.now(UTC)
        self.store.ask(Request(asked(plan, **changes), "OPS-7", now, now + timedelta(minutes=9)))

    def granted(self, **changes: Any) -> bool:
        signed = [examine(one, self.people.policy) for one in self.store.given(RUN)]
        return decide(asked(PLAN, **changes), self.people.policy, signed, datetime.now(UTC)).granted


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People.met(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def desk(
    tmp_path: Path,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    environments = tmp_path / "config" / "environments"
    shutil.copytree(ROOT / "config" / "environments", environments)
    prod = yaml.safe_load((environments / "prod.yaml").read_text("utf-8"))
    prod["approvals"] = people.policy.model_dump(mode="json")
    (environments / "prod.yaml").write_text(yaml.safe_dump(prod), "utf-8")
    monkeypatch.setenv("LEITSTAND_PROJECT", str(tmp_path))
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path / "home"))

    def run(name: str, *arguments: str, answer: str = "") -> Ended:
        key = people.key(name) if name else tmp_path / "own" / "key.pem"
        monkeypatch.setenv(KEY_VARIABLE, str(key))
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        with pytest.raises(SystemExit) as ended:
            main(["approve", *arguments])
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return Desk(tmp_path, run, people)


def test_the_whole_plan_is_shown_before_anything_is_signed(desk: Desk) -> None:
    desk.ask()
    ended = desk.run("erika", SHORT, answer="n\n")
    assert 130 == ended.code
    for part in (PLAN.digest, PLAN.target, RUN, account("anna"), "OPS-7", account("erika")):
        assert part in ended.output
    for action in (*PLAN.actions, *PLAN.way_back):
        assert f"{action.id} · {action.kind}" in ended.output
    assert "web-00042: 10" in ended.output
    assert "Ab traffic-10 gibt es keinen Rückweg mehr." in ended.output
    assert [] == desk.store.given(RUN)


def test_a_yes_approves_exactly_this_plan(desk: Desk) -> None:
    desk.ask()
    ended = desk.run("erika", SHORT, "--run", RUN, "--for", "2h", answer="j\n")
    assert (0, "") == (ended.code, ended.problems)
    assert f"✓ Der Plan {SHORT} ist freigegeben" in ended.output
    assert desk.granted()
    assert not desk.granted(run="another")
    assert not desk.granted(operator=account("erika"))


def test_it_says_how_many_are_still_missing(desk: Desk) -> None:
    desk.ask(runbook="migrate")
    first = desk.run("erika", SHORT, "--yes")
    assert "Es fehlt noch eine Freigabe." in first.output
    second = desk.run("karl", SHORT, "--yes", "--json")
    assert 0 == json.loads(second.output)["missing"]
    assert PLAN.target in second.problems
    assert desk.granted(runbook="migrate")


def test_an_approval_never_holds_longer_than_the_policy_allows(desk: Desk) -> None:
    desk.ask()
    said = json.loads(desk.run("erika", SHORT, "--yes", "--json", "--for", "90h").output)
    left = datetime.fromisoformat(said["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=3, minutes=59) < left <= timedelta(hours=4)


@pytest.mark.parametrize(
    ("name", "arguments", "code", "problem"),
    [
        pytest.param("anna", [SHORT], 3, "kann ihn nicht selbst freigeben", id="by oneself"),
        pytest.param("dora", [SHORT], 3, "darf release hier nicht freigeben", id="not allowed"),
        pytest.param("ole", [SHORT], 3, "kennt die Umgebung nicht", id="an unknown key"),
        pytest.param("", [SHORT], 3, "Sie haben keinen Schlüssel", id="without a key"),
        pytest.param("erika", ["f" * 12], 2, "wartet kein Plan", id="another digest"),
        pytest.param("erika", [SHORT, "--run", "other"], 2, "wartet kein Plan", id="another run"),
        pytest.param("erika", ["abc"], 2, "mindestens 8 Zeichen", id="too short a digest"),
        pytest.param("erika", [], 2, "mindestens 8 Zeichen", id="no digest"),
        pytest.param("erika", [SHORT, "--for", "lang"], 2, "keine Dauer", id="no duration"),
        pytest.param("anna", [SHORT, "--break-glass"], 3, "Begründung", id="without a reason"),
        pytest.param(
            "erika", [SHORT, "--break-glass", "--reason", EMERGENCY], 3, "auch im Notfall nicht",
            id="who may not break the glass",
        ),
    ],
)  # fmt: skip
def test_what_would_not_count_is_not_signed(
    desk: Desk, name: str, arguments: list[str], code: int, problem: str
) -> None:
    desk.ask()
    ended = desk.run(name, *arguments, "--yes")
    assert code == ended.code
    assert problem in ended.problems
    assert [] == desk.store.given(RUN)


def test_breaking_the_glass_is_said_loudly(desk: Desk) -> None:
    desk.ask()
    ended = desk.run("anna", SHORT, "--break-glass", "--reason", EMERGENCY, "--yes")
    assert (0, True) == (ended.code, desk.granted())
    assert "NOTFALL" in ended.output
    assert "ohne zweite Person freigegeben" in ended.output


def test_the_list_shows_what_waits_and_what_rests(desk: Desk) -> None:
    assert "Nichts wartet auf eine Freigabe.\n" == desk.run("", "--list").output
    desk.ask()
    old = datetime.now(UTC) - timedelta(hours=1)
    desk.store.ask(Request(asked(run="rests"), "", old, old))
    listed = desk.run("", "--list").output
    assert SHORT in listed
    assert "ruht" in listed
    data = json.loads(desk.run("", "--list", "--json").output)
    assert [SIMPLE.digest, PLAN.digest] == [one["digest"] for one in data]


def test_a_new_key_is_made_once_and_shown_as_it_is_listed(desk: Desk, tmp_path: Path) -> None:
    first, second = (desk.run("", "--new-key").output for _ in range(2))
    assert first == second
    approver = {"identity": account("new"), "public_key": first.rsplit(": ", 1)[1].strip()}
    assert desk.people.policy.approvers[0].model_validate(approver).key_id
    assert 0o600 == (tmp_path / "own" / "key.pem").stat().st_mode & 0o777


def test_a_plan_cannot_hide_anything_from_the_terminal() -> None:
    hiding = replace(
        PLAN, actions=(Action("a\x1b[2K", "k\u202e", "t\r", {"x\x08": "\x9b2J\u2066"}),)
    )
    lines = list(plan_lines(hiding))
    assert all(line.isprintable() for line in lines)
    assert any("a\\u{1b}[2K · k\\u{202e}" in line for line in lines)
    assert "Größe „1“ € 数" == visible("Größe „1“ € 数")


def test_all_that_the_digest_covers_is_shown() -> None:
    lines = "\n".join(plan_lines(PLAN))
    before = {lines}
    for changed in (
        replace(PLAN, basis={**PLAN.basis, "more": [1]}),
        replace(PLAN, target="another"),
        replace(PLAN, returns_by_itself=False),
        replace(PLAN, point_of_no_return=""),
        replace(PLAN, restored="Alles ist wie vorher."),
        replace(PLAN, way_back=()),
        replace(PLAN, actions=PLAN.actions[::-1]),
    ):
        text = "\n".join(line for line in plan_lines(changed) if changed.digest not in line)
        assert text not in before
        before.add(text)
