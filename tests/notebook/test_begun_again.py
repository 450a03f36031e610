"""begin() executed again: what a runbook kept in between is gone, and its cells say so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leitstand.audit.journal import Journal
from leitstand.notebook.outline import read_outline
from tests.fixtures.by_hand import turned
from tests.fixtures.command import ROOT, Command
from tests.fixtures.lab import Cell, cells_of, kernel, small_production


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with small_production(tmp_path_factory.mktemp("again")) as made:
        yield made


@pytest.mark.parametrize(
    ("runbook", "before", "after", "lacking"),
    [
        ("incident", 0, "response.rank(None)", "declared"),
        ("provision", 5, "for n in range(1, 8): provision.step(approved, n)", "seen"),
    ],
)
def test_a_cell_that_needs_what_was_kept_names_the_cells_that_make_it(
    command: Command, tmp_path: Path, runbook: str, before: int, after: str, lacking: str
) -> None:
    cells = cells_of(runbook, apply=True)
    if runbook == "provision":
        command.configure(services__web__scaling={"max_instance_count": 7})
    with kernel(command, tmp_path / f"{runbook}.ipynb") as desk:
        shown = desk.all([*cells[: before + 1], cells[1]])
        assert {"ok"} == {one.status for one in shown}, shown
        refused = desk(Cell("", after))
    section = read_outline(ROOT / "runbooks" / f"{runbook}.ipynb").section_of(lacking)
    assert "CellOutOfOrder" == refused.error, refused.text
    assert f"bis einschließlich „{section}“" in refused.text
    assert [] == [name for name in command.events() if name.startswith("action.")]


def turning(command: Command) -> list[Cell]:
    """The cells of maintenance_mode with a value that changes something."""
    return cells_of("maintenance_mode", on=turned(command), apply=True)


def intents(run: Path) -> list[str]:
    """Ids of the actions that a run has begun."""
    return [str(e["id"]) for e in Journal(run / "journal.jsonl") if e["event"] == "action.intent"]


def test_cells_of_a_run_that_finish_gave_up_do_not_act_before_its_gates_come_again(
    command: Command, tmp_path: Path
) -> None:
    before, cells = set(command.runs), turning(command)
    _, begin, *_, change, _, finish = cells
    with kernel(command, tmp_path / "maintenance_mode.ipynb") as desk:
        desk.all(cells[:6])
        # The first action is done, then a cell of the person's fails: finish ends the run so.
        act = "executor_for(approved, run.journal, run.connection).apply('revision')"
        desk(Cell("", f"from leitstand.execution.recovery import executor_for; {act}"))
        failed = desk(Cell(change.id, "raise RuntimeError('halt')"))
        assert "RuntimeError" == failed.error
        desk(finish)
        begun = desk(begin)
        assert "wird fortgesetzt" in begun.text, begun.text
        early = desk(change)
        assert "gibt es in diesem Kernel noch nicht" in early.text
        assert {"ok"} == {one.status for one in desk.all(cells)}
    (run,) = set(command.runs) - before
    assert ["revision", "traffic"] == intents(run)


def test_a_run_that_must_not_be_gone_on_with_is_let_go_of_and_stays_as_it_was(
    command: Command, tmp_path: Path
) -> None:
    cells = turning(command)
    notebook = tmp_path / "maintenance_mode.ipynb"
    with kernel(command, notebook) as desk:
        desk.all(cells[:7])
    run = max((r for r in command.runs if "maintenance" in r.name), key=lambda r: r.stat().st_mtime)
    journal = run / "journal.jsonl"
    whole, shown = journal.read_bytes(), (run / "notebook.ipynb").read_bytes()
    newer = whole.replace(b'"format": 1', b'"format": 99', 1)
    journal.write_bytes(newer)
    with kernel(command, notebook) as desk:
        refused = desk.all(cells[:2])[-1]
        assert "JournalTooNew" == refused.error, refused.text
        assert "noch im Gang" not in command("resume", run.name).problems
    assert (newer, shown) == (journal.read_bytes(), (run / "notebook.ipynb").read_bytes())
    journal.write_bytes(whole)
    with kernel(command, notebook) as desk:
        assert {"ok"} == {one.status for one in desk.all(cells)}
    assert (0, "") == ((ended := command("audit", "verify")).code, ended.problems)


def test_another_copy_of_the_runbook_tells_of_a_run_that_is_half_done(
    command: Command, tmp_path: Path
) -> None:
    cells = turning(command)
    with kernel(command, tmp_path / "one" / "maintenance_mode.ipynb") as desk:
        desk.all(cells[:6])
        act = "executor_for(approved, run.journal, run.connection).apply('revision')"
        desk(Cell("", f"from leitstand.execution.recovery import executor_for; {act}"))
        run = command.runs[-1].name
    with kernel(command, tmp_path / "two" / "maintenance_mode.ipynb") as desk:
        begun = desk.all(cells[:2])[-1]
        assert f"leitstand resume {run} oder leitstand revert {run}" in begun.text
        assert "Dies ist ein neuer Lauf" in begun.text
        assert "ohne etwas geändert zu haben" in desk(cells[-1]).text
    assert 0 == command("resume", run).code
