"""What one check of ``leitstand doctor`` found."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["LONGER", "Finding", "State"]

State = Literal["good", "warn", "bad"]

LONGER = "Warten Sie länger: leitstand doctor --wait 10."
"""What to do where an answer did not come in time."""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        title: What was checked, German.
        state: ``good``, ``warn`` (works, but look at it) or ``bad`` (cannot run).
        detail: What was found, German.
        advice: What to do, empty when it is good.
    """

    title: str
    state: State
    detail: str
    advice: str = ""
