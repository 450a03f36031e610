"""What an incident's sources told, as plain values.

Each source answers for itself: a source that did not answer is ``Missing`` and says why. Everything
that follows must go on without it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from leitstand.core.health import Reading, Sample
from leitstand.core.schema import SchemaRange
from leitstand.core.triage.store_signals import (
    DatabaseSignal,
    IsolationSignal,
    RedisSignal,
    StorageSignal,
    VectorSignal,
)

__all__ = [
    "CertificateSignal",
    "Change",
    "ErrorGroup",
    "GatewaySignal",
    "Missing",
    "QueueSignal",
    "RevisionSignal",
    "SecretSignal",
    "ServiceSignal",
    "Signals",
    "Silence",
    "Source",
]


class Source(StrEnum):
    """The sources, one for each kind of signal; their values name them in journals."""

    SERVICES = "services"
    TRAFFIC = "traffic"
    DATABASE = "database"
    STORAGE = "storage"
    VECTORS = "vectors"
    ISOLATION = "isolation"
    REDIS = "redis"
    QUEUE = "queue"
    GATEWAY = "gateway"
    SECRETS = "secrets"
    CERTIFICATES = "certificates"
    LOGS = "logs"
    RUNS = "runs"
    OPERATIONS = "operations"


class Silence(StrEnum):
    """What a source's silence tells of it."""

    NOTHING = "nothing"
    """It was refused or broken on the way there, so nothing is known of the source itself."""
    LATE = "late"
    """It was given up at the deadline."""
    UNREACHABLE = "unreachable"
    """Nobody answered at its address."""
    FULL = "full"
    """It answered that it has no room for another session."""


@dataclass(frozen=True)
class Missing:
    """A source that did not answer.

    Attributes:
        reason: A German sentence that says why.
        tells: What that says of the source.
    """

    reason: str
    tells: Silence = Silence.NOTHING


@dataclass(frozen=True)
class RevisionSignal:
    """A revision and its share of the traffic.

    Attributes:
        name: Short name.
        image: Image reference.
        percent: Of the traffic, as it is in force.
        ready: Whether it can serve.
        problem: What the API says when it is not ready, else empty.
        created_at: When it was made.
        schema: Versions of the database's schema that it understands; None unknown.
        secrets: Pinned version by name of the secret.
    """

    name: str
    image: str
    percent: int
    ready: bool
    problem: str
    created_at: datetime | None
    schema: SchemaRange | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ServiceSignal:
    """A service as it stands.

    Attributes:
        name: As the environment file names it, for example ``web``.
        ready: Whether it is settled without a problem.
        problem: What the API says, else empty.
        revisions: Newest first, those with traffic and the newest few.
        instances: Fewest, most, and set by hand (None where scaling is automatic).
        wanted: Fewest and most instances by the environment file.
    """

    name: str
    ready: bool
    problem: str
    revisions: tuple[RevisionSignal, ...]
    instances: tuple[int, int, int | None]
    wanted: tuple[int, int]


@dataclass(frozen=True)
class QueueSignal:
    """A queue of Celery.

    Attributes:
        length: Tasks that wait.
        oldest_seconds: Age of the oldest; None unknown.
        workers: Instances of the worker that are asked for.
    """

    name: str
    length: int
    oldest_seconds: float | None
    workers: int


@dataclass(frozen=True)
class GatewaySignal:
    """What LiteLLM answered lately.

    Attributes:
        requests: Number of answers.
        refused: Of these 429.
        failed: Of these 500 or above.
        quota: ``AI_CORE_RATE_LIMIT_QUOTA``, requests per minute; None where it is not set.
    """

    requests: int
    refused: int
    failed: int
    quota: int | None


@dataclass(frozen=True)
class SecretSignal:
    """A secret and what its users need.

    Attributes:
        name: Short name.
        states: State by version, for example ``{"1": "ENABLED"}``.
        used: Version by service or job that has it pinned, as far as it gets traffic or runs.
        expires_at: When Secret Manager deletes it; None never.
    """

    name: str
    states: Mapping[str, str]
    used: Mapping[str, str]
    expires_at: datetime | None = None


@dataclass(frozen=True)
class CertificateSignal:
    """A certificate of the load balancer.

    Attributes:
        name: Short name.
        status: As the API names it, for example ``ACTIVE``.
        expires_at: None where there is none yet.
        domains: Status by domain.
    """

    name: str
    status: str
    expires_at: datetime | None
    domains: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ErrorGroup:
    """Error lines that are alike.

    Attributes:
        pattern: The line with numbers, ids and quoted values replaced by a mark.
        example: One whole line, cut.
        count: How many.
        service: Service or job that wrote them.
        revisions: Count by revision.
        first: When the first was written.
        last: When the last was.
    """

    pattern: str
    example: str
    count: int
    service: str
    revisions: Mapping[str, int]
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Change:
    """Something that changed lately.

    Attributes:
        at: When.
        kind: ``revision``, ``secret``, ``operation`` or ``run``.
        target: What changed, a short name.
        text: What happened, in German.
        run: Id of the run that did it, or empty.
    """

    at: datetime
    kind: str
    target: str
    text: str
    run: str = ""


@dataclass(frozen=True)
class Signals:
    """All that is known at one time.

    A field is ``Missing`` where its source did not answer. ``traffic`` holds what each revision
    answered, by service and revision, since ``since``; ``baseline`` the same for the time before.
    """

    at: datetime
    since: datetime
    services: Mapping[str, ServiceSignal] | Missing
    traffic: Mapping[str, Mapping[str, Sample]] | Missing
    baseline: Mapping[str, Mapping[str, Sample]] | Missing
    series: Mapping[str, Sequence[Reading]] | Missing
    database: DatabaseSignal | Missing
    storage: StorageSignal | Missing
    vectors: VectorSignal | Missing
    isolation: IsolationSignal | Missing
    redis: RedisSignal | Missing
    queue: QueueSignal | Missing
    gateway: GatewaySignal | Missing
    secrets: Sequence[SecretSignal] | Missing
    certificates: Sequence[CertificateSignal] | Missing
    errors: Sequence[ErrorGroup] | Missing
    runs: Sequence[Change] | Missing
    operations: Sequence[Change] | Missing

    @property
    def missing(self) -> Mapping[str, Missing]:
        """The sources that did not answer, by name of the field."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Missing)}
