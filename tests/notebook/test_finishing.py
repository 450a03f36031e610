"""How a run by hand ends."""

from collections.abc import Mapping
from typing import Any

import pytest

from leitstand.core.plan import Action, Plan
from leitstand.notebook.finishing import RunEnd, end_of, replaced
from leitstand.notebook.interactive_errors import NotAtItsEnd
from leitstand.notebook.outline import Outline, OutlineCell

OUTLINE = Outline(
    tuple(
        OutlineCell(section, index, section, section, parameters=index == 0, names=())
        for index, section in enumerate(("Parameter", "Plan", "Ausführen", "Protokoll"))
    )
)
STARTED = {"event": "run.started", "kernel": "new"}
PLAN = Plan("r", "sandbox", "t", {}, (Action("a", "k", "t"),))
BEGUN = (
    {"event": "plan.made", "plan": PLAN.as_data(), "digest": PLAN.digest},
    {"event": "approval.given", "digest": PLAN.digest},
    {"event": "action.intent", "id": "a"},
)


def cell(index: int | None, status: str = "completed", *within: Mapping[str, Any]) -> list[Any]:
    return [
        {"event": "cell.started", "index": index}, *within,
        {"event": "cell.completed", "index": index, "status": status},
    ]  # fmt: skip


def error(name: str, code: int = 4) -> dict[str, Any]:
    return {"event": "error", "class": name, "exit_code": code, "message": "M.", "advice": "R."}


def end(*events: Any) -> RunEnd:
    return end_of("lauf", [STARTED, *events, {"event": "cell.started", "index": 3}], OUTLINE, 3)


def test_all_cells_executed_is_completed() -> None:
    assert RunEnd("run.completed") == end(*cell(1), *cell(2), *cell(None, "failed"))


def test_a_cell_that_failed_last_ends_the_run_with_its_error() -> None:
    ended = end(*cell(1), *cell(2), *cell(2, "failed", error("NotReached")))
    assert {"error": "NotReached", "message": "M. R.", "exit_code": 4} == ended.fields
    assert RunEnd("run.completed") == end(
        *cell(1), *cell(2, "failed", error("NotReached")), *cell(2)
    )


def test_a_run_that_waits_and_has_told_so_is_not_ended_as_failed() -> None:
    paused = [error("TooLittleTraffic"), {"event": "run.paused"}]
    ended = end(*BEGUN, *cell(1), *cell(2, "failed", *paused))
    assert ("", "M. R.") == (ended.event, ended.message)
    later = [{"event": "action.intent", "id": "b"}, *cell(2, "failed", error("NotReached"))]
    again = end(*BEGUN, *cell(1), *cell(2, "failed", *paused), *later)
    assert "run.failed" == again.event


@pytest.mark.parametrize(("status", "code"), [("failed", 1), ("interrupted", 130)])
def test_what_no_error_of_ours_tells_is_unexpected_or_interrupted(status: str, code: int) -> None:
    assert code == end(*cell(1), *cell(2, status)).fields["exit_code"]


def test_what_was_not_executed_gives_the_run_up_as_long_as_nothing_is_begun() -> None:
    assert 130 == end(*cell(1)).fields["exit_code"]
    assert "Ausführen" in end(*cell(1)).message
    early = cell(2, "failed", error("CellOutOfOrder", 2))
    assert 130 == end(*cell(1), *early).fields["exit_code"]
    with pytest.raises(NotAtItsEnd, match="Plan"):
        end(*BEGUN, *cell(2))


def test_a_run_that_has_told_its_end_does_not_tell_another() -> None:
    assert RunEnd("") == end(*BEGUN, {"event": "run.rolled_back"})


def test_cells_that_a_command_executed_are_those_of_another_notebook() -> None:
    ended = end({"event": "run.resumed"}, *cell(1), *cell(2, "failed"))
    assert 130 == ended.fields["exit_code"]


def test_a_replaced_run_ends_with_its_last_refusal_or_as_given_up() -> None:
    assert 3 == replaced([STARTED, *cell(1, "failed", error("Ticket", 3))]).fields["exit_code"]
    assert 130 == replaced([STARTED, error("Ticket", 3), *cell(1)]).fields["exit_code"]
