"""When a schedule is due: the unix-cron format of Cloud Scheduler, in a time zone.

https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

__all__ = ["Cron", "zone_of"]

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
PART = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)
# 29 February is missing in up to seven years in a row.
LONGEST_YEARS = 9
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Cron:
    """A schedule.

    Attributes:
        minutes: In order.
        hours: In order.
        days: Of the month.
        months: 1 to 12.
        weekdays: 0 is Sunday.
        either: Whether a day of the month or of the week is enough: both are restricted.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read five fields: minute, hour, day of the month, month, day of the week.

        Raises:
            ValueError: That is no schedule.
        """
        fields = text.split()
        if len(fields) != 5:
            raise ValueError(f"'{text}' does not have five fields")
        minute, hour, day, month, weekday = fields
        return cls(
            _values(minute, 0, 59),
            _values(hour, 0, 23),
            frozenset(_values(day, 1, 31)),
            frozenset(_values(month, 1, 12, MONTHS)),
            frozenset(number % 7 for number in _values(weekday, 0, 7, WEEKDAYS)),
            not day.startswith("*") and not weekday.startswith("*"),
        )

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """The first due time later than `moment`, in UTC; None where there is none in years.

        Goes by the clock on the wall: what the clocks skip in spring is never due, and what they
        show twice in autumn is due twice. Google warns of both.

        Args:
            moment: With a time zone.
            zone: In which the schedule is meant.
        """
        time = moment.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
        last = time.year + LONGEST_YEARS
        while time.year < last:
            local = time.astimezone(zone)
            if not self._on(local.date()):
                time = _at_least(time, _midnight_after(local, zone))
            elif local.hour not in self.hours:
                time += (60 - local.minute) * MINUTE
            elif local.minute not in self.minutes:
                later = (minute for minute in self.minutes if minute > local.minute)
                time += (next(later, 60) - local.minute) * MINUTE
            else:
                return time
        return None

    def _on(self, day: date) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        fits = in_month or in_week if self.either else in_month and in_week
        return fits and day.month in self.months


def zone_of(name: str) -> tzinfo:
    """The time zone of that name in the tz database.

    Raises:
        ValueError: There is none.
    """
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"there is no time zone '{name}'") from error


def _values(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> tuple[int, ...]:
    return tuple(
        sorted({value for part in field.split(",") for value in _part(part, low, high, names)})
    )


def _part(part: str, low: int, high: int, names: tuple[str, ...]) -> Iterable[int]:
    match = PART.fullmatch(part)
    if match is None:
        raise ValueError(f"'{part}' is no part of a schedule")
    # A step needs a range: "10/5" means nothing.
    if match["step"] is not None and match["low"] and not match["high"]:
        raise ValueError(f"'{part}' has a step, but no range")
    first = _number(match["low"], low, names) if match["low"] else low
    last = _number(match["high"], low, names) if match["high"] else first
    if not match["low"]:
        last = high
    if not low <= first <= last <= high:
        raise ValueError(f"'{part}' is not within {low}-{high}")
    step = int(match["step"] or 1)
    if not step:
        raise ValueError(f"'{part}' steps by nothing")
    return range(first, last + 1, step)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + low
    if not text.isdecimal():
        raise ValueError(f"'{text}' is no number")
    return int(text)


def _midnight_after(local: datetime, zone: tzinfo) -> datetime:
    day = local.date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _at_least(time: datetime, wanted: datetime) -> datetime:
    """Whatever the clocks do at midnight, the search goes on."""
    return max(time + MINUTE, wanted)
