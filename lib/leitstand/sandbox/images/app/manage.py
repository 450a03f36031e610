"""The application's commands, as a job runs them: `migrate`, `plan`, `load_sample`, ….

Every one of Django's commands works; each outcome has an exit code (exit_codes.py) and a log line.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import NoReturn

from leitstand.sandbox.images.app import exit_codes
from leitstand.sandbox.images.app.lines import write_line

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leitstand.sandbox.images.app.settings")
    # Not SystemExit: only this makes psycopg cancel the statement that runs in the server.
    signal.signal(signal.SIGTERM, _interrupt)
    import django
    from django.conf import settings
    from django.core.management import CommandError, call_command
    from django.db import Error

    from leitstand.sandbox.images.app.half_applied import HalfApplied
    from leitstand.sandbox.images.app.migration_lock import Locked

    name = arguments[0]
    try:
        if not settings.HAS_DATABASE:
            raise CommandError(settings.DATABASE_PROBLEM or "DATABASE_URL ist nicht gesetzt.")
        django.setup()
        call_command(*arguments)
    except Locked as error:
        _tell(name, "locked", error, pid=error.pid, holder=error.holder, since=error.since)
        return exit_codes.LOCKED
    except HalfApplied as error:
        _tell(name, "half_applied", error, indexes=list(error.indexes))
        return exit_codes.HALF_APPLIED
    except CommandError as error:
        _tell(name, "refused", error)
        return exit_codes.USAGE
    except Error as error:
        state = getattr(error.__cause__, "sqlstate", None)
        # Without a state the server never answered; class 57P03 is "cannot connect now".
        unreachable = state in (None, "57P03", "3D000", "28P01")
        _tell(name, "unreachable" if unreachable else "failed", error, sqlstate=state)
        return exit_codes.UNREACHABLE if unreachable else exit_codes.FAILED
    except KeyboardInterrupt:
        write_line("ERROR", "Der Befehl wurde abgebrochen", event=f"{name}.terminated")
        return exit_codes.TERMINATED
    return 0


def _tell(name: str, outcome: str, error: Exception, **fields: object) -> None:
    message = str(error).strip().partition("\n")[0]
    write_line("ERROR", message, event=f"{name}.{outcome}", **fields)


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
