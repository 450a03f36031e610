"""A Celery worker: one task at a time, in the process itself."""

from __future__ import annotations

import os
import warnings
from functools import partial
from typing import Any

from leitstand.sandbox.images.app.background import broker_answers, celery_app
from leitstand.sandbox.images.app.health import Health
from leitstand.sandbox.images.app.lines import write_line

__all__ = ["work"]


def work(url: str, level: str) -> int:
    """Work until SIGTERM, finish the task in hand and return the exit code.

    Raises:
        OSError: The port is not free.
    """
    health = Health("worker", partial(broker_answers, url))
    app = celery_app(url)
    from celery import signals
    from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

    # Who runs the sandbox runs its containers, and the next version of Celery is no concern here.
    for category in (CPendingDeprecationWarning, SecurityWarning):
        warnings.simplefilter("ignore", category)

    def ready(**_: Any) -> None:
        write_line("INFO", "Der Worker nimmt Aufgaben an", version=os.environ.get("APP_VERSION"))
        health.ready()

    def keep_logging(**_: Any) -> None:
        """Celery sets up no logging of its own where somebody listens to this."""

    signals.worker_ready.connect(ready)
    signals.setup_logging.connect(keep_logging)
    worker = app.Worker(
        hostname=f"worker@{os.environ.get('SANDBOX_INSTANCE') or 'local'}",
        loglevel=level,
        quiet=True,
        # Talk among workers: to find each other's state takes a second of every start.
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    )
    worker.start()
    write_line("INFO", "Der Worker ist beendet")
    return int(worker.exitcode or 0)
