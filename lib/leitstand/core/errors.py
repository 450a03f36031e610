"""Errors that end a run, each with one sentence of cause and one of advice.

::

    LeitstandError                 1  unexpected
    ├── InputError                 2  the input cannot be used
    ├── GateRefused                3  a gate said no; nothing was changed
    ├── RunFailed                  4  something failed; the run can be resumed
    │   └── RunPaused              4  the run waits; nothing was decided
    ├── RolledBack                 5  the change was taken back
    ├── Finding                    6  a run that only looks found what a person must look at
    └── Interrupted              130  stopped by the operator before any change

Messages and advice are German, since runbooks show them as they are.
"""

from enum import IntEnum
from typing import ClassVar

__all__ = [
    "ExitCode",
    "Finding",
    "GateRefused",
    "InputError",
    "Interrupted",
    "LeitstandError",
    "RolledBack",
    "RunFailed",
    "RunPaused",
]


class ExitCode(IntEnum):
    """Exit codes of the command ``leitstand``."""

    SUCCESS = 0
    UNEXPECTED = 1
    BAD_INPUT = 2
    REFUSED = 3
    FAILED = 4
    ROLLED_BACK = 5
    FINDING = 6
    INTERRUPTED = 130


class LeitstandError(Exception):
    """Base of all errors that Leitstand raises on purpose.

    Attributes:
        message: One German sentence that says what is wrong.
        advice: One German sentence that says what to do.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(f"{message} {advice}".strip())
        self.message = message
        self.advice = advice


class InputError(LeitstandError):
    """The input cannot be used; nothing was started."""

    exit_code = ExitCode.BAD_INPUT


class GateRefused(LeitstandError):
    """A gate refused; nothing was changed."""

    exit_code = ExitCode.REFUSED


class RunFailed(LeitstandError):
    """An action or a check failed; the run can be resumed."""

    exit_code = ExitCode.FAILED


class RunPaused(RunFailed):
    """The evidence does not suffice; the run waits where it is."""


class RolledBack(LeitstandError):
    """The change was taken back by the run itself."""

    exit_code = ExitCode.ROLLED_BACK


class Finding(LeitstandError):
    """The run did what it was to do, and found something that a person must look at.

    Nothing is left to be resumed: the next run looks again.
    """

    exit_code = ExitCode.FINDING


class Interrupted(LeitstandError):
    """The operator stopped the run before anything was changed."""

    exit_code = ExitCode.INTERRUPTED
