"""The state of a drill: private, durable, one at a time."""

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from leitstand.drills.processes import Helper
from leitstand.drills.state import DrillOver, DrillState, DrillUnderWay


def test_what_was_written_down_is_read_by_the_next_command(tmp_path: Path) -> None:
    path = tmp_path / "drill.json"
    state = DrillState.begin(path, "bad-release", surprise=True)
    state.mark("recovered")
    moment = state.moment("recovered")
    state.mark("recovered")
    state.note("split", {"web-1": 100})
    state.add_helper(Helper(5, 6.5, "leitstand.x"))
    state.keep_load({"token": "abc"})

    read = DrillState.read(path)

    assert read is not None
    assert ("bad-release", True) == (read.name, read.surprise)
    assert moment is not None
    assert timedelta() <= moment - read.started_at < timedelta(minutes=1)
    assert read.started_at == state.started_at
    assert (moment, None) == (read.moment("recovered"), read.moment("injected"))
    assert ({"web-1": 100}, None) == (read.noted("split"), read.noted("other"))
    assert (Helper(5, 6.5, "leitstand.x"),) == read.helpers
    assert ({"token": "abc"}, {}) == (read.load, read.load_before)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_there_is_one_drill_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "drill.json"
    assert DrillState.read(path) is None
    state = DrillState.begin(path, "bad-release")
    with pytest.raises(DrillUnderWay, match="bad-release läuft noch"):
        DrillState.begin(path, "redis-full")
    state.remove(tmp_path / "mark")
    assert "redis-full" == DrillState.begin(path, "redis-full").name


def test_the_name_of_a_surprise_is_not_given_away(tmp_path: Path) -> None:
    path = tmp_path / "drill.json"
    DrillState.begin(path, "bad-release", surprise=True)
    with pytest.raises(DrillUnderWay, match="Es läuft noch eine Übung") as refused:
        DrillState.begin(path, "redis-full")
    assert "bad-release" not in f"{refused.value} {vars(refused.value)}"


def test_two_commands_write_without_undoing_what_the_other_wrote(tmp_path: Path) -> None:
    path = tmp_path / "drill.json"
    one = DrillState.begin(path, "bad-release")
    other = DrillState.read(path)
    assert other is not None
    with ThreadPoolExecutor() as pool:
        for state, name in ((one, "one"), (other, "other")):
            for number in range(20):
                pool.submit(state.note, f"{name}-{number}", number)
    one.mark("injected")
    other.keep_load({"token": "abc"})

    read = DrillState.read(path)
    assert read is not None
    noted = [read.noted(f"{name}-{n}") for name in ("one", "other") for n in range(20)]
    assert [*range(20), *range(20)] == noted
    assert {"token": "abc"} == read.load
    assert one.moment("injected") == read.moment("injected") is not None


def test_a_drill_that_another_command_stopped_does_not_come_back(tmp_path: Path) -> None:
    path, mark = tmp_path / "drill.json", tmp_path / "mark"
    mark.touch()
    scoring, stopping = DrillState.begin(path, "bad-release"), DrillState.read(path)
    assert stopping is not None
    writes: tuple[Callable[[], None], ...] = (
        scoring.check,
        lambda: scoring.mark("recovered"),
        lambda: scoring.note("split", 1),
        lambda: scoring.keep_load({}),
        lambda: scoring.keep_load_before({}),
        lambda: scoring.add_helper(Helper(5, 6.5, "leitstand.x")),
    )
    scoring.check()
    stopping.close()
    stopping.close()
    for write in writes:
        with pytest.raises(DrillOver):
            write()
    stopping.remove(mark)

    for write in writes:
        with pytest.raises(DrillOver):
            write()
    assert [] == list(tmp_path.iterdir())
    assert not scoring.superseded()

    DrillState.begin(path, "bad-release")  # the same once more is another one
    mark.touch()
    for write in writes:
        with pytest.raises(DrillOver):
            write()
    scoring.remove(mark)
    assert scoring.superseded()
    assert {path, mark} == set(tmp_path.iterdir())


@pytest.mark.parametrize("torn", ["", "{", '{"name": "x"'])
def test_a_beginning_that_was_cut_off_can_be_read_and_removed(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "drill.json"
    path.write_text(torn)
    read = DrillState.read(path)
    assert read is not None
    assert ("", (), None) == (read.name, read.helpers, read.moment("injected"))
    read.remove(tmp_path / "mark")
    assert [] == list(tmp_path.iterdir())
