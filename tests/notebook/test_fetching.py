"""Two machines and the runs that go from one to the other, with every trouble on the way."""

import os
from pathlib import Path

import pytest

from leitstand.audit.index import list_runs
from leitstand.audit.open_store import DirectoryOpenStore
from leitstand.audit.records import read_record
from leitstand.audit.store_directory import DirectoryStore
from leitstand.configuration import load_environment
from leitstand.core.errors import LeitstandError
from leitstand.core.lock_errors import Locked
from leitstand.core.open_run_errors import (
    ContinuedElsewhere,
    EndedElsewhere,
    OpenStateDamaged,
    OpenStoreUnusable,
)
from leitstand.notebook.aftercare import (
    RunEnded,
    RunUnderWay,
    UnknownRun,
    find_run,
)
from leitstand.notebook.fetching import newest_state
from leitstand.notebook.managed_run import hold_run
from leitstand.notebook.open_runs import stored_runs
from leitstand.notebook.sealed import hindrance
from tests.fixtures.machines import PLAN, RUN, Machine, Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


@pytest.fixture
def dead(place: Place) -> Place:
    """A place in which machine A died after the first of two actions."""
    with place.a.used():
        run = place.a.begin()
        place.executor(run).apply("one")
        run._mirrored.claim(PLAN)
        place.die(run)
    return place


def refused(machine: Machine, kind: type[LeitstandError], match: str = "Lauf") -> None:
    with machine.used(), pytest.raises(kind, match=match):
        machine.resume()


def test_another_machine_goes_on_where_the_first_one_died(dead: Place) -> None:
    with dead.b.used():
        run = dead.b.resume()
        dead.executor(run).apply_all()
        run.finish()
        run.journal.append("run.completed")
        assert "" == dead.b.seal()
    assert ["one", "two"] == dead.world.started
    assert 0 == dead.pieces()
    refused(dead.a, EndedElsewhere, "beendet worden")
    refused(dead.b, RunEnded)


def test_an_intent_whose_outcome_got_lost_with_the_machine_is_found_done(place: Place) -> None:
    with place.a.used():
        run = place.a.begin()
        executor = place.executor(run)
        run.journal.append("action.intent", id="one", kind="set_traffic")
        place.world.start(PLAN.actions[0], "")  # and here the machine dies
        del executor
        place.die(run)
    with place.b.used():
        run = place.b.resume()
        place.executor(run).apply_all()
    assert ["one", "two"] == place.world.started
    outcomes = [e for e in run.journal if e["event"] == "action.outcome"]
    assert [("one", "found_done"), ("two", "done")] == [(e["id"], e["status"]) for e in outcomes]


def test_while_the_first_machine_lives_the_other_one_is_refused(place: Place) -> None:
    with place.a.used():
        run = place.a.begin()
        executor = place.executor(run)
        executor.apply("one")
        run._mirrored.claim(PLAN)
    with place.b.used(), pytest.raises(Locked, match=r"anna auf .*leitstand lock take"):
        place.b.resume().approve(PLAN)
    with place.a.used():
        executor.apply("two")
    assert ["one", "two"] == place.world.started


def test_of_two_machines_that_resume_at_once_exactly_one_goes_on(dead: Place) -> None:
    with dead.a.used():
        mine = dead.a.resume()
    with dead.b.used():
        other = dead.b.resume()
        dead.executor(other).apply_all()
        other.finish()
    with dead.a.used(), pytest.raises(ContinuedElsewhere, match="weitergegangen"):
        dead.executor(mine).apply_all()
    assert ["one", "two"] == dead.world.started
    assert "one" in dead.b.journal.decode()
    # It leaves no record of its own, and takes up the state of the other one when it is asked to.
    with dead.a.used():
        mine.finish()
        assert "geht auf einem anderen Rechner weiter" in dead.a.seal()
        newest_state(RUN)
    assert dead.a.journal == dead.b.journal
    assert (dead.a.home / "runs" / RUN / "journal-1.jsonl").is_file()


