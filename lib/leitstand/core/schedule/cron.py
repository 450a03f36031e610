"""When a schedule is due: the fields of a cron expression as sets, and the times that fit them.

A time that the change to summer time leaves out is not due; of one that the change back gives
twice, the first is. Where both days are restricted, either fits, as cron does it
(https://man7.org/linux/man-pages/man5/crontab.5.html).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

__all__ = ["Cron"]

_DAYS = 366 * 8 + 2
"""So many days are looked through: a 29 February may be eight years away."""


@dataclass(frozen=True)
class Cron:
    """The times that a cron expression names.

    Attributes:
        text: The expression.
        minutes: 0–59.
        hours: 0–23.
        days: Of the month, 1–31.
        months: 1–12.
        weekdays: 0–6, Sunday is 0.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_due(self, after: datetime, zone: tzinfo) -> datetime | None:
        """Return the first due time after a moment, in UTC; None where there is none."""
        start = after.astimezone(zone).date()
        for offset in range(-1, _DAYS):
            for moment in self._on(start + timedelta(days=offset), zone):
                if moment > after:
                    return moment
        return None

    def last_due(self, until: datetime, zone: tzinfo) -> datetime | None:
        """Return the last due time at or before a moment, in UTC; None where there is none."""
        start = until.astimezone(zone).date()
        for offset in range(-1, _DAYS):
            for moment in reversed(tuple(self._on(start - timedelta(days=offset), zone))):
                if moment <= until:
                    return moment
        return None

    def _on(self, day: date, zone: tzinfo) -> Iterator[datetime]:
        """Yield the due times of a day in UTC, in their order."""
        if day.month not in self.months or not self._fits(day):
            return
        found = []
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime.combine(day, time(hour, minute), zone)
                moment = local.astimezone(UTC)
                if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    found.append(moment)
        yield from sorted(found)

    def _fits(self, day: date) -> bool:
        by_day = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        restricted = len(self.days) < 31 and len(self.weekdays) < 7
        return (by_day or by_weekday) if restricted else (by_day and by_weekday)
