"""The state of a drill: private, durable, one at a time."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leitstand.drills.processes import Helper
from leitstand.drills.state import DrillState, DrillUnderWay


def test_what_was_written_down_is_read_by_the_next_command(tmp_path: Path) -> None:
    path, moment = tmp_path / "drill.json", datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
    state = DrillState.begin(path, "bad-release", 77)
    state.mark("recovered", moment)
    state.mark("recovered")
    state.note("split", {"web-1": 100})
    state.add_helper(Helper(5, 6.5, "leitstand.x"))
    state.keep_load({"token": "abc"})

    read = DrillState.read(path)

    assert read is not None
    assert ("bad-release", 77) == (read.name, read.sandbox)
    assert read.started_at == state.started_at
    assert (moment, None) == (read.moment("recovered"), read.moment("injected"))
    assert ({"web-1": 100}, 0) == (read.noted("split"), read.noted("other", 0))
    assert (Helper(5, 6.5, "leitstand.x"),) == read.helpers
    assert ({"token": "abc"}, {}) == (read.load, read.load_before)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_there_is_one_drill_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "drill.json"
    assert DrillState.read(path) is None
    state = DrillState.begin(path, "bad-release", 77)
    with pytest.raises(DrillUnderWay, match="bad-release läuft noch"):
        DrillState.begin(path, "redis-full", 77)
    state.remove()
    assert "redis-full" == DrillState.begin(path, "redis-full", 77).name


@pytest.mark.parametrize("torn", ["", "{", '{"name": "x"'])
def test_a_beginning_that_was_cut_off_can_be_read_and_removed(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "drill.json"
    path.write_text(torn)
    read = DrillState.read(path)
    assert read is not None
    assert ("", (), None) == (read.name, read.helpers, read.moment("injected"))