def test_a_machine_that_wakes_up_after_another_has_gone_on_begins_nothing(place: Place) -> None:
    with place.a.used():
        asleep = place.a.begin()
        executor = place.executor(asleep)
        executor.apply("one")
        asleep._mirrored.claim(PLAN)
        place.die(asleep)
    with place.b.used():
        place.executor(place.b.resume()).apply("two")
    with place.a.used(), pytest.raises(LeitstandError, match=r"anderer Stelle|weitergegangen"):
        executor.apply("two")
    assert ["one", "two"] == place.world.started


def test_an_old_copy_beside_a_newer_state_is_brought_up_to_date(dead: Place) -> None:
    with dead.b.used():
        run = dead.b.resume()
        dead.executor(run).apply("two")
        run._mirrored.claim(PLAN)
        dead.die(run)
    with dead.a.used():
        again = dead.a.resume()
        dead.executor(again).apply_all()
    assert ["one", "two"] == dead.world.started
    assert 2 == dead.a.events().count("run.resumed")


def test_what_did_not_reach_the_store_goes_on_where_it_lies(dead: Place) -> None:
    with dead.a.used():
        find_run(RUN).journal.append("step.started", step="s", title="Nur hier")
        run = dead.a.resume()
        dead.executor(run).apply_all()
        run._mirrored.claim(PLAN)
    store = DirectoryOpenStore(dead.open)
    stored = b"".join(store.read(name) or b"" for name in store.names(f"open/{RUN}/"))
    assert dead.a.journal == stored
    assert b"Nur hier" in stored


def test_nobody_goes_on_while_the_store_cannot_be_asked(dead: Place) -> None:
    dead.open.rename(dead.directory / "away")
    dead.open.write_text("in the way")
    refused(dead.a, OpenStoreUnusable, "weiß niemand, ob der Lauf anderswo weitergeht")
    refused(dead.b, UnknownRun, r"Nicht gefragt werden konnte der Speicher von .*sandbox")
    assert ["one"] == dead.world.started


def test_a_damaged_state_is_not_gone_on_with(dead: Place) -> None:
    first = min((dead.open / "open" / RUN).iterdir())
    first.unlink()
    refused(dead.b, OpenStateDamaged, "ist beschädigt")


def test_a_machine_with_the_whole_journal_goes_on_though_the_store_has_lost_some(
    dead: Place,
) -> None:
    min((dead.open / "open" / RUN).iterdir()).unlink()
    with dead.a.used():
        dead.executor(dead.a.resume()).apply_all()
    assert ["one", "two"] == dead.world.started


def test_a_run_that_is_nowhere_is_unknown(dead: Place) -> None:
    with dead.b.used():
        for name in ("nothing", "", "../x", f"{RUN}x"):
            with pytest.raises(UnknownRun):
                newest_state(name)
        with pytest.raises(UnknownRun, match="Nicht gefragt werden konnte der Speicher von prod"):
            newest_state("20261126-140000-release-0000")
        with pytest.raises(OpenStoreUnusable, match="keine Anmeldung"):
            newest_state("20261126-140000-release-0000", "prod")
        assert RUN == newest_state(RUN[:12]).id


def test_a_run_that_is_executed_on_this_machine_is_left_alone(dead: Place) -> None:
    with dead.a.used():
        hold = hold_run(find_run(RUN))
        before = dead.a.journal
        with pytest.raises(RunUnderWay):
            newest_state(RUN)
    assert before == dead.a.journal
    os.close(hold)


def test_a_state_that_is_fetched_is_private(dead: Place) -> None:
    with dead.b.used():
        directory = newest_state(RUN)
    assert (0o700, 0o600) == (
        directory.path.stat().st_mode & 0o777,
        directory.journal.path.stat().st_mode & 0o777,
    )
    assert [directory.path] == list((dead.b.home / "runs").iterdir())


