"""``leitstand sandbox clock``: show and move the clock of Cloud Scheduler."""

import pytest

from leitstand.cli.sandbox_clock import BadDuration, TooFar, _seconds
from tests.fixtures.command import Command


def test_the_clock_is_shown_and_moved(leitstand: Command) -> None:
    leitstand.template = None
    refused = leitstand("sandbox", "clock")
    assert (3, "Die Sandbox läuft nicht." in refused.problems) == (refused.code, True)
    assert 0 == leitstand("sandbox", "up", "--empty").code

    shown = leitstand("sandbox", "clock")
    moved = leitstand("sandbox", "clock", "--ahead", "36h")

    assert (0, 0) == (shown.code, moved.code)
    assert "Die Uhr von Cloud Scheduler zeigt" in shown.output
    assert "vor." not in shown.output
    assert "Sie geht 1,5 Tage vor." in moved.output


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("12h", 43_200), ("31d", 2_678_400), ("5w", 3_024_000)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds == _seconds(text)


@pytest.mark.parametrize("text", ["31", "d", "0d", "-1d", "1.5d", "31x", "31 d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadDuration, match="ist keine Dauer"):
        _seconds(text)


def test_more_than_a_year_is_too_far() -> None:
    with pytest.raises(TooFar):
        _seconds("53w")
