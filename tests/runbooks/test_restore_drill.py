"""The restore drill proves the recovery and leaves nothing behind."""

import pytest

from tests.fixtures.command import Command
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
