"""Where a run by hand stands, what of it is frozen, and the notebook that it leaves."""

from pathlib import Path
from typing import Any

import nbformat
import pytest

from leitstand.core.plan import Action, Plan
from leitstand.execution.history import History
from leitstand.notebook.cell_executions import Execution, executions_of, is_interactive
from leitstand.notebook.executed_notebook import executed_notebook
from leitstand.notebook.frozen import Frozen, frozen_step
from leitstand.notebook.outline import read_outline
from leitstand.notebook.run_state import MIME_TYPE, RunState

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
OUTLINE = read_outline(RUNBOOKS / "scale.ipynb")
PLAN = Plan("scale", "sandbox", "t", {}, (Action("a", "k", "t"),))
BEGIN, OBSERVE, DECIDE, ACT = 4, 6, 8, 14


def at(second: int) -> str:
    return f"2026-11-26T03:00:{second:02}Z"


def cell(index: int, second: int, *within: dict[str, Any], status: str = "completed") -> list[Any]:
    section = next(c.section for c in OUTLINE.cells if c.index == index)
    return [
        {"event": "cell.started", "index": index, "section": section, "at": at(second)}, *within,
        {"event": "cell.completed", "index": index, "status": status, "at": at(second + 1)},
    ]  # fmt: skip


def step(name: str, second: int, *within: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"event": "step.started", "step": name, "title": name.title(), "at": at(second)}, *within,
        {"event": "step.completed", "step": name, "at": at(second)},
    ]  # fmt: skip


ACTION = [
    {"event": "action.intent", "id": "a", "kind": "k"},
    {"event": "action.outcome", "id": "a", "status": "done"},
]
APPROVED = [
    {"event": "plan.made", "plan": PLAN.as_data(), "digest": PLAN.digest},
    {"event": "approval.given", "digest": PLAN.digest, "by": "erika"},
]
ANNA = {"event": "run.started", "operator": "anna", "at": at(0), "kernel": "new"}
BERT = {"event": "run.resumed", "operator": "bert", "at": at(40), "kernel": "new"}


def marks(*events: Any) -> dict[str, tuple[str, str, str]]:
    state = RunState("lauf", OUTLINE)
    state.take(events)
    return {row.title: (row.mark, row.at, row.by) for row in state.view().rows}


def test_a_section_is_done_when_all_its_cells_are_and_says_when_and_by_whom() -> None:
    first = marks(ANNA, *cell(BEGIN, 1), *cell(OBSERVE, 3))
    assert ("✓", at(2), "anna") == first["Parameter"]
    assert ("…", at(4), "anna") == first["Vorprüfung"]
    assert ("–", "", "") == first["Plan"]
    assert "✓" == marks(ANNA, *cell(OBSERVE, 3), *cell(DECIDE, 5))["Vorprüfung"][0]
    assert "▶" == marks(ANNA, *cell(OBSERVE, 3)[:1])["Vorprüfung"][0]
    failed = cell(DECIDE, 5, status="failed")
    assert "✗" == marks(ANNA, *cell(OBSERVE, 3), *failed)["Vorprüfung"][0]
    assert "✓" == marks(ANNA, *cell(OBSERVE, 3), *failed, *cell(DECIDE, 7))["Vorprüfung"][0]


def test_what_is_executed_again_and_changes_nothing_stays_done_when_it_was_done() -> None:
    acted = cell(ACT, 10, *step("scale", 10, *ACTION))
    again = cell(ACT, 50, *step("scale", 50))
    assert ("✓", at(11), "anna") == marks(ANNA, *acted, BERT, *again)["Ausführen"]
    assert "bert" == marks(ANNA, *cell(OBSERVE, 1), BERT, *cell(OBSERVE, 50))["Vorprüfung"][2]


def test_who_approved_stands_at_the_approval() -> None:
    assert ("✓", at(13), "erika") == marks(ANNA, *cell(12, 12, *APPROVED))["Freigabe"]


