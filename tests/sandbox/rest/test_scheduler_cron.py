"""When schedules are due."""

from datetime import UTC, datetime

import pytest

from leitstand.sandbox.rest.scheduler.cron import Cron, zone_of


def due(text, after, count=1, zone="UTC"):
    """The next due times as text, in UTC."""
    moment, found = datetime.fromisoformat(f"{after}+00:00"), []
    for _ in range(count):
        moment = Cron.parse(text).after(moment, zone_of(zone))
        found.append(f"{moment:%Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("* * * * *", "2026-11-26 10:00:59", ["2026-11-26 10:01"]),
        ("0 * * * *", "2026-11-26 10:00", ["2026-11-26 11:00"]),
        ("*/20 8-9 * * *", "2026-11-26 08:41", ["2026-11-26 09:00", "2026-11-26 09:20"]),
        ("0 3 * * 0", "2026-11-26 00:00", ["2026-11-29 03:00", "2026-12-06 03:00"]),
        ("0 3 * * 7", "2026-11-26 00:00", ["2026-11-29 03:00"]),
        ("0 3 * * SUN", "2026-11-26 00:00", ["2026-11-29 03:00"]),
        ("0 3 * JAN mon-fri", "2026-11-26 00:00", ["2027-01-01 03:00", "2027-01-04 03:00"]),
        ("30 4 1 * *", "2026-11-30 23:59", ["2026-12-01 04:30", "2027-01-01 04:30"]),
        ("0 0 31 * *", "2026-11-26 00:00", ["2026-12-31 00:00", "2027-01-31 00:00"]),
        ("0 0 29 2 *", "2026-11-26 00:00", ["2028-02-29 00:00"]),
    ],
)
def test_the_next_times_are_those_of_the_calendar(text, after, expected):
    assert due(text, after, len(expected)) == expected


def test_where_day_and_weekday_are_restricted_either_is_enough():
    assert due("0 0 1 * SAT", "2026-11-26 00:00", 3) == [
        "2026-11-28 00:00",
        "2026-12-01 00:00",
        "2026-12-05 00:00",
    ]


def test_a_time_zone_moves_what_is_due_with_summer_time():
    assert due("0 9 * * *", "2026-10-24 00:00", 2, "Europe/Berlin") == [
        "2026-10-24 07:00",
        "2026-10-25 08:00",
    ]


def test_a_time_that_the_clocks_skip_is_not_due_that_day():
    assert due("30 2 * * *", "2026-03-28 12:00", 1, "Europe/Berlin") == ["2026-03-30 00:30"]


def test_a_time_that_the_clocks_show_twice_is_due_twice():
    assert due("30 2 * * *", "2026-10-24 12:00", 3, "Europe/Berlin") == [
        "2026-10-25 00:30",
        "2026-10-25 01:30",
        "2026-10-26 01:30",
    ]


def test_a_zone_whose_midnight_is_skipped_loses_no_day():
    assert due("0 6 * * *", "2026-04-23 12:00", 2, "Africa/Cairo") == [
        "2026-04-24 03:00",
        "2026-04-25 03:00",
    ]


def test_a_date_that_never_comes_has_no_next_time():
    after = datetime(2026, 11, 26, tzinfo=UTC)
    assert Cron.parse("0 0 30 2 *").after(after, UTC) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
        "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "10/5 * * * *", "1,,2 * * * *",
        "a * * * *", "* * L * *", "-5 * * * *", "@daily", "* * * MONDAY *", "٣ * * * *",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(ValueError, match=r"five fields|part|range|within|steps|number"):
        Cron.parse(text)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "", "/etc/localtime"])
def test_what_is_no_time_zone_is_refused(name):
    with pytest.raises(ValueError, match="there is no time zone"):
        zone_of(name)
