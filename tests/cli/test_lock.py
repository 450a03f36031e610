"""``leitstand lock``: what it prints, and what it leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from leitstand.cli import main
from leitstand.core.lock_errors import LockLost
from tests.fixtures.locks import locks_at

WEB = "projects/p/services/web"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    from leitstand.cli import output

    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    output.console.cache_clear()
    output.problems.cache_clear()

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["lock", *arguments])
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return int(caught.value.code or 0), shown.out, " ".join(shown.err.split())

    return call


def test_where_nobody_works_there_is_nothing_to_see(lock: Call) -> None:
    assert (0, "Niemand hält eine Sperre.\n", "") == lock("list")
    assert (0, "Niemand hat eine Sperre übernommen.\n", "") == lock("list", "--log")
    assert (0, "[]\n", "") == lock("list", "--json")


def test_a_lock_is_shown_with_its_holder_and_reason(lock: Call, tmp_path: Path) -> None:
    held = locks_at(tmp_path, "r1")
    held.acquire([WEB])
    code, out, _ = lock("list", "--env", "sandbox")
    assert 0 == code
    assert ["r1", "web", "anna", "h1", "release", "OPS-7"] == out.splitlines()[1].split()[:6]
    assert "lebt" == out.split()[-1]
    (one,) = json.loads(lock("list", "--json")[1])
    assert ("r1", [WEB], "held") == (one["holder"], one["targets"], one["standing"])
    held.release()


def test_a_lock_is_taken_with_a_reason_and_the_holder_is_told(lock: Call, tmp_path: Path) -> None:
    held = locks_at(tmp_path, "r1")
    held.acquire([WEB])
    code, out, _ = lock("take", "r1", "--reason", "Kunden sehen Fehler 500.", "--for", "1h")
    assert 0 == code
    assert f"✓ Die Sperren von r1 gehören Ihnen, 60 min 0 s lang.\n  {WEB}\n" in out
    with pytest.raises(LockLost, match="Kunden sehen Fehler 500"):
        held.check()
    assert "Kunden sehen Fehler 500." in lock("list", "--log")[1]
    (event,) = json.loads(lock("list", "--log", "--json")[1])
    assert ("taken", "r1", [WEB]) == (event["kind"], event["holder"], event["targets"])
    assert "Ihre" == lock("list")[1].split()[-1]
    assert (0, "✓ Die Sperren von reserved", "") == _cut(lock("release", "web"), 26)
    assert "Niemand hält eine Sperre.\n" == lock("list")[1]
    held.release()


def _cut(answer: tuple[int, str, str], length: int) -> tuple[int, str, str]:
    return answer[0], answer[1][:length], answer[2]


@pytest.mark.parametrize("reason", [[], ["--reason", "  eilig   "]])
def test_without_a_reason_nothing_is_taken(lock: Call, tmp_path: Path, reason: list[str]) -> None:
    held = locks_at(tmp_path, "r1")
    held.acquire([WEB])
    code, _, problem = lock("take", "r1", *reason)
    assert 2 == code
    assert "Eine Übernahme braucht einen Grund" in problem
    held.check()
    held.release()


def test_the_lock_of_a_living_run_is_not_given_back_for_it(lock: Call, tmp_path: Path) -> None:
    held = locks_at(tmp_path, "r1")
    held.acquire([WEB])
    code, _, problem = lock("release", "r1")
    assert (3, True) == (code, "r1 lebt" in problem)
    held.check()
    held.release()


def test_a_name_that_fits_nobody_is_refused(lock: Call) -> None:
    code, _, problem = lock("take", "r1", "--reason", "Niemand ist erreichbar.")
    assert (2, True) == (code, "„r1“ hält keine Sperre" in problem)
