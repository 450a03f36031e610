"""When a cron expression is due, through the year and through the changes of the clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from leitstand.core.schedule.cron import Cron

BERLIN = ZoneInfo("Europe/Berlin")
ALL = {"days": range(1, 32), "months": range(1, 13), "weekdays": range(7)}


def cron(hour: int, minute: int = 0, **fields: object) -> Cron:
    given = {**ALL, **fields}
    return Cron(
        "", frozenset({minute}), frozenset({hour}), *(frozenset(given[k]) for k in ALL)  # type: ignore[call-overload]  # ranges and sets
    )  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("case", "schedule", "now", "last", "following"),
    [
        ("daily, before its time", cron(5), "2026-11-26 03:59", "2026-11-25 04:00",
         "2026-11-26 04:00"),
        ("daily, at its very time", cron(5), "2026-11-26 04:00", "2026-11-26 04:00",
         "2026-11-27 04:00"),
        ("weekly on Monday", cron(4, weekdays={1}), "2026-11-26 12:00", "2026-11-23 03:00",
         "2026-11-30 03:00"),
        ("weekly on Sunday", cron(4, weekdays={0}), "2026-11-26 12:00", "2026-11-22 03:00",
         "2026-11-29 03:00"),
        ("monthly", cron(6, days={1}), "2026-12-01 04:00", "2026-11-01 05:00",
         "2026-12-01 05:00"),
        ("over the end of the year", cron(6, days={1}, months={1}), "2026-11-26 00:00",
         "2026-01-01 05:00", "2027-01-01 05:00"),
        ("29 February only", cron(6, days={29}, months={2}), "2026-11-26 00:00",
         "2024-02-29 05:00", "2028-02-29 05:00"),
        ("either day where both are restricted", cron(6, days={15}, weekdays={5}),
         "2026-12-12 00:00", "2026-12-11 05:00", "2026-12-15 05:00"),
        ("summer time comes: the wall clock counts", cron(5), "2027-03-28 00:00",
         "2027-03-27 04:00", "2027-03-28 03:00"),
        ("summer time comes: what the clock skips is not due", cron(2, 30), "2027-03-27 12:00",
         "2027-03-27 01:30", "2027-03-29 00:30"),
        ("summer time ends: of two times the first is due", cron(2, 30), "2026-10-25 00:00",
         "2026-10-24 00:30", "2026-10-25 00:30"),
        ("summer time ended: the second is not due", cron(2, 30), "2026-10-25 00:31",
         "2026-10-25 00:30", "2026-10-26 01:30"),
    ],
)  # fmt: skip
def test_a_schedule_is_due_by_the_clock_on_the_wall(
    case: str, schedule: Cron, now: str, last: str, following: str
):
    assert utc(last) == schedule.last_due(utc(now), BERLIN)
    assert utc(following) == schedule.next_due(utc(now), BERLIN)


def test_a_day_that_never_comes_is_never_due():
    never = cron(6, days={31}, months={2})
    now = utc("2026-11-26 00:00")
    assert (None, None) == (never.next_due(now, BERLIN), never.last_due(now, BERLIN))
