"""Rollouts against a real sandbox: real processes, real traffic, real verdicts."""

from datetime import UTC, datetime, timedelta

import pytest

from leitstand.core.errors import GateRefused, RolledBack, RunFailed, RunPaused
from leitstand.core.health import Verdict
from leitstand.core.plan import ApprovalExpired
from leitstand.core.traffic import Share, Split
from leitstand.execution.history import History
from leitstand.execution.recovery import NothingToTakeBack, recover, revert
from leitstand.execution.rollout import TakenOver
from leitstand.sandbox.fault_kinds import FaultKind
from tests.fixtures.world import World, short

STABLE = "web-00001-start"


def quiet(_: str) -> None:
    """Watch nothing."""


def events(world: World) -> list[str]:
    return [str(event["event"]) for event in world.journal]


def start(world: World, image: str):  # type: ignore[no-untyped-def]  # a tuple of three
    approved = world.approve(world.plan(image))
    rollout = world.rollout(approved)
    uri = rollout.start_candidate(quiet)
    return approved, rollout, uri


def test_a_good_image_gets_all_traffic_and_loses_its_tag(world: World) -> None:
    approved, rollout, uri = start(world, "web:1.1.0")
    assert {STABLE: 100} == world.serving()
    assert {"candidate"} == world.tags()
    assert all(probe.passed for probe in rollout.smoke_test(uri, quiet))
    with world.load() as load:
        stages = rollout.shift_traffic(quiet)
        report = load.stop()
    rollout.remove_tags(quiet)
    assert [10, 50, 100] == [stage.percent for stage in stages]
    assert {Verdict.HEALTHY} == {stage.diagnosis.verdict for stage in stages}
    assert {approved.plan.basis["candidate"]: 100} == world.serving()
    assert set() == world.tags()
    assert 0 == report.failed
    assert report.sent == report.answered > 100


def test_an_approval_that_expired_before_the_first_action_changes_nothing(world: World) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    approved = world.approve(world.plan("web:1.1.0"), until=past)
    with pytest.raises(ApprovalExpired):
        world.rollout(approved).start_candidate(quiet)
    assert {STABLE: 100} == world.serving()
    assert ["run.started", "plan.made", "approval.given"] == events(world)


@pytest.mark.parametrize(
    ("image", "metric", "floor"),
    [
        ("web:1.2.0-errors", "error_rate", 1000),
        ("web:1.2.1-slow", "latency_p95_ms", 300),
    ],
)
def test_an_unhealthy_image_loses_its_traffic_at_the_first_stage(
    world: World, image: str, metric: str, floor: float
) -> None:
    world.environment = short(world.environment, floor)
    _, rollout, _ = start(world, image)
    shown = []
    with world.load(), pytest.raises(RolledBack, match=f"zu 100 % auf {STABLE}"):
        rollout.shift_traffic(quiet, shown.append)
    assert [(10, Verdict.UNHEALTHY)] == [(s.percent, s.diagnosis.verdict) for s in shown]
    assert [metric] == [finding.metric for finding in shown[0].diagnosis.decisive()]
    assert {STABLE: 100} == world.serving()
    assert set() == world.tags()
    assert "run.rolled_back" == events(world)[-1]


@pytest.mark.parametrize("image", ["web:1.2.2-crash", "web:1.2.3-never-ready"])
def test_a_revision_that_never_gets_ready_leaves_traffic_where_it_was(
    world: World, image: str
) -> None:
    with pytest.raises(RolledBack, match="wurde nicht bereit"):
        start(world, image)
    assert {STABLE: 100} == world.serving()
    assert set() == world.tags()


def test_failed_smoke_tests_take_the_candidate_away(world: World) -> None:
    _, rollout, uri = start(world, "web:1.4.0-smoke")
    with pytest.raises(RolledBack, match="/smoke antwortet 500"):
        rollout.smoke_test(uri, quiet)
    assert {STABLE: 100} == world.serving()
    assert set() == world.tags()


def test_too_little_traffic_pauses_and_the_run_can_go_on(world: World) -> None:
    approved, rollout, _ = start(world, "web:1.1.0")
    with pytest.raises(RunPaused, match="0 von 20 Anfragen"):
        rollout.shift_traffic(quiet)
    candidate = approved.plan.basis["candidate"]
    assert {STABLE: 90, candidate: 10} == world.serving()
    assert History.read(world.journal).open
    with world.load():
        world.rollout(approved).shift_traffic(quiet)
    assert {candidate: 100} == world.serving()
    intents = [e["id"] for e in world.journal if e["event"] == "action.intent"]
    assert len(intents) == len(set(intents))


