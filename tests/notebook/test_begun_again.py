"""begin() executed again: what a runbook kept in between is gone, and its cells say so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leitstand.notebook.outline import read_outline
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
