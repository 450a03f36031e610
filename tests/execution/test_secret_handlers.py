"""A secret gets its new version, and its reader, once each, whatever happens in between."""

import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from leitstand.cloud.secrets import Secrets
from leitstand.core.errors import RolledBack
from leitstand.core.plan import Action, Plan
from leitstand.core.rotation.types import pins_of
from leitstand.execution.executor import ActionFailed
from leitstand.execution.recovery import executor_for, give_back, recover, revert
from leitstand.execution.secret_handlers import secret_handlers
from leitstand.execution.secret_values import LoginUnfit, database_login, try_value
from tests.execution.rotation_process import SECRET, plan
from tests.fixtures.world import World

ROOT = Path(__file__).resolve().parents[2]
NAME = f"projects/leitstand-sandbox/secrets/{SECRET}"
# run.started, plan.made, approval.given; then intent, operation and outcome of five actions, and
# run.completed.
EVENTS = 3 + 5 * 3 + 1


def rotate(world: World, crash_after: int | None = None) -> int:
    """Run the rotation in a process of its own; return its exit status."""
    environment = {name: v for name, v in os.environ.items() if name != "LEITSTAND_CRASH_AFTER"}
    if crash_after is not None:
        environment["LEITSTAND_CRASH_AFTER"] = str(crash_after)
    command = [sys.executable, "-m", "tests.execution.rotation_process"]
    command += [str(world.sandbox.directory), str(world.journal.path)]
    return subprocess.run(command, env=environment, cwd=ROOT, timeout=90).returncode


def apply(world: World, made: Plan) -> None:
    executor_for(world.approve(made), world.journal, world.connection).apply_all()


def newest(world: World) -> int:
    return Secrets(world.connection).newest_version(NAME)


def pinned(world: World) -> str:
    """The version that the revision with the traffic reads."""
    (serving,) = world.serving()
    return min(pins_of(world.run.revision(world.service, serving).template)[SECRET])


def check_resumes(world: World, crash_after: int) -> None:
    before = newest(world)
    assert -signal.SIGKILL == rotate(world, crash_after)
    assert crash_after == len(world.journal.events())
    assert 0 == rotate(world)
    assert (before + 1, str(before + 1)) == (newest(world), pinned(world))
    assert set() == world.tags()
    assert 2 == len(world.run.list_revisions(world.service))


# After the operation that makes the candidate.
@pytest.mark.parametrize("crash_after", [11])
def test_a_killed_rotation_is_finished_by_the_next_attempt(world: World, crash_after: int) -> None:
    check_resumes(world, crash_after)


@pytest.mark.sweep
@pytest.mark.parametrize("crash_after", range(1, EVENTS))
def test_a_rotation_killed_after_any_event_is_finished_by_the_next_attempt(
    world: World, crash_after: int
) -> None:
    check_resumes(world, crash_after)


def test_the_way_back_leads_to_the_old_version_and_disables_the_new_one(world: World) -> None:
    before = newest(world)
    old = pinned(world)
    apply(world, plan(world))
    assert str(before + 1) == pinned(world)
    ended = revert("run", world.journal, world.connection, "Zurück.")
    assert isinstance(ended, RolledBack)
    assert "alte Version" in ended.message
    assert old == pinned(world)
    service = world.run.service(world.service)
    assert {old} == pins_of(service.template)[SECRET]
    state = Secrets(world.connection).version_state(SECRET, str(before + 1))
    assert "DISABLED" == state


@pytest.mark.parametrize("crash_after", [16])
def test_a_killed_rotation_waits_for_its_operator_and_can_be_taken_back(
    world: World, crash_after: int
) -> None:
    old = pinned(world)
    rotate(world, crash_after)
    assert "leitstand resume" in str(recover("run", world.journal, world.connection, "Tot."))
    assert isinstance(revert("run", world.journal, world.connection, "Zurück."), RolledBack)
    assert old == pinned(world)


def test_a_candidate_that_does_not_work_never_gets_any_traffic(world: World) -> None:
    old = pinned(world)
    made = plan(world)
    probe = made.action("probe-web")
    data = made.as_data()
    for action in data["actions"]:
        if action["id"] == probe.id:
            action["arguments"] = {**probe.arguments, "paths": ["/gibt-es-nicht"]}
    changed = Plan.from_data(data)
    world.journal.append("plan.made", plan=changed.as_data(), digest=changed.digest)
    approved = world.approve(changed)
    with pytest.raises(ActionFailed, match="/gibt-es-nicht antwortet 404") as failed:
        executor_for(approved, world.journal, world.connection).apply_all()
    ended = give_back("run", approved, world.journal, world.connection, failed.value)
    assert isinstance(ended, RolledBack)
    assert (old, set()) == (pinned(world), world.tags())


def test_what_a_person_has_added_is_adopted_as_it_is(used_world: World) -> None:
    world = used_world
    number = Secrets(world.connection).add_version(NAME, "von Hand")
    made = plan(world, source="pending")
    assert [f"try-{SECRET}", "candidate-web"] == [a.id for a in made.actions][:2]
    apply(world, made)
    assert (int(number), number) == (newest(world), pinned(world))
    assert "von Hand" not in str(world.journal.events())


def test_a_version_that_somebody_else_added_meanwhile_is_not_taken_for_ours(
    used_world: World,
) -> None:
    secrets = Secrets(used_world.connection)
    number = newest(used_world) + 1
    add = Action("add", "secret_add", NAME, {"version": number, "value": "${generated:8}"})
    secrets.add_version(NAME, "schneller")
    with pytest.raises(ActionFailed, match="jemand anderes"):
        secret_handlers(used_world.connection)["secret_add"].start(add, "")
    assert "DISABLED" == secrets.version_state(SECRET, str(number + 1))
    assert "schneller" == secrets.value(NAME, str(number))


def test_the_newest_version_that_can_be_read_is_told_from_the_newest(used_world: World) -> None:
    secrets = Secrets(used_world.connection)
    added = int(secrets.add_version(NAME, "x"))
    before = secrets.newest_enabled(NAME)
    secrets.set_state(NAME, added, enabled=False)
    assert (added, added) == (before, secrets.newest_version(NAME))
    assert added > secrets.newest_enabled(NAME)


def test_an_address_tells_its_role_and_other_values_tell_none() -> None:
    assert "app_b" == database_login("postgresql://app_b:p%2Fw@h:5432/app")
    assert "" == database_login("redis://:x@h:1/0")
    assert "" == try_value("sk-irgendetwas", "")


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_a_login_that_redis_refuses_is_told_without_its_address(scheme: str) -> None:
    with pytest.raises(LoginUnfit) as refused:
        try_value(f"{scheme}://:geheim@127.0.0.1:1/0", "")
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
def test_an_address_that_cannot_be_understood_is_told_without_any_piece_of_it(scheme: str) -> None:
    pieces = ("vorne", "hinten")
    url = f"{scheme}://:{'/'.join(pieces)}@127.0.0.1:6379/0"
    with pytest.raises(LoginUnfit) as refused:
        try_value(url, "")
    told = "".join(traceback.format_exception(refused.value))
    assert [] == [piece for piece in pieces if piece in told]
