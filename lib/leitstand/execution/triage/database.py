"""The database as its catalogue and its disk describe it; every function is read-only."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from leitstand.cloud.glance import Glance
from leitstand.core.environment import Environment
from leitstand.core.schema import schema_version
from leitstand.core.tenancy.isolation import FindingCode, Severity, judge_isolation
from leitstand.core.triage.store_signals import (
    DatabaseSignal,
    IsolationSignal,
    StorageSignal,
    VectorSignal,
)
from leitstand.execution.triage.reasons import NoSessionLeft

__all__ = ["isolation_of", "sessions_of", "storage_of", "vectors_of"]

_GIB = 1024**3
_DISK = "cloudsql.googleapis.com/database/disk"
_RECENT = timedelta(minutes=10)
_FULL = ("too many clients", "remaining connection slots")
_OPEN = {
    FindingCode.ROW_SECURITY_OFF: "Row-Level Security ist ausgeschaltet.",
    FindingCode.NOT_FORCED: "Für den Eigentümer der Tabelle gilt Row-Level Security nicht.",
    FindingCode.POLICY_OPEN: "Eine Policy zeigt Anfragen auch fremde Zeilen.",
    FindingCode.VIEW_OPEN: "Eine View zeigt Anfragen auch fremde Zeilen.",
    FindingCode.ROLE_BYPASSES: "Die Rolle der Anfragen umgeht Row-Level Security.",
    FindingCode.ROLE_MEMBER: "Die Rolle der Anfragen hat die Rechte einer anderen.",
    FindingCode.GRANT_ACROSS: "Rechte reichen über die Grenze eines Mandanten.",
    FindingCode.NAMES_COLLIDE: "Zwei Mandanten haben denselben Namen in der Datenbank.",
}


def sessions_of(url: str, environment: Environment, seconds: float) -> DatabaseSignal:
    """Return sessions, locks, long transactions, health and schema version.

    Raises:
        NoSessionLeft: none is left to look with.
        DatabaseUnreachable: no answer in time.
    """
    from leitstand.database.activity import blocked_sessions, long_transactions
    from leitstand.database.connection import connect
    from leitstand.database.connections import count_connections
    from leitstand.database.errors import DatabaseUnreachable
    from leitstand.database.health import database_health
    from leitstand.database.schema import latest_migrations
    from leitstand.database.triage import replica_lags

    assert environment.database is not None
    app = environment.database.schema_app
    try:
        with connect(url, autocommit=True, statement_timeout=seconds) as connection:
            now, most = count_connections(connection)
            latest = latest_migrations(connection)
            return DatabaseSignal(
                connections=now,
                max_connections=most,
                blocks=blocked_sessions(connection),
                long_transactions=long_transactions(
                    connection, environment.triage.long_transaction_seconds
                ),
                health=database_health(connection),
                schema_version=schema_version(m.name for m in latest if m.app == app) or None,
                replicas_lag_seconds=replica_lags(connection),
            )
    except DatabaseUnreachable as error:
        if any(text in error.reason for text in _FULL):
            raise NoSessionLeft from error
        raise


def vectors_of(url: str, environment: Environment, seconds: float) -> VectorSignal:
    """Return the vector indexes that do not serve."""
    from leitstand.database.connection import connect
    from leitstand.database.triage import unserved_vectors

    store = environment.rag_store
    with connect(url, autocommit=True, statement_timeout=seconds) as connection:
        return VectorSignal(*unserved_vectors(connection, store.schemas, store.index_from_rows))


def isolation_of(url: str, environment: Environment, seconds: float) -> IsolationSignal:
    """Return the tables whose tenants are not kept apart, as far as the catalogue tells."""
    from leitstand.database.connection import connect
    from leitstand.database.isolation import read_isolation

    assert environment.database is not None
    tenancy, roles = environment.tenancy, environment.database.roles
    with connect(url, autocommit=True, statement_timeout=seconds) as connection:
        # To read a policy is to wait for whoever has locked its table: others tell of that.
        connection.execute("SET lock_timeout = '1s'")
        facts = read_isolation(connection, tenancy, tuple(roles))
    found = judge_isolation((), facts, tenancy, model=tenancy.model, application=roles)
    reasons: dict[str, str] = {}
    for finding in found:
        if finding.severity is Severity.BROKEN:
            reasons.setdefault(finding.subject, _OPEN.get(finding.code, "Die Trennung fehlt."))
    return IsolationSignal(reasons)


def storage_of(
    glance: Glance,
    url: Callable[[], str],
    instance: Mapping[str, Any],
    now: datetime,
    seconds: float,
) -> StorageSignal:
    """Return how full the disk is: by Cloud Monitoring, else by what the server says it holds."""
    settings = instance.get("settings", {})
    size = int(settings.get("dataDiskSizeGb", 10)) * _GIB
    used = _gauge(glance, f"{_DISK}/bytes_used", instance, now)
    if used is None:
        from leitstand.database.connection import connect
        from leitstand.database.sizes import used_bytes

        with connect(url(), autocommit=True, statement_timeout=seconds) as connection:
            used = used_bytes(connection)
    else:
        size = _gauge(glance, f"{_DISK}/quota", instance, now) or size
    return StorageSignal(
        used_bytes=used,
        size_bytes=size,
        grows=bool(settings.get("storageAutoResize", False)),
        grows_until_bytes=int(settings.get("storageAutoResizeLimit", 0)) * _GIB,
    )


def _gauge(glance: Glance, metric: str, instance: Mapping[str, Any], now: datetime) -> int | None:
    """Return the newest value of an instance's metric; None where there is none lately."""
    from leitstand.cloud.errors import CloudRefused, CloudUnreachable

    wanted = (
        f'metric.type = "{metric}" AND resource.type = "cloudsql_database"'
        f' AND resource.label.database_id = "{instance["project"]}:{instance["name"]}"'
    )
    try:
        series = glance.time_series(wanted, now - _RECENT, now)
    except (CloudRefused, CloudUnreachable):
        return None  # the server itself can be asked
    points = [point for one in series for point in one.get("points", [])]
    newest = max(points, key=lambda point: str(point["interval"]["endTime"]), default=None)
    if newest is None:
        return None
    value = newest["value"]
    return round(float(value.get("int64Value", value.get("doubleValue", 0))))
