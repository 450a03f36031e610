"""What is left of a run: what is done is left out, what is under way is waited for."""

import subprocess
from collections.abc import Mapping

import pytest

from leitstand.core.commands.block import Setting
from leitstand.core.commands.script import Progress, Stage, script
from leitstand.core.commands.waiting import waiting_for
from leitstand.core.plan import Action, Plan
from tests.core.commands.samples import SETTING, sample
from tests.core.commands.test_families import NOW

SERVICE = "projects/p/locations/europe-west3/services/web"
SPLITS = {percent: {"traffic": [{"revision": "old", "percent": 100 - percent, "tag": ""},
                                {"revision": "new", "percent": percent, "tag": ""}]}
          for percent in (0, 10, 100)}  # fmt: skip
PLAN = Plan(
    "release",
    "prod",
    SERVICE,
    {},
    tuple(Action(f"traffic-{p}", "set_traffic", SERVICE, SPLITS[p]) for p in (10, 100)),
    (Action("back", "set_traffic", SERVICE, SPLITS[0]),),
    restored="Der Verkehr liegt wieder ganz auf old.",
)
OPERATION = "projects/p/locations/europe-west3/operations/op-7"


def text(
    progress: Mapping[str, Progress] | None = None,
    *,
    plan: Plan = PLAN,
    approved_by: str = "b@example.com",
    ended: bool = False,
    setting: Setting = SETTING,
) -> str:
    stage = Stage(plan, approved_by, ended, progress or {})
    return script([stage], setting, runbook="release", now=NOW, ticket="OPS-1")


def part(shown: str, title: str) -> str:
    """Return what stands below a title, without comments."""
    below = shown.partition(f"── {title} ──\n")[2].partition("\n# ──")[0].partition("\n# ══")[0]
    return "\n".join(line for line in below.splitlines() if not line.startswith("#"))


def plain(shown: str) -> str:
    """Return a text without the marks of its comments and their line ends."""
    return " ".join(shown.replace("# ", "").split())


def test_steps_stand_in_their_order_and_the_way_back_after_them() -> None:
    shown = text()
    places = [shown.index(f"── {title} ──") for title in
              ("1/2 traffic-10", "2/2 traffic-100", "Zurück 1/1 back")]  # fmt: skip
    assert sorted(places) == places
    assert "Der Verkehr liegt wieder ganz auf old." in " ".join(shown.replace("# ", "").split())
    assert "Runbook release, Umgebung prod (Projekt leitstand-sandbox)" in shown
    assert "Ticket OPS-1" in shown


def test_what_is_done_is_left_out() -> None:
    shown = text({"traffic-10": Progress(begun=True, done=True)})
    assert "✓ 1/2 traffic-10: schon getan." in shown
    assert "new=10," not in shown
    assert "old=90" not in shown
    assert "new=100" in part(shown, "2/2 traffic-100")


def test_an_operation_under_way_is_waited_for_and_not_started_again() -> None:
    shown = text({"traffic-10": Progress(begun=True, operation=OPERATION)})
    left = part(shown, "1/2 traffic-10")
    assert "Lösen Sie es nicht noch einmal aus" in " ".join(shown.replace("# ", "").split())
    assert left.startswith("for _ in $(seq 360); do curl")
    assert f"https://run.googleapis.com/v2/{OPERATION}" in left
    assert "update-traffic" not in left


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(begun=True), "Vielleicht schon begonnen"),
        (Progress(begun=True, operation=OPERATION, failed=True), "ist gescheitert"),
    ],
    ids=["only announced", "failed"],
)
def test_what_may_have_happened_is_looked_at_before_it_is_done(
    progress: Progress, words: str
) -> None:
    shown = text({"traffic-10": progress})
    left = part(shown, "1/2 traffic-10")
    assert words in shown
    assert left.index("run services describe") < left.index("update-traffic")


def test_of_a_run_that_is_over_nothing_is_left() -> None:
    shown = text({"traffic-10": Progress(begun=True, done=True)}, ended=True)
    assert "gcloud run" not in shown
    assert "es bleibt nichts zu tun" in shown


def test_after_the_point_of_no_return_there_is_no_way_back() -> None:
    plan = Plan("release", "prod", SERVICE, {}, PLAN.actions, PLAN.way_back,
                point_of_no_return="traffic-100")  # fmt: skip
    assert "── Zurück 1/1 back ──" in text({"traffic-10": Progress(begun=True)}, plan=plan)
    shown = text({"traffic-100": Progress(begun=True)}, plan=plan)
    assert "── Zurück" not in shown
    assert "traffic-100 ist schon begonnen" in shown


