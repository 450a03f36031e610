"""How far this machine's clock is off, by the time that Google's answers carry."""

from collections.abc import Iterable

from leitstand.core.doctor.answers import Answer, Unreached
from leitstand.core.doctor.finding import Finding

__all__ = ["judge_clock", "skew_of"]

_WARN = 5.0
_BAD = 60.0
_ADVICE = "Stellen Sie die Uhr nach einem Zeitserver (NTP); Zeiten im Journal wären falsch."


def skew_of(answers: Iterable[Answer | Unreached]) -> float | None:
    """Return by how many seconds the clock is ahead, from the answer that came fastest."""
    told = [a for a in answers if isinstance(a, Answer) and a.skew is not None]
    return min(told, key=lambda answer: answer.seconds).skew if told else None


def judge_clock(skew: float | None) -> Finding | None:
    """Return how far the clock is off; None where no answer told the time.

    Google refuses what is signed with a clock that is minutes off (RFC 7519, section 4.1.4), and
    point-in-time recovery goes by wall time.
    """
    if skew is None:
        return None
    way = "vor" if skew > 0 else "nach"
    text = f"geht {_amount(abs(skew))} {way}"
    if abs(skew) > _BAD:
        return Finding("Uhr", "bad", text, _ADVICE)
    if abs(skew) > _WARN:
        return Finding("Uhr", "warn", text, _ADVICE)
    return Finding("Uhr", "good", "stimmt mit der von Google überein")


def _amount(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