def test_the_list_says_which_runs_lie_open_in_the_store(dead: Place) -> None:
    with dead.b.used():
        (one,) = stored_runs(load_environment("sandbox"))
    assert (RUN, "sandbox", "anna", "OPS-7", "open", str(dead.open)) == (
        one.id, one.env, one.operator, one.ticket, one.status, one.url,
    )  # fmt: skip


def test_a_run_that_waits_stays_in_the_store_and_one_that_was_refused_does_not(
    place: Place,
) -> None:
    with place.a.used():
        run = place.a.begin()
        run.approve(PLAN)
        run.finish()
        run.journal.append("run.paused")
        assert "" == place.a.seal()
        assert place.pieces()
        run.journal.append("run.failed", exit_code=3)
        run.journal.append("run.resumed")
        run.approve(PLAN)
        run.finish()
        run.journal.append("run.failed", exit_code=3)
        place.a.seal()
    assert 0 == place.pieces()
    assert not (place.open / "ended").exists()


def test_a_run_that_only_looks_asks_no_store(place: Place) -> None:
    place.open.write_text("in the way")
    with place.a.used():
        run = place.a.begin(parameters={"env": "sandbox", "apply": False})
        run.parameters = {"apply": False, "ticket": ""}
        run.approve(PLAN)
        run.journal.append("run.completed")
        assert "" == place.a.seal()


def test_both_parts_of_a_run_that_went_from_machine_to_machine_stand_in_one_chain(
    dead: Place,
) -> None:
    with dead.a.used():
        find_run(RUN).journal.append("run.failed", exit_code=4)
        assert "" == dead.a.seal()
    assert dead.pieces()
    with dead.b.used():
        run = dead.b.resume()
        dead.executor(run).apply_all()
        run.finish()
        run.journal.append("run.completed")
        assert "" == dead.b.seal()
    store = DirectoryStore(dead.directory / "shared" / "records")
    parts = [read_record(store.read(seq)) for seq in range(1, store.head() + 1)]
    assert [(RUN, 1), (RUN, 2)] == [(part.run_id, part.part) for part in parts]
    assert parts[1].continues


def test_an_old_copy_is_not_sealed_beside_the_record_of_the_machine_that_went_on(
    dead: Place,
) -> None:
    with dead.b.used():
        run = dead.b.resume()
        dead.executor(run).apply_all()
        run.finish()
        run.journal.append("run.completed")
        dead.b.seal()
    refused(dead.a, EndedElsewhere)
    for again in (False, True):
        with dead.a.used():
            if again:  # as if nobody had tried to go on with it
                (dead.a.home / "runs" / RUN / "elsewhere").unlink()
            assert "anderen Rechner" in hindrance(dead.a.home / "runs" / RUN, "sandbox")
            (entry,) = list_runs(dead.a.home / "runs")
            assert "elsewhere" == entry.status
    assert 1 == DirectoryStore(dead.directory / "shared" / "records").head()


def test_while_the_store_cannot_be_asked_nothing_is_sealed(dead: Place) -> None:
    dead.open.rename(dead.directory / "away")
    dead.open.write_text("in the way")
    with dead.a.used():
        assert f"leitstand audit seal {RUN}" in dead.a.seal()
    assert 0 == DirectoryStore(dead.directory / "shared" / "records").head()


def test_a_run_that_is_resumed_and_refused_where_it_began_is_sealed_there(dead: Place) -> None:
    with dead.a.used():
        run = dead.a.resume()
        run.journal.append("run.failed", exit_code=4)
        assert "" == dead.a.seal()
        (entry,) = list_runs(dead.a.home / "runs")
    assert "failed" == entry.status
    assert 1 == DirectoryStore(dead.directory / "shared" / "records").head()


def test_what_was_refused_beside_a_machine_that_works_on_the_run_is_not_sealed(
    dead: Place,
) -> None:
    with dead.a.used():
        run = dead.a.resume()
    with dead.b.used():
        other = dead.b.resume()
        dead.executor(other)
    with dead.a.used():
        run.journal.append("run.failed", exit_code=3)
        assert "geht auf einem anderen Rechner weiter" in dead.a.seal()
