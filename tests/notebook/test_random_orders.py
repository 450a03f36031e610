"""Cells executed in random orders, edited, twice, with restarts: no action twice, none ungated.

Two orders here; ``nox -s sweep`` has a hundred for each runbook, every one in a fresh production in
which the runbook really acts. An order that fails is had again by its seed;
``LEITSTAND_SWEEP_STRIDE=20`` takes every twentieth, ``LEITSTAND_SWEEP_OFFSET=1`` the next ones.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from leitstand.audit.journal import Journal
from tests.fixtures.command import Command
from tests.fixtures.crash_cases import CASES
from tests.fixtures.lab import Cell, cells_of, kernel, small_production
from tests.fixtures.order_cases import production_of, sheet_of
from tests.fixtures.random_orders import Move, Step, execute, order_of, violations

STRIDE = int(os.environ.get("LEITSTAND_SWEEP_STRIDE", "1"))
OFFSET = int(os.environ.get("LEITSTAND_SWEEP_OFFSET", "0"))
SEEDS = range(OFFSET, 100, STRIDE)
_READS_ONLY = {"deviations"}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with small_production(tmp_path_factory.mktemp("orders")) as made:
        yield made


def followed(
    command: Command, notebook: Path, cells: Sequence[Cell], steps: Sequence[Step],
    *, forked: bool = True,
) -> list[Path]:  # fmt: skip
    """Do what the steps say, and return the runs that came of it; each must be as it should."""
    before = set(command.runs)
    with kernel(command, notebook, forked=forked) as desk:
        assert [] == execute(desk, cells, steps)
    runs = [run for run in command.runs if run not in before]
    assert [] == violations(runs)
    for run in runs:
        events = Journal(run / "journal.jsonl").events()
        assert all(int(str(b["seq"])) == int(str(a["seq"])) + 1 for a, b in pairwise(events))
        assert (run / "record.json").exists()
    verified = command("audit", "verify")
    assert (0, "") == (verified.code, verified.problems)
    return runs


@pytest.mark.parametrize("seed", [3, 7])
def test_in_whatever_order_nothing_is_done_twice_or_without_its_gate(
    command: Command, tmp_path: Path, seed: int
) -> None:
    cells = cells_of("maintenance_mode", apply=True)
    steps = order_of(seed, cells, 16)
    assert followed(command, tmp_path / "maintenance_mode.ipynb", cells, steps, forked=False)


@pytest.mark.sweep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("runbook", CASES)
def test_no_runbook_does_anything_twice_or_without_its_gate(
    tmp_path: Path, runbook: str, seed: int
) -> None:
    with production_of(runbook, tmp_path / "production") as command:
        cells = sheet_of(runbook, command)
        steps = order_of(seed, cells, max(24, 2 * len(cells)))
        assert followed(command, tmp_path / f"{runbook}.ipynb", cells, steps)


@pytest.mark.sweep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("runbook", CASES)
def test_every_runbook_acts_in_the_production_of_its_orders(tmp_path: Path, runbook: str) -> None:
    with production_of(runbook, tmp_path / "production") as command:
        twice = [Step(Move.RUN_ALL)] * 2
        runs = followed(command, tmp_path / f"{runbook}.ipynb", sheet_of(runbook, command), twice)
        acted = [
            event for run in runs for event in Journal(run / "journal.jsonl")
            if event["event"] == "action.outcome" and event["status"] == "done"
        ]  # fmt: skip
        assert (runbook not in _READS_ONLY) == bool(acted)


def test_an_order_is_the_same_for_the_same_seed_and_has_every_move() -> None:
    cells = [Cell(str(number), f"x = {number}") for number in range(9)]
    assert order_of(5, cells) == order_of(5, cells)
    drawn = {step.move for seed in range(40) for step in order_of(seed, cells)}
    assert set(Move) == drawn


def test_what_is_done_twice_without_its_gate_or_after_the_end_is_found(tmp_path: Path) -> None:
    plan = {"runbook": "r", "environment": "sandbox", "target": "t", "basis": {}, "way_back": [],
            "actions": [{"id": "a", "kind": "k", "target": "t", "arguments": {}}],
            "returns_by_itself": True, "point_of_no_return": ""}  # fmt: skip
    from leitstand.core.plan import Plan

    digest = Plan.from_data(plan).digest
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("plan.made", plan=plan, digest=digest)
    journal.append("action.intent", id="a")
    journal.append("approval.given", digest=digest)
    journal.append("action.outcome", id="a", status="done")
    journal.append("action.intent", id="a")
    journal.append("run.completed")
    journal.append("action.intent", id="b")
    journal.append("approval.given", digest=digest)
    name = tmp_path.name
    assert [
        f"{name}: a begun without its gate", f"{name}: a begun again",
        f"{name}: b begun after the end", f"{name}: b begun without its gate",
        f"{name}: approval.given after the end",
    ] == violations([tmp_path])  # fmt: skip
