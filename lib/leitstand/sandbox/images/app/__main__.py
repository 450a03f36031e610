"""Start the sample application: `python -m leitstand.sandbox.images.app [COMMAND ARGUMENT …]`.

Without a command it serves and reads PORT as on Cloud Run; `celery worker` and `celery beat` are
services too (celery_command.py); any other command is what a job runs (manage.py). Standard input
is a lifeline: at its end the process ends, so that nothing survives a supervisor that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import NoReturn

from leitstand.sandbox.images.app.exit_codes import ADDRESS_IN_USE, TERMINATED
from leitstand.sandbox.images.app.lines import write_line

__all__ = ["main"]

# Every thread keeps a connection, and all instances share what the database allows.
_MOST_THREADS_WITH_DATABASE = 8
# What worker and beat have to tidy up after the end of the lifeline.
_GRACE_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    """Run the command, or serve until SIGTERM or the end of the lifeline; returns the exit code."""
    celery = arguments[:1] == ["celery"]
    job = bool(arguments) and not celery
    lifeline = [TERMINATED if job else 0, _GRACE_SECONDS if celery else 0.0]
    threading.Thread(target=_follow_lifeline, args=lifeline, name="lifeline", daemon=True).start()
    if job:
        from leitstand.sandbox.images.app.manage import run

        return run(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    version = os.environ.get("APP_VERSION", "")
    if code := os.environ.get("APP_EXIT_AT_START"):
        write_line("CRITICAL", "Die Anwendung kann nicht starten", version=version)
        return int(code)
    if os.environ.get("APP_NEVER_LISTEN") == "1":
        write_line("INFO", "Die Anwendung wartet auf ihre Abhängigkeiten", version=version)
        while True:
            signal.pause()
    if celery:
        from leitstand.sandbox.images.app import celery_command

        return celery_command.run(arguments[1:])
    return _serve(version)


def _serve(version: str) -> int:
    from waitress import create_server

    from leitstand.sandbox.images.app.wsgi import application

    try:
        server = create_server(
            application,
            host="127.0.0.1",
            port=int(os.environ["PORT"]),
            threads=_threads(),
            # Longer than the front door keeps a connection: the door closes first, never we.
            channel_timeout=600,
            ident=None,
        )
    except OSError as error:
        write_line("CRITICAL", f"Der Port ist nicht frei: {error}", version=version)
        return ADDRESS_IN_USE
    write_line("INFO", "Die Anwendung nimmt Anfragen an", version=version)
    # run() ends by itself on SystemExit and finishes what its threads have begun.
    server.run()
    write_line("INFO", "Die Anwendung ist beendet", version=version)
    return 0


def _terminate(signum: int, frame: object) -> NoReturn:
    raise SystemExit(0)


def _threads() -> int:
    wanted = int(os.environ.get("SANDBOX_THREADS", "8"))
    return min(wanted, _MOST_THREADS_WITH_DATABASE) if os.environ.get("DATABASE_URL") else wanted


def _follow_lifeline(code: int, grace: float) -> None:
    while os.read(0, 4096):
        pass
    if grace:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
