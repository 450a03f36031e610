"""How long an approval is to hold, as one types it: ``2h``, ``90m``, ``1h30m``."""

import re
from datetime import timedelta

from leitstand.core.errors import InputError

__all__ = ["DurationUnreadable", "parse_duration"]

_FORM = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?")


class DurationUnreadable(InputError):
    """The text is no duration."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"„{text}“ ist keine Dauer.", "Schreiben Sie zum Beispiel 2h, 90m oder 1h30m."
        )
        self.text = text


def parse_duration(text: str) -> timedelta:
    """Return the duration.

    Raises:
        DurationUnreadable: it is none, or zero.
    """
    found = _FORM.fullmatch(text.strip())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not duration:
        raise DurationUnreadable(text)
    return duration
