"""From when on a figure counts as a sign of an incident."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from leitstand.core.section import Section

__all__ = ["Triage"]

Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Triage(Section):
    """How signals are gathered, and which of them weigh.

    Attributes:
        deadline: Seconds after which a source that has not answered counts as missing.
        window: Seconds that are looked back; the same time before it is the baseline.
        change_seconds: So long before the first sign a change may have been its cause.
        recent_seconds: Error lines older than that tell of something that is over.
        slack_seconds: Two times that differ by less are not put into an order.
        min_requests: Requests that a share of errors or a latency needs to count at all.
        error_share: Share of 5xx answers that is ordinary.
        error_lines: Alike error lines that are ordinary.
        latency_ratio: 95th percentile that is ordinary, as a multiple of the one before.
        latency_floor_ms: 95th percentile that is never too slow, whatever the ratio says.
        lock_wait_seconds: Time that a session may wait for a lock.
        long_transaction_seconds: Time that a transaction may be open.
        connection_share: Of all connections that the database allows.
        disk_share: Of the disk; from here on it is nearly full.
        disk_full_share: Of the disk; from here on writes may fail any moment.
        archive_seconds: Time that the write-ahead log may go unarchived while archiving fails.
        redis_share: Of the memory of Memorystore.
        queue_length: Tasks that may wait.
        queue_seconds: Time that they may wait, if there are as many.
        queue_stuck_seconds: Time that a single task may wait.
        refused_share: Of LiteLLM's answers that may be 429.
        certificate_days: Days before its end at which a certificate should have been renewed.
        secret_days: Days before its end at which a secret should have been prolonged.
    """

    deadline: Seconds
    window: Seconds
    change_seconds: Seconds
    recent_seconds: Seconds
    slack_seconds: Seconds
    min_requests: Count
    error_share: Share
    error_lines: Count
    latency_ratio: Annotated[float, Field(gt=1)]
    latency_floor_ms: Annotated[float, Field(ge=0)]
    lock_wait_seconds: Seconds
    long_transaction_seconds: Seconds
    connection_share: Share
    disk_share: Share
    disk_full_share: Share
    archive_seconds: Seconds
    redis_share: Share
    queue_length: Count
    queue_seconds: Seconds
    queue_stuck_seconds: Seconds
    refused_share: Share
    certificate_days: Count
    secret_days: Count

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.disk_full_share <= self.disk_share:
            raise ValueError("disk_full_share must be above disk_share")
        if self.queue_stuck_seconds <= self.queue_seconds:
            raise ValueError("queue_stuck_seconds must be above queue_seconds")
        return self
