"""All signals of an incident, in no more time than there is."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.core.triage.signals import Missing, Signals, Source
from leitstand.execution.triage.answers import Answer
from leitstand.execution.triage.reasons import missing
from leitstand.execution.triage.sources import Sources

__all__ = ["gather"]

_RESERVE = 0.1
"""Seconds at the end for putting together what there is."""
_SOURCES = {
    "services": Source.SERVICES,
    "traffic": Source.TRAFFIC,
    "baseline": Source.TRAFFIC,
    "series": Source.TRAFFIC,
    "database": Source.DATABASE,
    "storage": Source.STORAGE,
    "vectors": Source.VECTORS,
    "isolation": Source.ISOLATION,
    "redis": Source.REDIS,
    "queue": Source.QUEUE,
    "gateway": Source.GATEWAY,
    "secrets": Source.SECRETS,
    "certificates": Source.CERTIFICATES,
    "errors": Source.LOGS,
    "runs": Source.RUNS,
    "operations": Source.OPERATIONS,
}


def gather(
    connection: Connection, *, since: datetime, deadline: float, state_directory: Path
) -> Signals:
    """Ask all sources at once and return what they told. Read-only.

    No source is waited for beyond the deadline, and none makes this fail: one that refuses, breaks
    or says nothing is ``Missing``. Whatever still hangs then is left to a daemon thread.

    Args:
        connection: Where to look.
        since: When the incident began; timezone-aware.
        deadline: Seconds that all may take together.
        state_directory: Where the runs of this machine lie.
    """
    begin, now = time.monotonic(), datetime.now(UTC)
    end = begin + max(0.0, deadline - _RESERVE)
    sources = Sources(
        connection,
        since=min(since, now),
        now=now,
        seconds=max(0.0, deadline - _RESERVE),
        state_directory=state_directory,
    )
    answers = {field: Answer(getattr(sources, field)) for field in _SOURCES}
    told = {field: _told(field, answer, end) for field, answer in answers.items()}
    return Signals(at=now, since=since, **told)


def _told(field: str, answer: Answer[Any], end: float) -> Any | Missing:
    try:
        return answer.by(end)
    except Exception as error:  # noqa: BLE001  # a source must never keep the others back
        return missing(_SOURCES[field], error)
