"""A run with its locks, from its approval to its last action."""

import gc
import getpass
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.lock_objects import BucketLocks
from leitstand.configuration import load_environment
from leitstand.core.lock_errors import Locked, LockLost, LockStoreMissing, LockStoreUnusable
from leitstand.core.lock_settings import LockSettings
from leitstand.core.plan import Action, Approved, Plan
from leitstand.execution.executor import Executor, Watch
from leitstand.execution.lock_claims import lease_of
from leitstand.execution.lock_directory import DirectoryLocks
from leitstand.execution.lock_takeover import held, take
from leitstand.notebook.aftercare import recover_run
from leitstand.notebook.locking import evidence_here, give_back_left, holder_here
from leitstand.notebook.run import Run
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.template import find_template, read_template
from tests.audit.bucket import Buckets, serving
from tests.fixtures.locks import locks_at

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
PLAN = Plan(
    "release",
    "sandbox",
    "services/web",
    {},
    (Action("one", "set", "services/web"), Action("two", "set", "services/worker")),
    way_back=(Action("back", "set", "services/web"),),
)
NUMBERS = count(1)


class World:
    """Counts what was started in it; while an action runs, something can happen."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def reached(self, action: Action) -> bool:
        return False

    def start(self, action: Action, etag: str) -> str:
        self.started.append(action.id)
        return "operation"

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        self.meanwhile()
        return {}


def opened(
    home: Path,
    name: str = "r1",
    locks: LockSettings | None = None,
    rest: str = "http://127.0.0.1:9",
) -> Run:
    """A run without any cloud, whose locks lie in its state directory unless told otherwise."""
    directory = RunDirectory(home / "runs" / name)
    directory.path.mkdir(parents=True, exist_ok=True)
    environment = load_environment("sandbox")
    if locks is not None:
        environment = environment.model_copy(update={"locks": locks})
    return Run(
        directory,
        read_template(find_template("release", RUNBOOKS)),
        environment,
        {"apply": True, "ticket": "OPS-7"},
        Connection(environment, "127.0.0.1:9", rest),
        "anna",
    )


def approved(run: Run, plan: Plan = PLAN) -> Approved:
    run.planned(plan)
    given = run.approve(plan)
    assert isinstance(given, Approved)
    return given


def died(home: Path, name: str = "r1") -> None:
    """A run was approved, and then its process died: nobody keeps what holds its locks."""
    approved(opened(home, name))
    gc.collect()


def events(run: Run) -> list[object]:
    return [event["event"] for event in run.journal]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_approved_run_holds_everything_that_it_changes_until_it_finishes(home: Path) -> None:
    run = opened(home)
    approved(run)
    me = holder_here("erika")
    store = DirectoryLocks(home / "locks")
    (one,) = held(store, me, evidence_here(), "sandbox")
    assert ("r1", ("services/web", "services/worker")) == (one.holder, one.targets)
    assert one.lease is not None
    holder = one.lease.holder
    assert ("anna", "release", "OPS-7", os.getpid()) == (
        holder.operator, holder.runbook, holder.ticket, holder.pid,
    )  # fmt: skip
    with pytest.raises(Locked, match="Der Lauf r1 arbeitet gerade an worker"):
        locks_at(home).acquire(["services/worker"])
    run.finish()
    assert [] == held(store, me, evidence_here(), "sandbox")
    assert not [event for event in events(run) if str(event).startswith("lock.")]


def test_a_run_that_is_refused_gives_no_approval(home: Path) -> None:
    other = locks_at(home)
    other.acquire(["services/worker"])
    run = opened(home)
    with pytest.raises(Locked, match="Der Lauf another-run"):
        approved(run)
    assert ["plan.made"] == events(run)
    other.release()
    approved(run)


def test_a_run_whose_lock_is_taken_over_begins_no_other_action_and_no_way_back(
    home: Path,
) -> None:
    run, world = opened(home), World()
    executor = Executor(approved(run), run.journal, {"set": world})
    taker = replace(holder_here("erika"), token="t")
    store = DirectoryLocks(home / "locks")
    world.meanwhile = lambda: take(
        store, taker, evidence_here(), "sandbox", "r1", "Kunden sehen 500.", 900
    )
    executor.apply("one")
    with pytest.raises(LockLost, match=r"übernommen von erika um .*Kunden sehen 500"):
        executor.apply("two")
    with pytest.raises(LockLost):
        executor.take_back()
    assert ["one"] == world.started
    (lost,) = [event for event in run.journal if event["event"] == "lock.lost"]
    assert ("erika", "Kunden sehen 500.") == (lost["by"], lost["reason"])
    assert "action.outcome" == events(run)[-2]


def test_a_lock_that_expires_while_an_action_runs_stops_the_next_one(home: Path) -> None:
    run, world = opened(home), World()
    executor = Executor(approved(run), run.journal, {"set": world})
    elsewhere = locks_at(home, "r2")

    def silent_for_two_minutes() -> None:
        for path in (home / "locks").rglob("*.json"):
            then = path.stat().st_mtime - 120
            os.utime(path, (then, then))
        elsewhere.acquire(["services/web"])

    world.meanwhile = silent_for_two_minutes
    executor.apply("one")
    with pytest.raises(LockLost, match=r"Lauf r2.*ohne Lebenszeichen"):
        executor.apply("two")
    assert ["one"] == world.started
    elsewhere.check()
    elsewhere.release()


def test_a_run_goes_on_with_its_own_locks_after_its_process_died(home: Path) -> None:
    died(home)
    run, world = opened(home), World()
    Executor(approved(run), run.journal, {"set": world}).apply_all()
    assert ["one", "two"] == world.started


def test_a_run_that_takes_a_dead_ones_lock_says_so(home: Path) -> None:
    died(home, "dead")
    run = opened(home)
    approved(run)
    (taken,) = [event for event in run.journal if event["event"] == "lock.taken"]
    assert ("dead", "anna") == (taken["run"], taken["operator"])


def test_what_a_killed_process_left_is_given_back_by_its_runner(home: Path) -> None:
    died(home, "dead")
    store = DirectoryLocks(home / "locks")
    assert store.listing("runs/")
    give_back_left("dead", "sandbox")
    give_back_left("dead", "sandbox")
    assert [] == store.listing("runs/")
    living = opened(home, "living")
    approved(living)
    give_back_left("living", "sandbox")
    assert 1 == len(store.listing("runs/"))


def test_a_run_waits_for_one_that_seems_dead_and_says_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = locks_at(home, "silent", expires=1, heartbeat=60)
    silent.acquire(["services/web"])
    for path in (home / "locks").rglob("*.json"):
        then = path.stat().st_mtime - 1.5
        os.utime(path, (then, then))
    approved(opened(home))
    shown = " ".join(capsys.readouterr().out.split())
    assert "Der Lauf silent gibt seit 2 s kein Lebenszeichen." in shown
    with pytest.raises(LockLost):
        silent.check()


def interrupted(home: Path) -> tuple[Run, Executor]:
    """A run with one of its two actions done."""
    run = opened(home)
    run.journal.append("run.started", run="r1", runbook="release", env="sandbox")
    executor = Executor(approved(run), run.journal, {"set": World()})
    executor.apply("one")
    return run, executor


def taken_from(home: Path) -> None:
    store = DirectoryLocks(home / "locks")
    me = holder_here(getpass.getuser())
    take(store, me, evidence_here(), "sandbox", "r1", "Kunden sehen 500.", 60)


@pytest.mark.parametrize("seconds", [0, 120])
def test_after_a_takeover_nothing_is_taken_back_by_itself_even_where_the_lock_is_free_again(
    home: Path, seconds: float
) -> None:
    run, _ = interrupted(home)
    taken_from(home)
    for path in (home / "locks").rglob("*.json"):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))
    before = events(run)
    error = recover_run(run.directory.path, "Der Kernel ist fort.")
    assert isinstance(error, LockLost)
    assert "Kunden sehen 500." in error.message
    assert before == events(run)


def test_a_run_that_has_seen_its_lock_lost_is_not_taken_back_by_itself(home: Path) -> None:
    run, executor = interrupted(home)
    taken_from(home)
    with pytest.raises(LockLost) as lost:
        executor.apply("two")
    for entry in DirectoryLocks(home / "locks").listing("runs/"):
        DirectoryLocks(home / "locks").delete(entry.name, entry.version)
    error = recover_run(run.directory.path, "Der Kernel ist fort.")
    assert (LockLost, lost.value.by) == (type(error), getattr(error, "by", None))


def test_the_place_of_the_locks_is_asked_three_times_before_it_counts_as_out_of_reach(
    home: Path,
) -> None:
    environment = load_environment("sandbox")
    connection = Connection(environment, "127.0.0.1:9", "http://127.0.0.1:9")
    rest = connection.hurried(1, 3)
    with pytest.raises(LockStoreUnusable):
        BucketLocks(lambda: rest, "b").read("x.json")
    assert 3 == rest.calls


def test_without_the_store_nothing_is_approved(home: Path) -> None:
    run = opened(home, locks=LockSettings(store="gs://leitstand-locks"))
    with pytest.raises(LockStoreUnusable, match="gs://leitstand-locks sind nicht erreichbar"):
        approved(run)
    assert ["plan.made"] == events(run)


# In a bucket


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buckets]:
    with serving(tmp_path_factory.mktemp("buckets")) as served:
        yield served


def test_two_machines_keep_out_of_each_others_way(
    buckets: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = buckets.make(f"locks-{next(NUMBERS)}")
    said = LockSettings(store=f"gs://{bucket}/prod")
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path / "one"))
    first = opened(tmp_path / "one", "r1", said, buckets.address)
    given = approved(first)
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path / "two"))
    for name in ("r2", "r1"):
        with pytest.raises(Locked, match="Der Lauf r1 arbeitet gerade an web"):
            approved(opened(tmp_path / "two", name, said, buckets.address))
    world = World()
    Executor(given, first.journal, {"set": world}).apply_all()
    assert ["one", "two"] == world.started
    first.finish()
    assert [] == buckets.rest.call("storage.v1", "objects", "list", f"b/{bucket}", what="").get(
        "items", []
    )
    approved(opened(tmp_path / "two", "r2", said, buckets.address))


def test_the_plan_that_makes_the_bucket_of_the_locks_locks_here(
    buckets: Buckets, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = LockSettings(store="gs://not-yet-there")
    run = opened(home, locks=said, rest=buckets.address)
    with pytest.raises(LockStoreMissing, match="leitstand run provision"):
        approved(run)
    makes = replace(PLAN, actions=(Action("b", "set", "b/not-yet-there"),))
    approved(run, makes)
    assert "sperrt nur hier" in capsys.readouterr().out
    with pytest.raises(Locked):
        locks_at(home).acquire(["services/web"])


def test_a_heartbeat_that_fails_is_journalled_once(home: Path) -> None:
    from leitstand.notebook.locking import _Told

    journal = Journal(home.parent / "journal.jsonl")
    _Told(journal).unrenewed("gs://b", LockStoreUnusable("gs://b", "keine Antwort."))
    (event,) = journal
    assert ("lock.unrenewed", "gs://b") == (event["event"], event["store"])


def test_the_lease_names_its_holder_to_everybody_who_reads_the_store(home: Path) -> None:
    run = opened(home)
    approved(run)
    store = DirectoryLocks(home / "locks")
    (found,) = store.listing("runs/")
    lease = lease_of(store, found)
    assert ("r1", 60, None) == (lease.holder.run, lease.expires, lease.over)
    run.finish()
