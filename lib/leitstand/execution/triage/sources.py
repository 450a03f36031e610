"""What is asked of the world for one incident: each thing once, all of them at the same time."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import CloudRefused, CloudUnreachable
from leitstand.cloud.glance import Glance
from leitstand.core.environment import Database
from leitstand.core.health import Reading, Sample
from leitstand.core.names import short_name
from leitstand.core.triage.signals import (
    CertificateSignal,
    Change,
    ErrorGroup,
    GatewaySignal,
    QueueSignal,
    SecretSignal,
    ServiceSignal,
)
from leitstand.core.triage.store_signals import (
    DatabaseSignal,
    IsolationSignal,
    RedisSignal,
    StorageSignal,
    VectorSignal,
)
from leitstand.execution.triage import changes
from leitstand.execution.triage.addresses import (
    administrator_url,
    application_place,
    instance_at,
    redis_url,
)
from leitstand.execution.triage.answers import Answer, TooLate, each
from leitstand.execution.triage.database import (
    isolation_of,
    sessions_of,
    storage_of,
    vectors_of,
)
from leitstand.execution.triage.logs import error_groups
from leitstand.execution.triage.queue import queue_of, redis_of
from leitstand.execution.triage.reasons import NothingThere
from leitstand.execution.triage.secrets import Vault, certificate_signals, secret_signals
from leitstand.execution.triage.services import Estate, service_signals, variable
from leitstand.execution.triage.traffic import Counts, Latencies, read_counts, read_latencies

__all__ = ["Sources"]

T = TypeVar("T")

_CALL = 0.8
"""Share of the whole time that one call may wait: a refusal in the end is told as one."""
_SHARED = 0.5
"""Share of the whole time after which a source goes on without what another one has not told."""
_LINES = 2000
_LITELLM = "litellm"
_LATELY = timedelta(hours=24)
"""So long before an incident began, changes are told."""


class Sources:
    """The sources of one environment.

    Making one begins to ask for what several sources need. Each method is a source: it returns its
    signal or raises.

    Args:
        connection: Where to look.
        since: When the incident began.
        now: What time it is.
        seconds: How long all may take.
        state_directory: Where the runs of this machine lie.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        since: datetime,
        now: datetime,
        seconds: float,
        state_directory: Path,
    ) -> None:
        self._environment = connection.environment
        self._since, self._now = since, now
        self._runs = state_directory / "runs"
        self._seconds = max(0.1, seconds * _CALL)
        begin = time.monotonic()
        self._end, self._soon = begin + seconds, begin + seconds * _SHARED
        # Its import is the longest, and comes alone: threads that import the same get in each
        # other's way.
        self._glance = Answer(partial(Glance, connection, self._seconds))
        self._drivers = Answer(self._import_drivers)
        self._estate = Answer(self._read_estate)
        self._vault = Answer(self._read_vault)
        self._counts = Answer(self._read_counts)
        self._latencies = Answer(self._read_latencies)
        self._place = Answer(self._find_place)
        self._instance = Answer(self._find_instance)
        self._administrator = Answer(self._find_administrator)
        self._redis = Answer(self._find_redis)

    def services(self) -> dict[str, ServiceSignal]:
        """Cloud Run, a call and another one for each service."""
        return service_signals(self._ask(self._estate), self._environment)

    def traffic(self) -> dict[str, dict[str, Sample]]:
        """Cloud Monitoring, since the incident began."""
        return self._ask(self._counts).samples(self._known_latencies(), before=False)

    def baseline(self) -> dict[str, dict[str, Sample]]:
        """Cloud Monitoring, the time before."""
        return self._ask(self._counts).samples(self._known_latencies(), before=True)

    def series(self) -> dict[str, tuple[Reading, ...]]:
        """Cloud Monitoring, step by step."""
        return self._ask(self._counts).series()

    def database(self) -> DatabaseSignal:
        """Sessions and health."""
        url = self._ask(self._administrator)
        return sessions_of(url, self._environment, self._seconds)

    def storage(self) -> StorageSignal:
        """The disk."""
        glance, instance = self._ask(self._glance), self._ask(self._instance)
        url = partial(self._ask, self._administrator)
        return storage_of(glance, url, instance, self._now, self._seconds)

    def vectors(self) -> VectorSignal:
        """Indexes of the vector store."""
        url = self._ask(self._administrator)
        return vectors_of(url, self._environment, self._seconds)

    def isolation(self) -> IsolationSignal:
        """Tenants."""
        url = self._ask(self._administrator)
        return isolation_of(url, self._environment, self._seconds)

    def redis(self) -> RedisSignal:
        """Memory of Redis."""
        return redis_of(self._ask(self._redis), self._seconds)

    def queue(self) -> QueueSignal:
        """The queue of Celery."""
        estate = partial(self._ask_soon, self._estate)
        return queue_of(self._ask(self._redis), self._environment, estate, self._seconds)

    def gateway(self) -> GatewaySignal:
        """What LiteLLM answered, and its quota."""
        if _LITELLM not in self._environment.services:
            raise NothingThere("LiteLLM gehört nicht zu dieser Umgebung.")
        counts = self._ask(self._counts)
        # A quota is a revision's own: what another one refused before tells nothing of now.
        estate = self._or_none(self._estate)
        serving: set[str] | None = None
        if estate is not None:
            serving = {short_name(revision["name"]) for revision in estate.serving(_LITELLM)}
        return GatewaySignal(
            requests=counts.answered(_LITELLM, revisions=serving),
            refused=counts.answered(_LITELLM, lambda code: code == 429, serving),
            failed=counts.answered(_LITELLM, lambda code: code >= 500, serving),
            quota=self._quota(),
        )

    def secrets(self) -> tuple[SecretSignal, ...]:
        """Secrets and their users; without Cloud Run nobody is known to use them."""
        jobs = Answer(lambda: self._ask(self._glance).jobs())
        vault = self._ask(self._vault)
        estate = self._or_none(self._estate)
        return secret_signals(vault, estate, self._or_none(jobs) or ())

    def certificates(self) -> tuple[CertificateSignal, ...]:
        """Certificates of the load balancer."""
        return certificate_signals(self._ask(self._glance).certificates())

    def errors(self) -> tuple[ErrorGroup, ...]:
        """Error lines, the newest thousands."""
        return error_groups(self._ask(self._glance).error_lines(self._since, _LINES))

    def runs(self) -> tuple[Change, ...]:
        """Runs of this machine."""
        since = self._since - _LATELY
        return changes.run_changes(self._runs, self._environment.name, since)

    def operations(self) -> tuple[Change, ...]:
        """What was made lately, as far as anything tells.

        Raises:
            Exception: what the first of them raised, where none of them tells.
        """
        since = self._since - _LATELY
        parts: list[Callable[[], list[Change]]] = [
            lambda: list(changes.revision_changes(self._ask(self._estate), since)),
            lambda: list(changes.secret_changes(self._ask(self._vault), since)),
        ]
        if self._environment.database is not None:
            parts.append(self._instance_changes)
        found: list[Change] = []
        errors: list[Exception] = []
        for answer in [Answer(part) for part in parts]:
            try:
                found += answer.by(self._end)
            except Exception as error:  # noqa: BLE001  # told if all of them fail
                errors.append(error)
        if len(errors) == len(parts):
            raise errors[0]
        return changes.newest_first(found)

    def _instance_changes(self) -> list[Change]:
        operations = self._ask(self._glance).instance_operations()
        return list(changes.instance_changes(operations, self._since - _LATELY))

    def _ask(self, answer: Answer[T]) -> T:
        return answer.by(self._end)

    def _ask_soon(self, answer: Answer[T]) -> T:
        return answer.by(self._soon)

    def _or_none(self, answer: Answer[T]) -> T | None:
        try:
            return answer.by(self._soon)
        except (CloudRefused, CloudUnreachable, TooLate, LookupError, TypeError, ValueError):
            return None

    def _known_latencies(self) -> Latencies:
        return self._or_none(self._latencies) or {}

    def _quota(self) -> int | None:
        """Return the quota that serves; where Cloud Run does not tell, the environment file's."""
        estate = self._or_none(self._estate)
        if estate is None:
            return self._environment.litellm.rate_limit_quota
        for revision in estate.serving(_LITELLM):
            value = variable(revision, self._environment.litellm.rate_limit_variable)
            if value.isdecimal():
                return int(value)
        return None

    def _database(self) -> Database:
        if self._environment.database is None:
            raise NothingThere("Eine Datenbank gehört nicht zu dieser Umgebung.")
        return self._environment.database

    def _import_drivers(self) -> None:
        self._glance.settled(self._end)
        import psycopg  # noqa: F401  # by one thread, before several need them
        import redis  # noqa: F401

    def _read_estate(self) -> Estate:
        glance = self._ask(self._glance)
        services = {short_name(service["name"]): service for service in glance.services()}
        newest = each(glance.revisions, list(services), self._end)
        found = Estate(services, tuple(chain.from_iterable(newest)))
        older = each(lambda missing: glance.revision(*missing), found.missing, self._end)
        return Estate(services, (*found.revisions, *older))

    def _read_vault(self) -> Vault:
        glance = self._ask(self._glance)
        found = glance.secrets()
        names = [short_name(secret["name"]) for secret in found]
        versions = each(glance.secret_versions, names, self._end)
        return Vault(found, dict(zip(names, versions, strict=True)))

    def _read_counts(self) -> Counts:
        glance = self._ask(self._glance)
        return read_counts(glance, self._environment, self._since, self._now)

    def _read_latencies(self) -> Latencies:
        glance = self._ask(self._glance)
        return read_latencies(glance, self._environment, self._since, self._now)

    def _find_place(self) -> tuple[str, int] | None:
        settings, glance = self._database(), self._ask(self._glance)
        self._ask(self._drivers)
        return application_place(glance, settings, partial(self._ask_soon, self._estate))

    def _find_instance(self) -> Mapping[str, Any]:
        settings, instances = self._database(), self._ask(self._glance).instances()
        return instance_at(self._or_none(self._place), settings, instances)

    def _find_administrator(self) -> str:
        settings, glance = self._database(), self._ask(self._glance)
        return administrator_url(glance, settings, self._or_none(self._place))

    def _find_redis(self) -> str:
        glance, estate = self._ask(self._glance), partial(self._ask_soon, self._estate)
        url = redis_url(glance, self._environment, estate)
        self._ask(self._drivers)
        return url
