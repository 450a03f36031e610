"""Sessions in which vector indexes are maintained: prepared, locked by table, and cancellable."""

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leitstand.core.recovery_types import TableName
from leitstand.database.advisory import lock_holders
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused
from leitstand.database.vector_control import Control
from leitstand.database.vector_errors import MaintenanceRefused, Trouble, refusal

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["Limits", "Sessions", "lock_key"]

_LOCKS = zlib.crc32(b"leitstand.vectors") >> 1
"""First half of the keys of all locks of this kind."""
_PATIENCE = 5.0
_LOOK = 0.1
_LINGER = 1.0
_NAME_BYTES = 63
# A client that was killed must not leave a build behind that nobody watches.
_CHECK_CLIENT = "1s"


@dataclass(frozen=True)
class Limits:
    """What a piece of work may use.

    Attributes:
        memory: ``maintenance_work_mem`` in bytes; 0 leaves the server's own.
        workers: ``max_parallel_maintenance_workers``; None leaves the server's own.
        lock_seconds: How long it waits for any one lock or transaction; 0 is no limit.
        durable: Whether each commit waits for the disk. Work of many commits whose last one waits
            anyhow needs no more: a crash of the server undoes the end of it, never the middle.
    """

    memory: int = 0
    workers: int | None = None
    lock_seconds: float = 60.0
    durable: bool = True

    def settings(self, name: str) -> dict[str, str | None]:
        """Return the settings of a session by name; None stands for the server's own value."""
        return {
            "application_name": name.encode()[:_NAME_BYTES].decode(errors="ignore"),
            # The same few queries on the catalogue, thousands of times.
            "plan_cache_mode": "force_generic_plan",
            "lock_timeout": str(round(self.lock_seconds * 1000)),
            "client_connection_check_interval": _CHECK_CLIENT,
            "synchronous_commit": None if self.durable else "off",
            "maintenance_work_mem": f"{self.memory // 1024}kB" if self.memory else None,
            "max_parallel_maintenance_workers": None if self.workers is None else str(self.workers),
        }


class Sessions:
    """Keeps sessions of one role ready between pieces of work, for a moment only.

    A new session costs more than rebuilding a small index; an idle one is closed after a second.

    Args:
        url: Asked once, when the first session is needed.
        run: Names the sessions, so that a run knows its own.
        patience: Seconds to wait for a table that somebody else works on.
    """

    def __init__(self, url: Callable[[], str], run: str, *, patience: float = _PATIENCE) -> None:
        self._ask = url
        self._name = f"leitstand {run}"
        self._patience = patience
        self._url = ""
        self._lock = threading.Lock()
        self._idle: list[_Session] = []
        self._sweeper: threading.Timer | None = None

    @contextmanager
    def on_table(
        self, table: TableName, limits: Limits, control: Control
    ) -> "Iterator[Connection]":
        """A session, each statement a transaction, that alone of all runs works on the table.

        Raises:
            MaintenanceRefused: another run works on it and does not end soon.
            DatabaseUnreachable: no answer.
            DatabaseRefused: the login was refused.
        """
        with self._session() as connection:
            self._take(connection, table, limits, control)
            try:
                yield connection
            finally:
                # Where that fails, the session is broken, and its end frees the lock.
                with suppress(MaintenanceRefused):
                    _ask(connection, "SELECT pg_advisory_unlock(%s, %s)", lock_key(table))

    @contextmanager
    def reading(self) -> "Iterator[Connection]":
        """A session for short queries."""
        with self._session() as connection:
            yield connection

    def close(self) -> None:
        """Close all sessions that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _take(
        self, connection: "Connection", table: TableName, limits: Limits, control: Control
    ) -> None:
        key = lock_key(table)
        settings = limits.settings(f"{self._name} {table}")
        given = time.monotonic()
        query, values = _preparation(settings, key)
        while not _ask(connection, query, values):
            control.check()
            holders = [h for h in lock_holders(connection, key) if h.pid]
            own = any(holder.application.startswith(f"{self._name} ") for holder in holders)
            who = ", ".join(f"{h.application or h.role} (pid {h.pid})" for h in holders)
            control.doing = f"wartet auf {who or 'einen anderen Lauf'}"
            if not own and time.monotonic() - given > self._patience:
                raise MaintenanceRefused(
                    Trouble.HELD,
                    f"Die Wartung von {table}",
                    f"beginnt nicht, da schon {who or 'ein anderer Lauf'} daran arbeitet.",
                    "Warten Sie, bis das beendet ist, und setzen Sie den Lauf fort.",
                )
            time.sleep(_LOOK)

    @contextmanager
    def _session(self) -> "Iterator[Connection]":
        with self._lock:
            session = self._idle.pop() if self._idle else None
            self._url = self._url or self._ask()
        if session is None or not session.alive():
            session = _Session(self._url)
        try:
            yield session.connection
        finally:
            if session.alive():
                self._keep(session)
            else:
                session.close()

    def _keep(self, session: "_Session") -> None:
        with self._lock:
            session.since = time.monotonic()
            self._idle.append(session)
            if self._sweeper is None:
                self._sweep_later()

    def _sweep_later(self) -> None:
        self._sweeper = threading.Timer(_LINGER, self._sweep)
        self._sweeper.daemon = True
        self._sweeper.start()

    def _sweep(self) -> None:
        border = time.monotonic() - _LINGER
        with self._lock:
            old = [session for session in self._idle if session.since <= border]
            self._idle = [session for session in self._idle if session.since > border]
            self._sweeper = None
            if self._idle:
                self._sweep_later()
        for session in old:
            session.close()


class _Session:
    """A connection and how to close it."""

    def __init__(self, url: str) -> None:
        self._opened: AbstractContextManager[Connection] = connect(
            url, read_only=False, autocommit=True, statement_timeout=0
        )
        self.connection = self._opened.__enter__()
        self.since = 0.0

    def alive(self) -> bool:
        from psycopg.pq import TransactionStatus

        info = self.connection.info
        return not self.connection.closed and info.transaction_status is TransactionStatus.IDLE

    def close(self) -> None:
        with suppress(DatabaseRefused):
            self._opened.__exit__(None, None, None)


def lock_key(table: TableName) -> tuple[int, int]:
    """Return the key of the advisory lock that stands for work on a table."""
    number = zlib.crc32(f"{table.schema}\0{table.name}".encode())
    return _LOCKS, number - (1 << 32 if number >= 1 << 31 else 0)


def _preparation(
    settings: Mapping[str, str | None], key: tuple[int, int]
) -> tuple[str, tuple[object, ...]]:
    """Return one query that makes all settings, then tries the lock, which it returns."""
    parts, values = [], []
    for name, value in settings.items():
        if value is None:
            parts.append(
                "(SELECT set_config(name, reset_val || coalesce(unit, ''), false)"
                " FROM pg_settings WHERE name = %s)"
            )
            values.append(name)
        else:
            parts.append("set_config(%s, %s, false)")
            values += [name, value]
    query = f"SELECT {', '.join(parts)}, pg_try_advisory_lock(%s, %s)"
    return query, (*values, *key)


def _ask(connection: "Connection", query: str, values: tuple[object, ...]) -> bool:
    """Return the last column of the answer as a truth."""
    import psycopg

    try:
        row = connection.execute(query, values).fetchone()
    except psycopg.Error as error:
        raise refusal("Die Vorbereitung der Sitzung", error) from error
    return bool(row and row[-1])
