"""The restore drill proves the recovery and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.fixtures.command import Command
from tests.fixtures.lab import cells_of, kernel
from tests.runbooks.test_rollback import Site


def test_a_drill_measures_both_clones_and_deletes_them_and_without_apply_makes_none(
    leitstand: Command,
) -> None:
    site = Site(leitstand)
    assert 0 == leitstand("run", "restore_drill").code
    assert not [event for event in leitstand.events() if event.startswith("action.")]
    ended = leitstand("run", "restore_drill", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    (measured,) = [e for e in leitstand.journal() if e["event"] == "drill.measured"]
    assert {"newest", "random"} == set(measured["rto_seconds"])
    assert all(0 < seconds < 30 for seconds in measured["rto_seconds"].values())
    assert {"main"} == site.instances()
    assert 201 == site.write("weiter")


@pytest.mark.parametrize("crash_after", [22])
def test_a_killed_drill_is_finished_by_resume(leitstand: Command, crash_after: int) -> None:
    site = Site(leitstand)
    leitstand.extra = {"LEITSTAND_CRASH_AFTER": str(crash_after)}
    leitstand("run", "restore_drill", "--apply")
    leitstand.extra = {}
    resumed = leitstand("resume", leitstand.runs[0].name)
    assert (0, "") == (resumed.code, resumed.problems)
    assert {"main"} == site.instances()


def test_a_drill_goes_on_with_the_plan_it_has_begun_after_another_was_refused(
    leitstand: Command, tmp_path: Path
) -> None:
    site = Site(leitstand)
    cells = cells_of("restore_drill", apply=True)
    _, begin, plan, gate, clone, *_ = cells
    with kernel(leitstand, tmp_path / "restore_drill.ipynb") as desk:
        # The first plan is approved and begun; the second lies in the kernel.
        assert {"ok"} == {shown.status for shown in desk.all([*cells[:4], plan, clone])}
        refused = desk(gate)
        assert "OtherPlanBegun" == refused.error, refused.text
        assert "wird fortgesetzt" in desk(begin).text
        shown = desk.all(cells)
        assert {"ok"} == {one.status for one in shown}, shown
    assert {"main"} == site.instances()
    assert 1 == len(leitstand.runs)
    events = leitstand.journal()
    assert 2 == len([event for event in events if event["event"] == "plan.made"])
    begun = [event["id"] for event in events if event["event"] == "action.intent"]
    assert sorted(set(begun)) == sorted(begun)
    assert (0, "") == ((audit := leitstand("audit", "verify")).code, audit.problems)
