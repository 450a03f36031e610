"""What a run is not gone on with: another project, sandbox, runbook, library or form."""

import shutil
from pathlib import Path

import pytest

from leitstand.core.errors import LeitstandError
from leitstand.core.open_run_errors import (
    JournalTooNew,
    LibraryChanged,
    OtherProject,
    OtherSandbox,
)
from leitstand.core.plan import Action, Approved, Plan
from leitstand.notebook.aftercare import (
    RunbookChanged,
)
from tests.fixtures.machines import PLAN, Machine, Place


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


@pytest.mark.parametrize("machine", ["a", "b"])
def test_a_journal_of_a_newer_leitstand_is_refused(place: Place, machine: str) -> None:
    with place.a.used():
        run = place.a.begin(format=2)
        place.executor(run).apply("one")
        place.die(run)
    refused(getattr(place, machine), JournalTooNew, "das Format 2")


def test_a_run_goes_on_only_in_the_project_in_which_it_began(dead: Place) -> None:
    dead.configure(project="leitstand-elsewhere")
    for machine in (dead.a, dead.b):
        refused(machine, OtherProject, "begann im Projekt leitstand-sandbox")


def test_a_run_goes_on_only_in_the_sandbox_in_which_it_acted(dead: Place) -> None:
    shutil.rmtree(dead.directory / "sandbox")
    refused(dead.b, OtherSandbox, "LEITSTAND_SANDBOX")
    (dead.directory / "sandbox").mkdir()
    refused(dead.a, OtherSandbox)


def test_a_run_goes_on_only_with_the_runbook_that_it_began_with(dead: Place) -> None:
    runbooks = dead.project / "runbooks"
    copy = dead.directory / "copy"
    shutil.copytree(runbooks, copy)
    runbooks.unlink()
    copy.rename(runbooks)
    with (runbooks / "release.ipynb").open("a") as file:
        file.write("\n")
    refused(dead.b, RunbookChanged)


def test_a_run_goes_on_only_where_its_actions_are_known(place: Place) -> None:
    strange = Plan("release", "sandbox", "services/web", {}, (Action("one", "teleport", "web"),))
    with place.a.used():
        run = place.a.begin(library={"version": "9.0"})
        run.planned(strange)
        approved = run.approve(strange)
        assert isinstance(approved, Approved)
        run.journal.append("action.intent", id="one", kind="teleport")
        place.die(run)
    refused(place.b, LibraryChanged, r"begann \(9\.0, jetzt .*kennt die Aktion one \(teleport\)")
