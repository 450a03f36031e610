"""Every request that passed the front door: the source of Monitoring and of the request log."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["RequestRecord", "RevisionCounters", "TrafficLog"]

KEPT_RECORDS = 100_000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One answered request.

    Attributes:
        at: When the answer was complete, in seconds since the epoch.
        project: Project id.
        location: Region.
        service: Service id (the last part of its name).
        revision: Revision id.
        status: HTTP status code of the answer.
        latency_ms: From the request's arrival to the end of the answer.
        method: HTTP method.
        path: Path of the request, with its query.
        tag: The traffic tag under whose address it came, or "".
        instance: Id of the instance that answered, or "".
    """

    at: float
    project: str
    location: str
    service: str
    revision: str
    status: int
    latency_ms: float
    method: str
    path: str
    tag: str
    instance: str


@dataclass(frozen=True)
class RevisionCounters:
    """How many requests one revision answered since the sandbox started.

    Attributes:
        service: Service id.
        revision: Revision id.
        requests: All of them.
        by_class: By response class, such as {"2xx": 10, "5xx": 1}.
    """

    service: str
    revision: str
    requests: int
    by_class: dict[str, int]


class TrafficLog:
    """The newest records in order of time, and counters of all. Memory is bounded."""

    def __init__(self, kept: int = KEPT_RECORDS) -> None:
        self._kept = kept
        self._records: list[RequestRecord] = []
        self._dropped = 0
        self._counts: dict[tuple[str, str], Counter[str]] = {}

    def record(self, record: RequestRecord) -> None:
        """Add one request."""
        if not self._records or self._records[-1].at <= record.at:
            self._records.append(record)
        else:
            insort(self._records, record, key=_at)
        if len(self._records) > self._kept * 11 // 10:
            surplus = len(self._records) - self._kept
            del self._records[:surplus]
            self._dropped += surplus
        counts = self._counts.setdefault((record.service, record.revision), Counter())
        counts[f"{record.status // 100}xx"] += 1

    def window(self, start: float, end: float) -> Sequence[RequestRecord]:
        """The records with start <= at < end, oldest first."""
        first = bisect_left(self._records, start, key=_at)
        return self._records[first : bisect_left(self._records, end, lo=first, key=_at)]

    def numbered(
        self, start: float | None, end: float | None
    ) -> Iterator[tuple[int, RequestRecord]]:
        """Like `window`, open where None, each with its running number."""
        first = 0 if start is None else bisect_left(self._records, start, key=_at)
        last = len(self._records)
        if end is not None:
            last = bisect_left(self._records, end, lo=first, key=_at)
        for index in range(first, last):
            yield self._dropped + index, self._records[index]

    def counters(self) -> tuple[RevisionCounters, ...]:
        """Per revision, in the order of their first request."""
        return tuple(
            RevisionCounters(service, revision, counts.total(), dict(counts))
            for (service, revision), counts in self._counts.items()
        )

    def clear(self) -> None:
        """Forget every record and counter."""
        self._records.clear()
        self._counts.clear()


def _at(record: RequestRecord) -> float:
    return record.at
