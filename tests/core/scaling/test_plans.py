"""Plans and checks of scaling, and of halting the queue."""

from typing import Any

import pytest

from leitstand.configuration import load_environment
from leitstand.core.scaling.checks import ConnectionBudget, check_pause, check_scaling
from leitstand.core.scaling.plans import plan_pause, plan_scaling, wanted_scaling
from leitstand.core.scaling.stated import same
from leitstand.core.service import ServiceState
from leitstand.core.traffic import Split
from leitstand.core.workloads import Scaling

ENVIRONMENT = load_environment("prod")
SERVICES = ENVIRONMENT.services
HALTED = {"scaling_mode": "MANUAL", "manual_instance_count": 0}


def state(name: str, *, settled: bool = True) -> ServiceState:
    return ServiceState(
        name=ENVIRONMENT.service_name(name),
        etag=f"etag-{name}",
        generation=1,
        settled=settled,
        traffic=Split(()),
        statuses=(),
        latest_ready_revision="",
        uri="",
        template={},
        problem="",
    )


def file_says(name: str) -> dict[str, Any]:
    return dict(SERVICES[name].scaling.model_dump())


@pytest.mark.parametrize(
    ("service", "instances", "expected"),
    [
        ("worker", 7, {"scaling_mode": "MANUAL", "manual_instance_count": 7}),
        ("worker", 1, {"min_instance_count": 1, "max_instance_count": 20}),
        ("web", 5, {"min_instance_count": 5, "max_instance_count": 10}),
        ("web", 2, {"min_instance_count": 2, "max_instance_count": 10}),
    ],
)
def test_only_the_worker_is_scaled_by_hand_and_returns_to_the_file_with_the_least(
    service: str, instances: int, expected: dict[str, Any]
) -> None:
    assert expected == wanted_scaling(service, instances, SERVICES[service].scaling)


def test_the_way_back_leads_to_the_scaling_of_before() -> None:
    before = {"scaling_mode": "MANUAL", "manual_instance_count": 4}
    wanted = wanted_scaling("worker", 9, SERVICES["worker"].scaling)
    plan = plan_scaling(state("worker"), before, wanted, environment="prod", basis={"instances": 9})
    assert ["scale-worker"] == [action.id for action in plan.actions]
    assert [before] == [action.arguments["scaling"] for action in plan.way_back]
    assert ("etag-worker", False) == (plan.basis["etag"], plan.returns_by_itself)


def test_a_service_that_has_its_scaling_is_left_alone() -> None:
    now = {**file_says("worker"), "scaling_mode": "AUTOMATIC"}
    wanted = wanted_scaling("worker", 1, SERVICES["worker"].scaling)
    plan = plan_scaling(state("worker"), now, wanted, environment="prod", basis={})
    assert ((), ()) == (plan.actions, plan.way_back)


def planned(action: Any, worker: dict[str, Any], beat: dict[str, Any]) -> tuple[list[str], ...]:
    plan = plan_pause(
        action,
        (state("worker"), worker, SERVICES["worker"].scaling),
        (state("beat"), beat, SERVICES["beat"].scaling),
        environment="prod",
        policy=ENVIRONMENT.scaling,
    )
    return [a.id for a in plan.actions], [a.id for a in plan.way_back]


@pytest.mark.parametrize(
    ("action", "halted", "there", "back"),
    [
        ("pause", "", ["pause-beat", "pause-worker"], ["restore-worker", "restore-beat"]),
        ("pause", "beat", ["pause-worker"], ["restore-worker"]),
        ("pause", "beat worker", [], []),
        ("drain", "", ["pause-beat", "drain", "pause-worker"], ["restore-worker", "restore-beat"]),
        ("drain", "beat", ["drain", "pause-worker"], ["restore-worker"]),
        ("resume", "beat worker", ["start-worker", "start-beat"],
         ["restore-beat", "restore-worker"]),
        ("resume", "beat", ["start-beat"], ["restore-beat"]),
        ("resume", "", [], []),
    ],
)  # fmt: skip
def test_who_fills_the_queue_stops_first_and_starts_last(
    action: str, halted: str, there: list[str], back: list[str]
) -> None:
    worker, beat = (HALTED if n in halted else file_says(n) for n in ("worker", "beat"))
    assert (there, back) == planned(action, worker, beat)


def red(*checks: Any) -> list[str]:
    return [check.id for check in checks if not check.passed]


@pytest.mark.parametrize(
    ("instances", "used", "expected"),
    [(6, 70, []), (7, 70, ["connections_suffice"]), (2, 99, []), (4, 95, ["connections_suffice"])],
)
def test_more_instances_must_leave_the_database_its_reserve(
    instances: int, used: int, expected: list[str]
) -> None:
    budget = ConnectionBudget(used=used, maximum=97, reserve=20, per_instance=2)
    assert expected == red(*check_scaling(state("worker"), instances, 3, budget))


def test_a_service_that_is_being_changed_is_not_scaled() -> None:
    checks = check_scaling(state("worker", settled=False), 2, 1, None)
    assert ["service_settled"] == red(*checks)


@pytest.mark.parametrize(
    ("action", "worker", "beats", "most", "expected"),
    [
        ("drain", HALTED, 0, 1, ["worker_works"]),
        ("pause", HALTED, 2, 1, []),
        ("resume", HALTED, 0, 1, []),
        ("resume", HALTED, None, 1, []),
        ("resume", HALTED, 2, 1, ["beat_is_one"]),
        ("resume", HALTED, 0, 2, ["beat_is_one"]),
    ],
)
def test_nothing_empties_a_queue_without_a_worker_and_beat_never_runs_twice(
    action: Any, worker: dict[str, Any], beats: int | None, most: int, expected: list[str]
) -> None:
    figures = Scaling(min_instance_count=1, max_instance_count=most)
    checks = check_pause(action, state("worker"), state("beat"), worker, figures, beats)
    assert expected == red(*checks)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (HALTED, {"scaling_mode": "MANUAL"}, True),
        ({"min_instance_count": 1, "scaling_mode": "AUTOMATIC"}, {"min_instance_count": 1}, True),
        (HALTED, {}, False),
    ],
)
def test_a_field_that_is_not_set_counts_as_its_default(
    one: dict[str, Any], other: dict[str, Any], expected: bool
) -> None:
    assert expected is same(one, other)
