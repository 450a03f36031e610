"""Errors as one or two German sentences on standard error, and the exit code that fits."""

import os
from typing import Any

from leitstand.cli.output import problems
from leitstand.core.errors import ExitCode, Interrupted, LeitstandError

__all__ = ["explain", "report"]


def report(error: BaseException) -> int:
    """Print what went wrong and return the exit code."""
    import typer

    usage: Any = typer.BadParameter.__mro__[1]
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        error = Interrupted("Abgebrochen.", "Es wurde nichts geändert.")
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.UNEXPECTED
    if isinstance(error, LeitstandError):
        explain(error.message, error.advice, finding=error.exit_code == ExitCode.FINDING)
        return error.exit_code
    if isinstance(error, usage):
        return _usage(error)
    if os.environ.get("LEITSTAND_DEBUG"):
        raise error
    explain(
        f"Unerwarteter Fehler: {type(error).__name__}: {error}",
        "Setzen Sie LEITSTAND_DEBUG=1, um zu sehen, wo er entstand.",
    )
    return ExitCode.UNEXPECTED


def explain(message: str, advice: str, *, finding: bool = False) -> None:
    """Print what is wrong or what was found, and in the next line what to do."""
    from rich.text import Text

    console = problems()
    word = ("Befund: ", "bold yellow") if finding else ("Fehler: ", "bold red")
    console.print(Text.assemble(word, message), soft_wrap=True)
    if advice:
        console.print(Text(advice), soft_wrap=True)


def _usage(error: Any) -> int:
    context = error.ctx
    path = context.command_path if context is not None else "leitstand"
    kind = type(error).__name__
    if kind == "NoArgsIsHelpError":
        # The help is the answer to a command without arguments.
        return ExitCode.BAD_INPUT
    explain(_MESSAGES.get(kind, _other)(error), f"{path} --help zeigt, was möglich ist.")
    return ExitCode.BAD_INPUT


def _no_such_option(error: Any) -> str:
    close = sorted(error.possibilities or [])
    guess = f" Meinten Sie {' oder '.join(close)}?" if close else ""
    return f"Die Option {error.option_name} gibt es nicht.{guess}"


def _missing(error: Any) -> str:
    return f"Es fehlt die Angabe {_name(error)}."


def _bad_value(error: Any) -> str:
    return f"Die Angabe {_name(error)} passt nicht: {error.message}"


def _other(error: Any) -> str:
    text = str(error.message)
    if text.startswith("No such command"):
        command, _, guess = text.removeprefix("No such command").strip(" .").partition("Did you")
        known = f" Meinten Sie {guess.removeprefix(' mean ')}" if guess else ""
        return f"Den Befehl {command.strip(' .')} gibt es nicht.{known}"
    if "unexpected extra argument" in text:
        return f"Das ist zu viel: {text.partition('(')[2].strip(')')}."
    if "requires an argument" in text:
        return f"Der Option {getattr(error, 'option_name', '')} fehlt ihr Wert."
    return text


def _name(error: Any) -> str:
    parameter = error.param
    if parameter is None:
        return str(error.param_hint or "")
    first = str(parameter.opts[0])
    return first if first.startswith("-") else str(parameter.metavar or first).strip("[]")


_MESSAGES = {
    "NoSuchOption": _no_such_option,
    "MissingParameter": _missing,
    "BadParameter": _bad_value,
}
