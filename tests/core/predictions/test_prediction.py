"""What a rehearsal predicts, how it is kept, and what a gate makes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leitstand.core.predictions.plans import ABSENT, Departure, normalised
from leitstand.core.predictions.prediction import (
    Comparison,
    Prediction,
    approved_plans,
    compare,
    parameters_digest,
)
from leitstand.core.predictions.scope import rotation_refused, scope_of
from leitstand.core.rotation.recipes import Recipe
from tests.core.predictions.samples import OURS, THEIRS, release

AT = datetime(2026, 11, 26, 3, tzinfo=UTC)
PLANNED = normalised(release(THEIRS), THEIRS)
PREDICTION = Prediction(
    "release", "prod", "p", AT, "r", 7, 0, "", (normalised(release(OURS), OURS),), {"services": {}}
)


def test_a_prediction_is_read_as_it_was_written() -> None:
    assert PREDICTION == Prediction.from_data(PREDICTION.as_data())


def spoilt(**changes: Any) -> dict[str, Any]:
    return {**PREDICTION.as_data(), **changes}


@pytest.mark.parametrize(
    "data", [spoilt(format=2), spoilt(plans=[]), spoilt(world={"services": {"web": {}}})]
)
def test_a_prediction_of_a_newer_version_or_one_that_was_edited_is_refused(
    data: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match=r"format|digest"):
        Prediction.from_data(data)


def test_a_prediction_holds_for_as_long_as_the_environment_says() -> None:
    assert PREDICTION.holds(AT + timedelta(seconds=60), 60)
    assert not PREDICTION.holds(AT + timedelta(seconds=61), 60)


def test_a_plan_as_predicted_departs_nowhere() -> None:
    assert Comparison(()) == compare(PREDICTION, PLANNED, 0)


def test_a_plan_that_the_rehearsal_did_not_have_departs() -> None:
    other = {**PLANNED, "runbook": "release/more"}
    departed = Departure("plan", "", "", ABSENT, "release/more")
    assert Comparison((departed,), known=False) == compare(PREDICTION, other, 0)


def test_a_rehearsal_that_failed_says_nothing_about_what_came_after() -> None:
    failed = replace(PREDICTION, exit_code=4, plans=())
    assert Comparison((), known=False) == compare(failed, PLANNED, 0)


def test_the_second_plan_is_compared_with_the_second() -> None:
    later = normalised(release(OURS, stages=(100,)), OURS)
    both = replace(PREDICTION, plans=(*PREDICTION.plans, later))
    assert [True, False] == [bool(compare(both, PLANNED, n).departures) for n in (1, 0)]


def test_environment_ticket_and_apply_are_no_other_parameters() -> None:
    given = {"env": "prod", "ticket": "OPS-1", "apply": False, "image": "web:1"}
    same = {**given, "env": "sandbox", "ticket": "", "apply": True}
    assert parameters_digest(given) == parameters_digest(same)
    assert parameters_digest(given) != parameters_digest({**given, "image": "web:2"})


def test_only_plans_that_were_approved_are_predicted() -> None:
    plan, other = release(OURS), release(OURS, stages=(100,))
    events = [
        {"event": "run.started"},
        {"event": "plan.made", "plan": other.as_data(), "digest": other.digest},
        {"event": "plan.made", "plan": plan.as_data(), "digest": plan.digest},
        {"event": "approval.given", "digest": plan.digest},
    ]
    assert (PLANNED,) == approved_plans(events, OURS, "r")


@pytest.mark.parametrize(
    ("runbook", "parameters", "refused"),
    [
        ("release", {"image": "web:1"}, False),
        ("rollback", {"target": "", "before_run": ""}, False),
        ("rollback", {"target": "2026-11-24T07:00:00+01:00"}, True),
        ("rollback", {"before_run": "2026"}, True),
        ("scale", {"instances": 3}, False),
        ("scale", {"instances": 0}, True),
        ("migrate", {"image": "web:1"}, False),
        ("rotate_secret", {"secret": "database-url"}, False),
        ("rotate_secret", {"secret": ""}, True),
        ("maintenance_mode", {"on": True}, False),
        ("litellm_quota", {"requests_per_minute": 300}, False),
        ("pause_queue", {"action": "drain"}, False),
        ("log_retention", {}, True),
        ("pgvector_maintenance", {}, True),
        ("unheard_of", {}, True),
    ],
)
def test_what_follows_from_data_is_not_rehearsed(
    runbook: str, parameters: dict[str, object], refused: bool
) -> None:
    scope = scope_of(runbook, parameters)
    assert refused == bool(scope.refused)
    assert refused != bool(scope.limits)


@pytest.mark.parametrize(
    ("value", "source", "reason"),
    [
        ("${generated:32}", "generated", ""),
        ("${operator}", "generated", "source=pending"),
        ("${operator}", "pending", ""),
        ("redis://:${auth:redis.instances/main}@host", "generated", "AUTH-String"),
    ],
)
def test_a_value_that_nobody_can_make_here_is_not_rehearsed(
    value: str, source: str, reason: str
) -> None:
    refused = rotation_refused(Recipe("key", "key", value, {}), source)
    assert bool(reason) == bool(refused)
    assert reason in refused
