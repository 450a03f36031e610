"""The journal: append-only, whole lines, several writers."""

import json
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.audit.journal import Follower, Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def test_events_come_back_in_order_with_number_and_time(journal: Journal):
    journal.append("run.started", env="sandbox")
    journal.append("step.started", step="plan", title="Größe")
    first, second = journal.events()
    assert (1, "run.started", "sandbox") == (first["seq"], first["event"], first["env"])
    assert (2, "step.started", "Größe") == (second["seq"], second["event"], second["title"])
    assert datetime.fromisoformat(str(first["at"])).tzinfo is not None


def test_only_the_owner_can_read_it(journal: Journal):
    journal.append("run.started")
    assert 0o600 == stat.S_IMODE(journal.path.stat().st_mode)


def test_a_journal_that_was_never_written_is_empty(journal: Journal):
    assert [] == journal.events()


def test_two_writers_number_their_events_together(journal: Journal):
    other = Journal(journal.path)
    for writer in (journal, other, other, journal):
        writer.append("x")
    assert [1, 2, 3, 4] == [event["seq"] for event in journal]


@pytest.mark.parametrize("torn", [b'{"seq":2,"event":"ac', b'{"seq": 2', b"\x00\xff", b"{}"])
def test_a_torn_line_is_skipped_and_closed_off(journal: Journal, torn: bytes):
    journal.append("run.started")
    with journal.path.open("ab") as file:
        file.write(torn)
    assert ["run.started"] == [event["event"] for event in journal]
    assert 2 == Journal(journal.path).append("run.failed")["seq"]
    assert 3 == journal.append("run.completed")["seq"]
    assert ["run.started", "run.failed", "run.completed"] == [e["event"] for e in journal]


def test_a_whole_line_without_its_newline_counts(journal: Journal):
    journal.append("run.started")
    journal.path.write_bytes(journal.path.read_bytes().rstrip(b"\n"))
    assert 2 == Journal(journal.path).append("x")["seq"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (Path("a/b"), "a/b"),
        ({"b", "a"}, ["a", "b"]),
        ([float("nan"), {"x": float("inf")}], [None, {"x": None}]),
    ],
)
def test_values_become_plain_json(journal: Journal, value: object, written: object):
    journal.append("x", value=value)
    assert written == journal.events()[0]["value"]


def test_a_value_without_a_plain_form_is_refused_and_leaves_no_line(journal: Journal):
    with pytest.raises(TypeError, match="cannot hold a object"):
        journal.append("x", value=object())
    assert 1 == journal.append("y")["seq"]


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text()))
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, text: str, more: dict[str, str]
):
    journal = Journal(tmp_path_factory.mktemp("journal") / "j.jsonl")
    journal.append("x", text=text, more=more)
    assert (text, more) == (journal.events()[0]["text"], journal.events()[0]["more"])


def test_a_lone_surrogate_survives_as_valid_utf8(journal: Journal):
    journal.append("x", text="a\udc80b")
    assert "a\udc80b" == json.loads(journal.path.read_bytes().decode("utf-8"))["text"]


WRITER = (
    "import sys; from pathlib import Path; from leitstand.audit.journal import Journal\n"
    "journal = Journal(Path(sys.argv[1]))\n"
    "for number in range(int(sys.argv[2])): journal.append('x', number=number, pad='y' * 3000)"
)


def test_processes_that_write_at_once_lose_and_mix_nothing(journal: Journal):
    arguments = [sys.executable, "-c", WRITER, str(journal.path), "100"]
    writers = [subprocess.Popen(arguments) for _ in range(3)]
    assert [0, 0, 0] == [writer.wait(60) for writer in writers]
    assert list(range(1, 301)) == [event["seq"] for event in journal]


@pytest.mark.parametrize(("env", "written"), [("sandbox", 3), ("staging", 5)])
def test_a_crash_on_demand_follows_its_event_and_only_in_the_sandbox(
    journal: Journal, env: str, written: int
):
    journal.append("run.started", env=env)
    ended = subprocess.run(
        [sys.executable, "-c", WRITER, str(journal.path), "4"],
        env={**os.environ, "LEITSTAND_CRASH_AFTER": "3"},
        check=False,
    )
    assert written == len(journal.events())
    assert (-signal.SIGKILL if env == "sandbox" else 0) == ended.returncode


def test_whoever_follows_gets_each_event_once_and_a_torn_one_never(journal: Journal):
    follower = Follower(journal.path)
    assert [] == follower.events()
    journal.append("run.started")
    assert ["run.started"] == [event["event"] for event in follower.events()]
    with journal.path.open("ab") as file:
        file.write(b'{"event": "step.st')
    assert [] == follower.events()
    Journal(journal.path).append("step.started")
    journal.append("step.completed")
    assert ["step.started", "step.completed"] == [event["event"] for event in follower.events()]
    assert [] == follower.events()


def test_a_closed_journal_takes_nothing_more_and_says_why(journal: Journal):
    journal.append("run.started")
    journal.close(lambda: ValueError("over"))
    with pytest.raises(ValueError, match="over"):
        journal.append("plan.made")
    with pytest.raises(ValueError, match="over"):
        journal.permit()
    assert ["run.started"] == [event["event"] for event in journal.events()]
