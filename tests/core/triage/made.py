"""Signals of a healthy production under load, and the parts from which faults are made."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from leitstand.configuration import load_environment
from leitstand.core.database_state import (
    ArchiverState,
    Block,
    DatabaseHealth,
    OpenTransaction,
    Session,
    VectorExtension,
)
from leitstand.core.health import Reading, Sample
from leitstand.core.schema import SchemaRange
from leitstand.core.triage.signals import (
    CertificateSignal,
    Change,
    ErrorGroup,
    GatewaySignal,
    QueueSignal,
    RevisionSignal,
    SecretSignal,
    ServiceSignal,
    Signals,
)
from leitstand.core.triage.store_signals import (
    DatabaseSignal,
    IsolationSignal,
    RedisSignal,
    StorageSignal,
    VectorSignal,
)

NOW = datetime(2026, 11, 26, 3, 40, tzinfo=UTC)
POLICY = load_environment("prod").triage
GIB = 1 << 30
SOURCES: Mapping[str, tuple[str, ...]] = {
    "services": ("services",),
    "traffic": ("traffic", "baseline", "series"),
    **{
        name: (name,)
        for name in (
            "database", "storage", "vectors", "isolation", "redis", "queue", "gateway",
            "secrets", "certificates", "errors", "runs", "operations",
        )
    },
}  # fmt: skip
"""Fields of ``Signals`` by what goes missing together."""


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def revision(
    name: str, percent: int = 0, age: float = 30 * 86_400, **fields: Any
) -> RevisionSignal:
    schema = fields.pop("schema", (1, 3))
    given = {"ready": True, "problem": "", "secrets": {"database-url": "1"}}
    image = "registry/web:1.0.0@sha256:0"
    return RevisionSignal(
        name, image, percent, created_at=ago(age), schema=schema and SchemaRange(*schema),
        **{**given, **fields},
    )  # fmt: skip


def service(name: str, *revisions: RevisionSignal, **fields: Any) -> ServiceSignal:
    given: dict[str, Any] = {"instances": (1, 10, None), "wanted": (1, 10)}
    return ServiceSignal(name, True, "", revisions, **{**given, **fields})


def archiver(last: float = 20, failed: float | None = None) -> ArchiverState:
    failed_at = None if failed is None else ago(failed)
    return ArchiverState(True, "0001", ago(last), 3, failed_at, "0002")


def database(**fields: Any) -> DatabaseSignal:
    health = DatabaseHealth(
        "16.14", 2 * GIB, False, (), fields.pop("archiver", archiver()), (),
        VectorExtension("0.8.5", "0.8.5"),
    )  # fmt: skip
    given: dict[str, Any] = {
        "connections": 22, "max_connections": 100, "blocks": (), "long_transactions": (),
        "schema_version": 2,
    }  # fmt: skip
    return DatabaseSignal(health=health, **{**given, **fields})


def session(pid: int, age: float, application: str = "web") -> Session:
    return Session(pid, application, "app", ago(age), age)


def locked(waiting: int = 12, seconds: float = 40) -> DatabaseSignal:
    holder = session(4711, 180)
    return database(
        blocks=tuple(
            Block(session(5000 + n, seconds - n * 0.5), holder, "RowShareLock", "public.documents")
            for n in range(waiting)
        ),
        long_transactions=(OpenTransaction(holder, "idle in transaction", ago(180), 180),),
    )


def lines(
    text: str, count: int = 60, service: str = "web", since: float = 40, last: float = 1
) -> ErrorGroup:
    return ErrorGroup(text, text, count, service, {"web-00002": count}, ago(since), ago(last))


def secret(name: str = "database-url", state: str = "ENABLED", **fields: Any) -> SecretSignal:
    given: dict[str, Any] = {"used": {"web": "1", "worker": "1"}}
    return SecretSignal(name, {"1": state}, **{**given, **fields})


def healthy(**changed: Any) -> Signals:
    """Return signals without a finding, with fields changed."""
    given = Signals(
        at=NOW,
        since=ago(POLICY.window),
        services={
            "web": service("web", revision("web-00002", 100, 7 * 86_400), revision("web-00001")),
            "worker": service("worker", revision("worker-00001", 100)),
            "litellm": service("litellm", revision("litellm-00001", 100, schema=None)),
        },
        traffic={
            "web": {"web-00002": Sample(9000, 3, 180.0)},
            "litellm": {"litellm-00001": Sample(900, 0, 900.0)},
        },
        baseline={
            "web": {"web-00002": Sample(8800, 2, 170.0)},
            "litellm": {"litellm-00001": Sample(880, 0, 850.0)},
        },
        series={"web": [Reading(ago(60 * n), "web-00002", 600, 0) for n in range(15)]},
        database=database(),
        storage=StorageSignal(20 * GIB, 100 * GIB, grows=True),
        vectors=VectorSignal(()),
        isolation=IsolationSignal({}),
        redis=RedisSignal(GIB, 5 * GIB, 0, 14, "noeviction"),
        queue=QueueSignal("celery", 4, 0.6, 2),
        gateway=GatewaySignal(900, 2, 0, 600),
        secrets=[secret(), secret("redis-url")],
        certificates=[CertificateSignal("main", "ACTIVE", ago(-60 * 86_400))],
        errors=[lines("Zeitüberschreitung bei <n>", 2)],
        runs=[],
        operations=[],
    )
    return replace(given, **changed)


def failing(share: float = 0.2, since: float = 40, age: float = 7 * 86_400) -> dict[str, Any]:
    """Return what web's failing requests look like: one revision serves, of that age."""
    steps = [
        Reading(ago(10 * n), "web-00002", 100, round(100 * share) if 10 * n < since else 0)
        for n in range(90)
    ]
    total = sum(step.errors for step in steps)
    return {
        "services": {
            **healthy().services,  # type: ignore[dict-item]  # a healthy one is not missing
            "web": service("web", revision("web-00002", 100, age), revision("web-00001")),
        },
        "traffic": {"web": {"web-00002": Sample(9000, max(total, 400), 200.0)}},
        "series": {"web": steps},
    }


def run(name: str, seconds: float, text: str = "Lauf beendet.") -> Change:
    return Change(ago(seconds), "run", name.split("-")[2], text, name)
