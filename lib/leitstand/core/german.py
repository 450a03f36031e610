"""Figures in German notation, for people; times are relative, never of a clock."""

from collections.abc import Sequence

__all__ = ["capacity", "count", "duration", "listing", "number", "percent", "sentence"]

_SPANS = ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h"))
_SIZES = ("Byte", "KiB", "MiB", "GiB", "TiB")


def number(value: float) -> str:
    """Return a number with German marks: whole from 100 on, else with one decimal at most."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", ".")
    return f"{value:.1f}".replace(".", ",")


def percent(share: float) -> str:
    """Return a share as percent, e.g. ``4,3 %``."""
    return f"{number(round(share * 100, 1))} %"


def duration(seconds: float) -> str:
    """Return a duration in the largest fitting unit, in the dative: ``40 s``, ``3 Tagen``."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return "weniger als 1 s"
    for limit, unit, name in _SPANS:
        if seconds < limit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds // 86_400)} Tagen"


def capacity(size: float) -> str:
    """Return bytes in the largest fitting binary unit, e.g. ``1,5 GiB``."""
    for unit in _SIZES:
        if size < 1024 or unit == _SIZES[-1]:
            break
        size /= 1024
    return f"{number(round(size, 1))} {unit}"


def count(amount: int, one: str, many: str) -> str:
    """Return a number with its noun: ``eine Sitzung``, ``12 Sitzungen``."""
    return one if amount == 1 else f"{number(amount)} {many}"


def listing(names: Sequence[str], most: int = 4) -> str:
    """Return names joined as in a sentence; beyond ``most`` only their number is told."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{number(len(names) - most)} weitere")
    if len(shown) < 2:
        return "".join(shown)
    return ", ".join(shown[:-1]) + f" und {shown[-1]}"


def sentence(text: str) -> str:
    """Return a text on one line, cut, and ended by a full stop."""
    text = " ".join(text.split())
    text = text if len(text) <= 240 else text[:239].rstrip() + "…"
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."
