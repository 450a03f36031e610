"""The provisioning runbook where something is in its way: refusals, deaths, and other people."""

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from leitstand.cloud.secrets import Secrets
from tests.fixtures.command import Ended
from tests.fixtures.provisioning import Production, production

BUCKET: Mapping[str, Mapping[str, Any]] = {
    "serviceusage.services": {"logging.googleapis.com": {"state": "ENABLED"}},
    "logging.buckets": {"_Default": {"retention_days": 90}},
}
"""What a step after the services changes."""
SERVICE = '"action.intent", "id": "run.services/web"'
DENIED, EXHAUSTED = "compute.backendServices/web", "dns.managedZones/main"
BY_HAND = "logging.buckets/_Default"
DURING_SECRETS = 60
"""Events after which some secrets are there, and nothing that is refused was begun."""


@dataclass
class Story:
    """A run that is killed, resumed, refused this and that, disturbed, and resumed once more.

    Attributes:
        place: Where.
        killed: How it ended first.
        refused: How it ended when it was resumed.
        left: What was not as wanted then.
        other: How a second run ended that was started meanwhile.
        resumed: How it ended at last.
    """

    place: Production
    killed: Ended
    refused: Ended
    left: list[str]
    other: Ended
    resumed: Ended


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with production(tmp_path_factory.mktemp("story"), whole=False) as place:
        place.want(BUCKET)
        place.change("serviceusage.services", "logging.googleapis.com", {"state": "ENABLED"})
        killed = killed_after(place, DURING_SECRETS)
        run = place.leitstand.runs[0].name
        arguments = ("sandbox", "break", "backendServices.insert", "--code", "PERMISSION_DENIED")
        assert 0 == place.leitstand(*arguments).code
        place.sandbox.add_fault("managedZones.create", "fail", "RESOURCE_EXHAUSTED")
        place.sandbox.add_fault("CreateService", "slow", seconds=2)
        with place.running(SERVICE, "resume", run) as first:
            with stopped(first.pid):
                place.change("logging.buckets", "_Default", {"retentionDays": 7})
                other = place.provision()
            output, problems = first.communicate(timeout=60)
        left = place.deviating
        place.change("logging.buckets", "_Default", {"retentionDays": 30})
        refused = Ended(first.returncode, output, " ".join(problems.split()))
        yield Story(place, killed, refused, left, other, place.resume(0))


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Have a command and all that it started do nothing for a while."""
    first = psutil.Process(pid)
    processes = [first, *first.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def killed_after(place: Production, event: int) -> Ended:
    place.leitstand.extra["LEITSTAND_CRASH_AFTER"] = str(event)
    killed = place.provision()
    del place.leitstand.extra["LEITSTAND_CRASH_AFTER"]
    return killed


def test_a_killed_run_says_how_to_go_on(story: Story) -> None:
    assert 4 == story.killed.code
    run = story.place.leitstand.runs[0].name
    assert f"leitstand resume {run}" in story.killed.problems


def test_what_is_refused_is_named_with_all_that_needs_it_and_the_rest_is_done(
    story: Story,
) -> None:
    assert 4 == story.refused.code
    needing = ["urlMaps/main", "targetHttpsProxies/main", "globalForwardingRules/main"]
    records = ["dns.resourceRecordSets/main/app.sandbox.example./A"]
    refused = {DENIED, *(f"compute.{name}" for name in needing), EXHAUSTED, *records}
    assert refused | {BY_HAND} == set(story.left)
    named = story.refused.problems.partition("noch nicht wie vereinbart: ")[2].split(", ")
    assert {DENIED, EXHAUSTED, BY_HAND} == set(named[:3])
    assert f"leitstand resume {story.place.leitstand.runs[0].name}" in story.refused.problems
    errors = [str(e["error"]) for e in story.place.leitstand.journal(0) if "error" in e]
    for sentence in (
        "Backend-Dienst web anlegen: Eine Berechtigung fehlt.",
        "DNS-Zone main anlegen: Ein Kontingent des Projekts ist ausgeschöpft",
    ):
        assert 1 == sum(error.startswith(sentence) for error in errors)


def test_a_second_run_is_refused_as_long_as_the_first_one_works(story: Story) -> None:
    holder = story.place.leitstand.runs[0].name
    assert (3, True) == (
        story.other.code, f"Der Lauf {holder} arbeitet gerade an" in story.other.problems
    )  # fmt: skip
    assert [] == story.place.ids("action.intent", 1)


def test_what_was_changed_by_hand_since_the_plan_is_left_alone(story: Story) -> None:
    errors = [str(e["error"]) for e in story.place.leitstand.journal(0) if "error" in e]
    by_hand = "Log-Bucket _Default wurde seit dem Plan von Hand geändert: retentionDays."
    assert any(error.startswith(by_hand) for error in errors)


def test_a_resumed_run_completes_everything_under_its_approval_and_makes_nothing_twice(
    story: Story,
) -> None:
    assert (0, "") == (story.resumed.code, story.resumed.problems)
    everything_is_there_once(story.place)
    done = [e["id"] for e in story.place.leitstand.journal(0) if e.get("status") == "done"]
    assert len(done) == len(set(done))
    assert 1 == story.place.leitstand.events(0).count("approval.given")


def everything_is_there_once(place: Production) -> None:
    assert [] == place.deviating
    ends = [e for e in place.leitstand.journal(0) if e["event"] == "action.outcome"]
    reached = Counter(str(e["id"]) for e in ends if e["status"] != "failed")
    assert Counter(place.planned(0)) == reached
    secrets = Secrets(place.connection)
    names = [r.name for r in place.observe().resources if r.kind.name == "secretmanager.secrets"]
    assert {1} == {secrets.newest_version(name) for name in names}
    called = Counter(method.rpartition("/")[2] for method, _ in place.writes())
    assert (1, 3, 3) == (
        called["CreateService"], called["CreateSecret"], called["AddSecretVersion"]
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Production]:
    """An empty production of one service."""
    with production(tmp_path, whole=False) as made:
        yield made


@pytest.mark.sweep
@pytest.mark.parametrize("crash_after", range(10, 130, 7))
def test_a_run_killed_after_any_event_is_completed_by_resuming_it(
    place: Production, crash_after: int
) -> None:
    killed = killed_after(place, crash_after)
    assert killed.code in {4, -signal.SIGKILL}
    resumed = place.resume()
    assert (0, "") == (resumed.code, resumed.problems)
    assert 1 == len(place.leitstand.runs)
    everything_is_there_once(place)


@pytest.mark.sweep
def test_ctrl_c_begins_nothing_more_and_the_run_goes_on_later(place: Production) -> None:
    place.sandbox.add_fault("CreateService", "slow", seconds=2)
    with place.running(SERVICE, "run", "provision", "-p", "apply=true") as process:
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=60)
    assert "leitstand resume" in problems
    assert "run.policy/web" not in place.ids("action.intent")
    resumed = place.resume()
    assert (0, "") == (resumed.code, resumed.problems)
    everything_is_there_once(place)


@pytest.mark.sweep
def test_a_service_that_does_not_start_is_named_until_it_works(place: Production) -> None:
    place.leitstand.configure(first_images__web="web:1.2.2-crash")
    ended = place.provision()
    assert (4, True) == (ended.code, "run.services/web" in ended.problems)
    assert "Anlegen von Cloud-Run-Dienst web ist fehlgeschlagen: " in place.shown()
    again = place.provision()
    assert "run.services/web" not in place.planned()
    assert (4, True) == (again.code, "run.services/web" in again.problems)
    assert "terminalCondition.state ist CONDITION_FAILED" in place.shown()
