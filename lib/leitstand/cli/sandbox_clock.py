"""``leitstand sandbox clock``: show and move the clock of Cloud Scheduler."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from leitstand.cli.output import line, table
from leitstand.cli.running import running_sandbox, sandbox_explained
from leitstand.core.errors import GateRefused, InputError, RunFailed

__all__ = ["BadDuration", "ClockStillMoving", "ClockStopped", "TooFar", "clock"]

UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
LONGEST_SECONDS = 366 * 86400


class BadDuration(InputError):
    """That is no duration."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"„{text}“ ist keine Dauer.",
            "Schreiben Sie eine Zahl und m, h, d oder w, zum Beispiel 31d.",
        )


class TooFar(InputError):
    """The clock cannot be moved so far at once."""

    def __init__(self) -> None:
        super().__init__(
            "So weit lässt sich die Uhr nicht vorstellen.", "Möglich sind höchstens 366 Tage."
        )


class ClockStillMoving(GateRefused):
    """The clock has not arrived in time, or somebody else moves it."""

    def __init__(self) -> None:
        super().__init__(
            "Die Uhr ist noch unterwegs; fällige Zeitpläne laufen noch.",
            "Warten Sie, und sehen Sie mit leitstand sandbox clock nach.",
        )


class ClockStopped(RunFailed):
    """The clock has stopped on its way."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        super().__init__(
            f"Die Uhr ist bei {_local(report['now'])} stehen geblieben: {report['broken']}",
            "Was danach fällig war, lief nicht. Beheben Sie die Ursache, und stellen Sie die Uhr"
            " noch einmal vor.",
        )


def clock(
    ahead: Annotated[
        str,
        typer.Option(metavar="DAUER", help="So weit vorstellen: 90m, 12h, 31d oder 5w."),
    ] = "",
    minutes: Annotated[
        float, typer.Option(min=0, help="So lange auf das Ende warten, in echten Minuten.")
    ] = 60.0,
) -> None:
    """Zeigt die Uhr von Cloud Scheduler oder stellt sie vor; was fällig wird, läuft wirklich."""
    seconds = _seconds(ahead) if ahead else 0
    with sandbox_explained():
        from leitstand.sandbox.control import MoveBroken, StillMoving

        sandbox = running_sandbox()
        if not seconds:
            _show_clock(sandbox.clock())
            return
        if sandbox.clock()["moving_until"]:
            raise ClockStillMoving
        try:
            report = sandbox.advance(seconds, minutes * 60, _Progress())
        except StillMoving as error:
            raise ClockStillMoving from error
        except MoveBroken as error:
            raise ClockStopped(error.report) from error
        _show_clock(report)


class _Progress:
    """Prints a line whenever one more job has been started."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def __call__(self, report: Mapping[str, Any]) -> None:
        for name, count in report["fired"].items():
            if count > self._seen.get(name, 0):
                self._seen[name] = count
                line(f"{_local(report['now'])}  {name.rpartition('/')[2]} läuft ({count}.)")


def _show_clock(report: dict[str, Any]) -> None:
    days = report["ahead_seconds"] / 86400
    line(f"Die Uhr von Cloud Scheduler zeigt {_local(report['now'])}.", "green")
    if report["ahead_seconds"]:
        shown = f"{days:.1f}".replace(".", ",")
        line(f"Sie geht {shown} Tage vor. Zurück geht sie nur mit leitstand sandbox reset.")
    if report["moving_until"]:
        line(f"Sie wird gerade vorgestellt bis {_local(report['moving_until'])}.")
    if report["fired"]:
        line("")
        rows = [
            (name.rpartition("/")[2], str(count), str(report["failed"].get(name, 0)))
            for name, count in report["fired"].items()
        ]
        table(("Zeitplan", "ausgelöst", "davon gescheitert"), rows)


def _local(moment: str) -> str:
    """A time of the API as this machine's clock on the wall would show it."""
    from datetime import datetime

    return datetime.fromisoformat(moment).astimezone().strftime("%d.%m.%Y %H:%M")


def _seconds(text: str) -> int:
    """Seconds of a duration such as 31d.

    Raises:
        BadDuration: It is none.
        TooFar: It is longer than the clock can be moved.
    """
    number, unit = text[:-1], text[-1:]
    if not (number.isdecimal() and int(number) and unit in UNITS):
        raise BadDuration(text)
    seconds = int(number) * UNITS[unit]
    if seconds > LONGEST_SECONDS:
        raise TooFar
    return seconds