def test_where_a_second_person_is_needed_an_unapproved_plan_says_so() -> None:
    words = "von der zweiten Person freigeben"
    alone = Setting("staging", "p", "r")
    assert words in text(approved_by="")
    assert words not in text()
    assert words not in text(approved_by="", setting=alone)


def test_a_plan_without_changes_says_that_nothing_is_to_be_done() -> None:
    assert "Es ist nichts zu ändern." in text(plan=Plan("release", "prod", SERVICE, {}, ()))


@pytest.mark.parametrize(
    ("kind", "operation", "expected"),
    [
        ("deploy_revision", "projects/p/locations/r/operations/a",
         "https://run.googleapis.com/v2/projects/p/locations/r/operations/a"),
        ("sql_clone", "4f6b", "gcloud sql operations wait 4f6b --timeout=3600"),
        ("secret_login", "4f6b", "gcloud sql operations wait 4f6b --timeout=3600"),
        ("run_job", "projects/p/locations/r/jobs/migrate/executions/migrate-x7",
         "gcloud run jobs executions describe migrate-x7"),
        ("redis_export", "projects/p/locations/r/operations/a",
         "https://redis.googleapis.com/v1/projects/p/locations/r/operations/a"),
        ("replace_resource", "projects/p/global/operations/a",
         "https://compute.googleapis.com/compute/v1/projects/p/global/operations/a"),
        ("log_probe", "an-entry", ""),
    ],
)  # fmt: skip
def test_each_operation_is_waited_for_where_it_runs(
    kind: str, operation: str, expected: str
) -> None:
    waiting = waiting_for(sample(kind), operation, SETTING)
    assert expected in waiting
    assert bool(expected) == bool(waiting)


@pytest.mark.parametrize(
    ("answer", "waits"),
    [('{"error": {"code": 404}}', 3), ('{"done": true}', 0)],
    ids=["though no answer says done", "with the operation"],
)
def test_waiting_ends(answer: str, waits: int) -> None:
    stub = f"""gcloud() {{ :; }}
curl() {{ echo '{answer}'; }}
seq() {{ [ 360 = "$1" ] && echo 1 2 3; }}
sleep() {{ echo "$1"; }}
"""
    waiting = waiting_for(sample("deploy_revision"), OPERATION, SETTING)
    ended = subprocess.run(["bash"], input=stub + waiting, text=True, capture_output=True)
    assert ["5"] * waits == ended.stdout.split()


def test_where_no_end_comes_it_is_said_what_to_do() -> None:
    shown = plain(text({"traffic-10": Progress(begun=True, operation=OPERATION)}))
    assert "antwortet die Abfrage mit 404, prüfen Sie, wie es steht" in shown


def test_a_way_back_that_was_begun_is_gone_to_its_end_and_nothing_forward_is_offered() -> None:
    back = (*PLAN.way_back, Action("back-2", "set_traffic", SERVICE, SPLITS[10]))
    plan = Plan("release", "prod", SERVICE, {}, PLAN.actions, back)
    shown = text(
        {
            "traffic-10": Progress(begun=True, done=True),
            "back": Progress(begun=True, done=True),
            "back-2": Progress(begun=True, operation=OPERATION),
        },
        plan=plan,
    )
    assert "Der Rückweg ist begonnen" in plain(shown)
    assert "✓ 1/2 traffic-10: schon getan." in shown
    assert "2/2 traffic-100: nicht begonnen." in shown
    assert "update-traffic" not in shown
    assert "✓ Zurück 1/2 back: schon getan." in shown
    assert f"/v2/{OPERATION}" in part(shown, "Zurück 2/2 back-2")


def test_the_point_of_no_return_is_told_before_its_command() -> None:
    plan = Plan("release", "prod", SERVICE, {}, PLAN.actions, PLAN.way_back,
                point_of_no_return="traffic-10")  # fmt: skip
    step = text(plan=plan).partition("── 1/2 traffic-10 ──")[2].partition("── 2/2")[0]
    assert step.index("gibt es keinen Rückweg mehr") < step.index("update-traffic")


def test_the_commands_of_a_run_say_where_its_later_steps_stand() -> None:
    words = "Was der Lauf nach diesem Stand getan hat, steht in journal.jsonl"
    assert words in plain(text())
    assert words not in plain(text(setting=Setting("staging", "p", "r")))
