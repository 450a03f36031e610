"""Start the sample gateway: `python -m leitstand.sandbox.images.litellm [ARGUMENT …]`.

It behaves as the LiteLLM proxy does where Leitstand looks: health pages, the OpenAI endpoints with
answers made up by rule, the master key, the rate limit and the log of requests. The real LiteLLM is
not in here: to import it takes seconds, and it would call models that a rehearsal does not have.

It reads PORT as on Cloud Run and its configuration from LITELLM_CONFIG; arguments are those of the
real proxy (`--config …`) and are not read. Standard input is a lifeline: at its end the process
ends, so that nothing survives a supervisor that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn

from leitstand.sandbox.images.app.exit_codes import ADDRESS_IN_USE, USAGE
from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.litellm.configuration import BadConfiguration, Configuration
from leitstand.sandbox.images.litellm.gateway import Gateway

__all__ = ["main"]

_THREADS = 16


def main() -> int:
    """Serve until SIGTERM or the end of the lifeline; returns the exit code."""
    threading.Thread(target=_follow_lifeline, name="lifeline", daemon=True).start()
    signal.signal(signal.SIGTERM, _terminate)
    version = os.environ.get("APP_VERSION", "")
    try:
        configuration = Configuration.read(os.environ)
    except BadConfiguration as error:
        write_line("CRITICAL", f"Das Gateway kann nicht starten: {error}", version=version)
        return USAGE
    from waitress import create_server

    try:
        server = create_server(
            Gateway(configuration, version),
            host="127.0.0.1",
            port=int(os.environ.get("PORT", "8080")),
            threads=min(int(os.environ.get("SANDBOX_THREADS", "8")), _THREADS),
            # Longer than the front door keeps a connection: the door closes first, never we.
            channel_timeout=600,
            ident=None,
        )
    except OSError as error:
        write_line("CRITICAL", f"Der Port ist nicht frei: {error}", version=version)
        return ADDRESS_IN_USE
    write_line(
        "INFO", "Das Gateway nimmt Anfragen an", version=version, models=list(configuration.models),
        requests_per_minute=configuration.requests_per_minute,
    )  # fmt: skip
    # run() ends by itself on SystemExit and finishes what its threads have begun.
    server.run()
    write_line("INFO", "Das Gateway ist beendet", version=version)
    return 0


def _terminate(signum: int, frame: object) -> NoReturn:
    raise SystemExit(0)


def _follow_lifeline() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
