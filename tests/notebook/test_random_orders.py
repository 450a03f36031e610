"""Cells executed in random orders, edited, twice, with restarts: no action twice, none ungated.

Two orders here; ``nox -s sweep`` has a hundred for each runbook that the small production, web
without database, can carry. An order that fails is had again by its seed.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from leitstand.audit.journal import Journal
from tests.fixtures.command import Command
from tests.fixtures.lab import Cell, cells_of, kernel, small_production
from tests.fixtures.random_orders import Move, execute, order_of, violations

RUNBOOKS = ("maintenance_mode", "deviations", "release", "log_retention")
ORDERS = [
    ("maintenance_mode", 3, 16),
    ("maintenance_mode", 7, 16),
    *(
        pytest.param(runbook, seed, 24, marks=pytest.mark.sweep)
        for runbook in RUNBOOKS
        for seed in range(100)
    ),
]
"""Runbook, seed and number of moves."""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with small_production(tmp_path_factory.mktemp("orders")) as made:
        made.configure(
            release__analysis__window=2, release__analysis__deadline=4,
            release__analysis__interval=0.25, release__analysis__min_requests=5,
        )  # fmt: skip
        yield made


@pytest.mark.parametrize(("runbook", "seed", "moves"), ORDERS)
def test_in_whatever_order_nothing_is_done_twice_or_without_its_gate(
    command: Command, tmp_path: Path, runbook: str, seed: int, moves: int
) -> None:
    cells = cells_of(runbook, apply=True)
    before = set(command.runs)
    with kernel(command, tmp_path / f"{runbook}.ipynb") as desk:
        execute(desk, cells, order_of(seed, cells, moves))
    runs = [run for run in command.runs if run not in before]
    assert [] == violations(runs)
    for run in runs:
        events = Journal(run / "journal.jsonl").events()
        assert all(int(str(b["seq"])) == int(str(a["seq"])) + 1 for a, b in pairwise(events))
        assert (run / "record.json").exists()
    assert 0 == command("audit", "verify").code


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
    name = tmp_path.name
    assert [
        f"{name}: a begun without its gate", f"{name}: a begun again",
        f"{name}: b begun after the end", f"{name}: b begun without its gate",
    ] == violations([tmp_path])  # fmt: skip
