"""`celery [-A app] worker|beat`: the commands of the worker and beat containers.

Celery's own command line loads every one of its commands, twice the time of a start. This one
takes the options that a container needs, with Celery's names, and refuses all others.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

from leitstand.sandbox.images.app import exit_codes
from leitstand.sandbox.images.app.background import broker_url
from leitstand.sandbox.images.app.lines import write_line

__all__ = ["run"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def run(arguments: Sequence[str]) -> int:
    """Run worker or beat until SIGTERM; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
    except argparse.ArgumentError as error:
        write_line("CRITICAL", f"Der Befehl celery ist nicht verständlich: {error}")
        return exit_codes.USAGE
    url = broker_url()
    if not url:
        message = "REDIS_URL ist nicht gesetzt: ohne die Warteschlange gibt es nichts zu tun"
        write_line("CRITICAL", message, command=options.command)
        return exit_codes.USAGE
    logging.basicConfig(level=options.loglevel, handlers=[_JsonLines()])
    try:
        if options.command == "worker":
            from leitstand.sandbox.images.app.worker import work

            return work(url, options.loglevel)
        from leitstand.sandbox.images.app.beat import beat

        return beat(url, options.loglevel)
    except OSError as error:
        write_line("CRITICAL", f"Der Port ist nicht frei: {error}", command=options.command)
        return exit_codes.ADDRESS_IN_USE


class _JsonLines(logging.Handler):
    """Celery's own messages as structured lines."""

    def emit(self, record: logging.LogRecord) -> None:
        fields = {"logger": record.name}
        if record.exc_info:
            fields["stack_trace"] = logging.Formatter().formatException(record.exc_info)
        write_line(record.levelname, record.getMessage(), **fields)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # the base never returns
        raise argparse.ArgumentError(None, message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="celery", add_help=False, allow_abbrev=False)
    parser.add_argument("-A", "--app", choices=("app",), default="app")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("worker", "beat"):
        command = commands.add_parser(name, add_help=False, allow_abbrev=False)
        command.add_argument("-l", "--loglevel", type=str.upper, choices=_LEVELS, default="INFO")
        if name == "worker":
            command.add_argument("-c", "--concurrency", type=int, choices=(1,))
            command.add_argument("-P", "--pool", choices=("solo",))
    return parser
