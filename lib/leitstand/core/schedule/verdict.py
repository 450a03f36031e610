"""What the exit code of a scheduled run says: success, finding or failure."""

from enum import StrEnum

from leitstand.core.errors import ExitCode

__all__ = ["Ending", "ending_of"]


class Ending(StrEnum):
    """How a scheduled run ended."""

    SUCCESS = "success"
    FINDING = "finding"
    FAILURE = "failure"


def ending_of(exit_code: int) -> Ending:
    """Return what an exit code of ``leitstand run`` says."""
    match exit_code:
        case ExitCode.SUCCESS:
            return Ending.SUCCESS
        case ExitCode.FINDING:
            return Ending.FINDING
    return Ending.FAILURE
