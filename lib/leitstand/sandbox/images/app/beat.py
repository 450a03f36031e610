"""Celery beat: puts a small task into the queue from time to time. There may be only one."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from leitstand.sandbox.images.app.background import broker_answers, celery_app
from leitstand.sandbox.images.app.health import Health
from leitstand.sandbox.images.app.lines import write_line

__all__ = ["beat"]

_INTERVAL = "APP_HEARTBEAT_SECONDS"


def beat(url: str, level: str) -> int:
    """Send `heartbeat` every APP_HEARTBEAT_SECONDS (60) until SIGTERM; returns the exit code.

    The schedule lies in a directory of its own, which is removed at the end.

    Raises:
        OSError: The port is not free.
    """
    health = Health("beat", partial(broker_answers, url))
    app = celery_app(url)
    from celery import signals

    seconds = float(os.environ.get(_INTERVAL, "60"))
    # A beat after a long pause must not find its own former ones in the queue.
    entry = {"task": "heartbeat", "schedule": seconds, "options": {"expires": 2 * seconds}}
    app.conf.beat_schedule = {"heartbeat": entry}

    def ready(**_: Any) -> None:
        version = os.environ.get("APP_VERSION")
        write_line("INFO", "Beat hat begonnen", version=version, seconds=seconds)
        health.ready()

    def keep_logging(**_: Any) -> None:
        """Celery sets up no logging of its own where somebody listens to this."""

    signals.beat_init.connect(ready)
    signals.setup_logging.connect(keep_logging)
    with tempfile.TemporaryDirectory(prefix="leitstand-beat-") as directory:
        schedule = str(Path(directory) / "schedule")
        app.Beat(schedule=schedule, loglevel=level, quiet=True).run()
    write_line("INFO", "Beat ist beendet")
    return 0
