"""What a plan of schedules makes, changes and removes, and how it is taken back."""

from typing import Any

import pytest

from leitstand.core.plan import Plan
from leitstand.core.reconcile import Unreadable
from leitstand.core.schedule.expansion import scheduled
from leitstand.core.schedule.planning import SchedulesWithheld, leftovers, plan_schedules
from tests.core.schedule.samples import ENVIRONMENTS, checked, entry

PLACE = "projects/leitstand-sandbox/locations/europe-west3/jobs"
RESOURCES = scheduled(
    ENVIRONMENTS["sandbox"], checked(entry()), number="7", image="i@sha256:1",
    time_zone="Europe/Berlin",
)  # fmt: skip
KEYS = [resource.key for resource in RESOURCES]
AS_WANTED: dict[str, Any] = {resource.key: resource.body for resource in RESOURCES}


def job(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": f"{PLACE}/{name}", "template": {"taskCount": 1}, "uid": "1", **fields}


def trigger(name: str, target: str = "") -> dict[str, Any]:
    uri = f"https://run.googleapis.com/v2/{PLACE}/{target or name}:run"
    return {"name": f"{PLACE}/{name}", "schedule": "* * * * *", "httpTarget": {"uri": uri},
            "state": "ENABLED"}  # fmt: skip


OURS = {"labels": {"leitstand-schedule": "old"}}


def plan(found: dict[str, Any], *left: Any) -> Plan:
    return plan_schedules(RESOURCES, found, left, environment="sandbox", project="p")


@pytest.mark.parametrize(
    ("case", "jobs", "triggers", "expected"),
    [
        ("nothing there", [], [], []),
        ("what is wanted stays", [job("schedule-daily-look", **OURS)],
         [trigger("schedule-daily-look")], []),
        ("ours goes, what starts it first", [job("schedule-old", **OURS)],
         [trigger("schedule-old")],
         ["cloudscheduler.jobs/schedule-old", "run.jobs/schedule-old"]),
        ("a job without our label stays, and so does what starts it", [job("schedule-old")],
         [trigger("schedule-old")], []),
        ("what starts another job stays", [job("migrate")], [trigger("schedule-x", "migrate")], []),
        ("what is left of a removal goes", [], [trigger("schedule-old")],
         ["cloudscheduler.jobs/schedule-old"]),
        ("another name stays", [], [trigger("nightly")], []),
    ],
)  # fmt: skip
def test_only_what_this_program_made_is_removed(
    case: str, jobs: list[Any], triggers: list[Any], expected: list[str]
):
    assert expected == [one.key for one in leftovers(RESOURCES, jobs, triggers)]


def test_where_nothing_is_all_is_made_and_taken_back_in_the_opposite_order():
    made = plan(dict.fromkeys(KEYS))
    assert [
        ("create_resource", "run.jobs/schedule-daily-look"),
        ("update_resource", "run.jobPolicy/schedule-daily-look"),
        ("create_resource", "cloudscheduler.jobs/schedule-daily-look"),
    ] == [(action.kind, action.id) for action in made.actions]
    assert [
        ("delete_resource", "back:cloudscheduler.jobs/schedule-daily-look"),
        ("delete_resource", "back:run.jobs/schedule-daily-look"),
    ] == [(action.kind, action.id) for action in made.way_back]
    assert "Die Zeitpläne sind wieder wie vorher." == made.restored


def test_where_all_is_as_wanted_nothing_is_planned():
    assert () == plan(AS_WANTED).actions


def test_a_changed_time_is_changed_back_to_what_it_was():
    key = "cloudscheduler.jobs/schedule-daily-look"
    found = {**AS_WANTED, key: {**AS_WANTED[key], "schedule": "0 1 * * *", "state": "ENABLED"}}
    made = plan(found)
    assert [("update_resource", key)] == [(action.kind, action.id) for action in made.actions]
    (back,) = made.way_back
    assert ("update_resource", "0 1 * * *") == (back.kind, back.arguments["wanted"]["schedule"])
    assert "state" not in back.arguments["wanted"]


def test_a_removed_job_is_made_again_with_what_can_be_given():
    left = leftovers(RESOURCES, [job("schedule-old", **OURS)], [])
    made = plan(AS_WANTED, *left)
    assert ["remove:run.jobs/schedule-old"] == [action.id for action in made.actions]
    back, right = made.way_back
    assert {"template": {"taskCount": 1}, **OURS} == back.arguments["wanted"]
    assert ("back:run.jobPolicy/schedule-old", "roles/run.invoker") == (
        right.id, right.arguments["wanted"]["bindings"][0]["role"],
    )  # fmt: skip


def test_what_cannot_be_read_is_refused_whole():
    with pytest.raises(SchedulesWithheld):
        plan({**AS_WANTED, KEYS[0]: Unreadable("Eine Berechtigung fehlt.")})
