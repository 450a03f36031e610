"""Start the sample application: `python -m leitstand.sandbox.images.app`.

Reads PORT as on Cloud Run. Standard input is a lifeline: at its end the process ends, so that
nothing survives a supervisor that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn

from leitstand.sandbox.images.app.lines import write_line

__all__ = ["EXIT_ADDRESS_IN_USE", "main"]

# EX_OSERR of sysexits.h: the supervisor tries again with another port.
EXIT_ADDRESS_IN_USE = 71


def main() -> int:
    """Serve until SIGTERM or the end of the lifeline; returns the exit code."""
    threading.Thread(target=_follow_lifeline, name="lifeline", daemon=True).start()
    signal.signal(signal.SIGTERM, _terminate)
    version = os.environ.get("APP_VERSION", "")
    if code := os.environ.get("APP_EXIT_AT_START"):
        write_line("CRITICAL", "Die Anwendung kann nicht starten", version=version)
        return int(code)
    if os.environ.get("APP_NEVER_LISTEN") == "1":
        write_line("INFO", "Die Anwendung wartet auf ihre Abhängigkeiten", version=version)
        while True:
            signal.pause()
    return _serve(version)


def _serve(version: str) -> int:
    from waitress import create_server

    from leitstand.sandbox.images.app.wsgi import application

    try:
        server = create_server(
            application,
            host="127.0.0.1",
            port=int(os.environ["PORT"]),
            threads=int(os.environ.get("SANDBOX_THREADS", "8")),
            # Longer than the front door keeps a connection: the door closes first, never we.
            channel_timeout=600,
            ident=None,
        )
    except OSError as error:
        write_line("CRITICAL", f"Der Port ist nicht frei: {error}", version=version)
        return EXIT_ADDRESS_IN_USE
    write_line("INFO", "Die Anwendung nimmt Anfragen an", version=version)
    # run() ends by itself on SystemExit and finishes what its threads have begun.
    server.run()
    write_line("INFO", "Die Anwendung ist beendet", version=version)
    return 0


def _terminate(signum: int, frame: object) -> NoReturn:
    raise SystemExit(0)


def _follow_lifeline() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