def test_a_killed_kernel_leaves_no_cell_running() -> None:
    assert "–" == marks(ANNA, *cell(ACT, 10)[:1], BERT)["Ausführen"][0]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([ANNA, *APPROVED, *step("s", 5, *ACTION)], Frozen(at(5), "anna")),
        ([ANNA, *APPROVED, *step("s", 5, *ACTION), BERT, *step("s", 50)], Frozen(at(5), "anna")),
        ([ANNA, *step("s", 5)], None),
        ([ANNA, *APPROVED, *step("other", 5, *ACTION)], None),
        ([ANNA, *APPROVED, *step("s", 5, *ACTION)[:-1], BERT], None),
        ([ANNA, *APPROVED, *step("s", 5, *ACTION), ACTION[0]], None),
    ],
)
def test_a_step_is_frozen_once_what_it_did_is_done(
    events: list[dict[str, Any]], expected: Frozen | None
) -> None:
    assert expected == frozen_step(events, History.read(events), "s")


def test_cells_are_known_by_id_or_code_and_the_parameters_by_their_names() -> None:
    def index(id_: str, source: str) -> int | None:
        found = OUTLINE.find(id_, source)
        return found.index if found else None

    assert OBSERVE == index("scale-06", "changed")
    assert OBSERVE == index("", " seen = scaling.observe()\n")
    assert index("", "env='a'\nservice='b'\ninstances=1\nticket=''\napply=True") == 3
    assert index("x", "apply = True") is None
    assert ("Vorprüfung", "Plan", None) == tuple(
        OUTLINE.section_of(name) for name in ("seen", "plan", "nothing")
    )


def executions(*changes: dict[str, Any]) -> list[Execution]:
    base = {"cell": "", "section": "", "count": 1, "status": "completed", "source": "x = 1"}
    return [
        Execution(**{**base, "seq": number, "at": at(number), "index": None, **change})
        for number, change in enumerate(changes, 1)
    ]


def test_the_notebook_holds_every_execution_below_its_cell_and_is_a_notebook() -> None:
    template = nbformat.read(RUNBOOKS / "scale.ipynb", 4)  # type: ignore[no-untyped-call]  # untyped
    state = RunState("lauf", OUTLINE).view()
    shown = [{"output_type": "display_data", "data": {MIME_TYPE: {}, "text/plain": "alt"}}]
    done = executions(
        {"index": OBSERVE, "source": "seen = scaling.observe()", "outputs": shown},
        {"source": "mine()", "status": "failed"},
        {"index": OBSERVE, "source": "seen = None", "status": ""},
    )
    made = executed_notebook(template, OUTLINE, done, state)
    nbformat.validate(made)  # type: ignore[no-untyped-call]  # nbformat is untyped
    place = [cell["id"] for cell in made["cells"]].index("scale-06")
    assert ["scale-06", "mark-2", "cell-2", "mark-3", "cell-3"] == [
        cell["id"] for cell in made["cells"][place : place + 5]
    ]
    told = {cell["id"]: cell["source"] for cell in made["cells"]}
    assert "Eigene Zelle" in told["mark-2"]
    assert "Geändert gegenüber der Vorlage. Noch einmal ausgeführt. Nicht zu Ende" in told["mark-3"]
    assert "Stand des Laufs lauf" in made["cells"][place]["outputs"][0]["data"]["text/plain"]
    assert "*Nicht ausgeführt.*" == told["scale-08-open"]


def test_what_the_last_kernel_executed_is_read_from_the_journal() -> None:
    def told(*events: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"seq": seq, "at": at(seq), **event} for seq, event in enumerate(events, 1)]

    first = [ANNA, *cell(OBSERVE, 1), {**BERT, "kernel": "same"}]
    found = executions_of(told(*first, {"event": "cell.started", "index": None, "cell": "own"}))
    assert [(OBSERVE, "completed"), (None, "")] == [(one.index, one.status) for one in found]
    assert [] == executions_of(told(*first, BERT))
    assert is_interactive([ANNA])
    assert not is_interactive([ANNA, {"event": "run.resumed"}])
