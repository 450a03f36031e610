"""How a run ends that the plain papermill command executes: two sentences and an exit code."""

from typing import IO, Any

from click import ClickException, echo
from papermill.exceptions import PapermillException

from leitstand.core.errors import ExitCode

__all__ = ["RunNotCompleted"]


class RunNotCompleted(ClickException, PapermillException):  # type: ignore[misc]  # untyped base
    """A runbook did not end with success; what it left behind is saved.

    papermill's command shows any other exception as a traceback and always ends with 1. Its
    command line is made with click, which ends with the code that an error of its own carries.

    Attributes:
        exit_code: See `leitstand.core.errors.ExitCode`.
        message: What was wrong, one German sentence.
        advice: What to do, one German sentence.
    """

    def __init__(self, exit_code: int, message: str, advice: str) -> None:
        super().__init__(message)
        self.exit_code = int(exit_code)  # type: ignore[misc]  # click reads it of the instance
        self.advice = advice

    def show(self, file: IO[Any] | None = None) -> None:
        """Write both sentences on standard error."""
        word = "Befund" if self.exit_code == ExitCode.FINDING else "Fehler"
        echo(f"{word}: {self.message}\n{self.advice}".rstrip(), file=file, err=file is None)