def test_a_paused_run_can_be_taken_back(world: World) -> None:
    _, rollout, _ = start(world, "web:1.1.0")
    with pytest.raises(RunPaused):
        rollout.shift_traffic(quiet)
    ended = revert("run", world.journal, world.connection, "Zurück.")
    assert isinstance(ended, RolledBack)
    assert {STABLE: 100} == world.serving()
    with pytest.raises(NothingToTakeBack):
        revert("run", world.journal, world.connection, "Noch einmal.")


def test_monitoring_that_does_not_answer_never_decides(world: World) -> None:
    _, rollout, _ = start(world, "web:1.2.0-errors")
    world.sandbox.add_fault("ListTimeSeries", "fail", "UNAVAILABLE", times=10_000)
    with world.load(), pytest.raises(RunPaused):
        rollout.shift_traffic(quiet)
    assert 10 == world.serving()[rollout.candidate]


def test_a_service_changed_since_the_plan_is_left_alone(world: World) -> None:
    approved = world.approve(world.plan("web:1.1.0"))
    change = Split.of(Share(STABLE, 100, "jemand"))
    world.run.start_traffic(world.service, world.run.service(world.service).etag, change)
    with pytest.raises(GateRefused, match="wurde geändert, seit der Plan entstand"):
        world.rollout(approved).start_candidate(quiet)
    assert {STABLE: 100} == world.serving()
    assert {"jemand"} == world.tags()


def test_traffic_that_someone_else_moved_during_the_rollout_stays_where_they_put_it(
    world: World,
) -> None:
    approved, rollout, _ = start(world, "web:1.1.0")
    with pytest.raises(RunPaused):
        rollout.shift_traffic(quiet)
    theirs = Split.of(Share(STABLE, 70), Share(rollout.candidate, 30))
    etag = world.run.service(world.service).etag
    world.run.start_traffic(world.service, etag, theirs)
    with pytest.raises(TakenOver):
        world.rollout(approved).start_candidate(quiet)
    assert {STABLE: 70, rollout.candidate: 30} == world.serving()


def test_ctrl_c_during_a_stage_takes_the_traffic_back(world: World) -> None:
    _, rollout, _ = start(world, "web:1.1.0")

    def interrupt(detail: str) -> None:
        if detail.startswith("10 %"):
            raise KeyboardInterrupt

    with pytest.raises(RolledBack, match="abgebrochen"):
        rollout.shift_traffic(interrupt)
    assert {STABLE: 100} == world.serving()


def test_ctrl_c_before_any_change_changes_nothing(world: World) -> None:
    approved = world.approve(world.plan("web:1.1.0"))
    world.sandbox.add_fault("GetService", "slow", seconds=0.1)
    rollout = world.rollout(approved)
    assert not History.read(world.journal).started
    ended = recover("run", world.journal, world.connection, "Der Kernel ist abgestürzt.")
    assert isinstance(ended, RunFailed)
    assert {STABLE: 100} == world.serving()
    assert rollout.stable == STABLE


@pytest.mark.parametrize("kind", ["lost", "fail"])
@pytest.mark.parametrize("method", ["UpdateService", "GetOperation"])
def test_an_answer_that_gets_lost_neither_fails_the_run_nor_starts_anything_twice(
    world: World, method: str, kind: FaultKind
) -> None:
    world.sandbox.add_fault(method, kind, "UNAVAILABLE")
    _, rollout, uri = start(world, "web:1.1.0")
    assert uri.startswith("http://127.0.0.1:")
    assert {STABLE: 100} == world.serving()
    assert {"candidate"} == world.tags()
    names = [revision.name for revision in world.run.list_revisions(world.service)]
    assert [rollout.candidate, STABLE] == names


def test_a_way_back_that_fails_says_so_and_can_be_repeated(world: World) -> None:
    _, rollout, uri = start(world, "web:1.4.0-smoke")
    world.sandbox.add_fault("UpdateService", "fail", "PERMISSION_DENIED")
    with pytest.raises(RunFailed, match="Der Rückweg ist fehlgeschlagen"):
        rollout.smoke_test(uri, quiet)
    assert {"candidate"} == world.tags()
    ended = revert("run", world.journal, world.connection, "Noch einmal.")
    assert isinstance(ended, RolledBack)
    assert set() == world.tags()
