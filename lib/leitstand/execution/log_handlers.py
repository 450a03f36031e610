"""Handlers that change retention, sinks and their right to write, and prove an export."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import AlreadyThere, NotFound
from leitstand.cloud.log_routing import LogRouting
from leitstand.core.errors import RunFailed
from leitstand.core.log_retention import Sink
from leitstand.core.log_retention_plan import probe_table
from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.waiting import until

__all__ = ["ProbeLost", "log_handlers"]

_DAY = re.compile(r"-(\d{8})T\d+$")


class ProbeLost(RunFailed):
    """A probe entry did not arrive in time; a resumed run sends another.

    Attributes:
        sink: Full name of the sink that should have brought it.
        entry: Its ``insertId``.
        log: Full name of its log.
    """

    def __init__(self, sink: str, seconds: float, log: str, entry: str) -> None:
        super().__init__(
            f"Der Probeeintrag der Senke {sink.rpartition('/')[2]} ist nach {seconds:.0f} s nicht"
            " in BigQuery angekommen.",
            "Beheben Sie die Ursache, und setzen Sie den Lauf fort.",
        )
        self.sink = sink
        self.entry = entry
        self.log = log


def log_handlers(connection: Connection, run: str) -> dict[str, Handler]:
    """Return the handlers of logs by kind of action.

    Args:
        connection: Where they act.
        run: Id of the run, which its probe entries carry.
    """
    routing = LogRouting(connection)
    return {
        "log_retention": _AtOnce(_Retention(routing)),
        "log_sink_create": _AtOnce(_CreateSink(routing)),
        "log_sink_update": _AtOnce(_UpdateSink(routing)),
        "log_sink_delete": _AtOnce(_DeleteSink(routing)),
        "log_grant": _AtOnce(_Writer(routing, allowed=True)),
        "log_revoke": _AtOnce(_Writer(routing, allowed=False)),
        "log_probe": _Probe(routing, run, connection.poll_interval),
    }


class _Change(Protocol):
    """A change that works at once."""

    def reached(self, action: Action) -> bool:
        """Return whether the world is as the action wants it; read-only."""

    def start(self, action: Action, etag: str) -> str:
        """Make it so."""


class _AtOnce:
    """Makes a change; whether that worked, the world tells."""

    def __init__(self, change: _Change) -> None:
        self._change = change

    def reached(self, action: Action) -> bool:
        """Return whether the world is as the action wants it."""
        return self._change.reached(action)

    def start(self, action: Action, etag: str) -> str:
        """Make it so."""
        return self._change.start(action, etag)

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Look whether it is there."""
        if not self.reached(action):
            raise ActionFailed(action.id, f"{action.target} ist nicht wie geplant")
        return {}


class _Retention:
    """Sets how long a bucket keeps entries."""

    def __init__(self, routing: LogRouting) -> None:
        self._routing = routing

    def reached(self, action: Action) -> bool:
        """Return whether it keeps them so long."""
        days = {bucket.name: bucket.days for bucket in self._routing.buckets()}
        return bool(days.get(action.target) == action.arguments["days"])

    def start(self, action: Action, etag: str) -> str:
        """Set it."""
        self._routing.set_days(action.target, action.arguments["days"])
        return ""


class _CreateSink:
    """Makes a sink."""

    def __init__(self, routing: LogRouting) -> None:
        self._routing = routing

    def reached(self, action: Action) -> bool:
        """Return whether there is one that writes to the same place."""
        found = self._routing.sink(action.target)
        wanted: str = action.arguments["body"]["destination"]
        return found is not None and found.destination == wanted

    def start(self, action: Action, etag: str) -> str:
        """Make it."""
        try:
            self._routing.create_sink(action.target, action.arguments["body"])
        except AlreadyThere:
            if not self.reached(action):
                raise
        return ""


class _UpdateSink:
    """Gives a sink other fields."""

    def __init__(self, routing: LogRouting) -> None:
        self._routing = routing

    def reached(self, action: Action) -> bool:
        """Return whether it has them."""
        found = self._routing.sink(action.target)
        wanted = Sink.from_body(action.target, action.arguments["body"])
        fields = ("destination", "selection", "disabled", "partitioned")
        return found is not None and all(
            getattr(found, name) == getattr(wanted, name) for name in fields
        )

    def start(self, action: Action, etag: str) -> str:
        """Set them."""
        self._routing.update_sink(action.target, action.arguments["body"])
        return ""


class _DeleteSink:
    """Takes a sink away."""

    def __init__(self, routing: LogRouting) -> None:
        self._routing = routing

    def reached(self, action: Action) -> bool:
        """Return whether there is none."""
        return self._routing.sink(action.target) is None

    def start(self, action: Action, etag: str) -> str:
        """Delete it."""
        try:
            self._routing.delete_sink(action.target)
        except NotFound:
            return ""
        return ""


class _Writer:
    """Lets the writer of a sink write to a dataset, or no more."""

    def __init__(self, routing: LogRouting, *, allowed: bool) -> None:
        self._routing = routing
        self._allowed = allowed

    def reached(self, action: Action) -> bool:
        """Return whether it may, or may not."""
        dataset = self._routing.dataset(action.target)
        writer = self._writer(action)
        return (dataset is not None and writer in dataset.writers) == self._allowed

    def start(self, action: Action, etag: str) -> str:
        """Change the access list."""
        if not self.reached(action):
            self._routing.set_writer(action.target, self._writer(action), allowed=self._allowed)
        return ""

    def _writer(self, action: Action) -> str:
        """Return who writes for the sink, which is known only once that is there."""
        found = self._routing.sink(action.arguments["sink"])
        if found is None or not found.writer:
            sink = str(action.arguments["sink"]).rpartition("/")[2]
            if not self._allowed:
                return ""  # the sink is gone, and with it its need
            raise ActionFailed(action.id, f"Die Senke {sink} hat keine Schreibidentität")
        return found.writer


class _Probe:
    """Writes an entry, and waits until the sink has made a row of it."""

    def __init__(self, routing: LogRouting, run: str, interval: float) -> None:
        self._routing = routing
        self._run = run
        self._interval = interval

    def reached(self, action: Action) -> bool:
        """Return whether an entry of this run has arrived."""
        return self._arrived(action, self._names(action))

    def start(self, action: Action, etag: str) -> str:
        """Write the entry; its name, which holds the day, is that of the operation."""
        entry = f"{self._names(action)}{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        payload = {
            "message": "Probeeintrag: Kommt er in BigQuery an?",
            "leitstand": {"probe": entry, "run": self._run},
        }
        self._routing.write(action.target, action.arguments["severity"], payload, entry)
        return entry

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait for the row.

        Raises:
            ProbeLost: it did not come in time.
        """
        deadline = float(action.arguments["deadline"])
        begun = time.monotonic()
        text = operation or self._names(action)

        def waited() -> None:
            watch(f"Probeeintrag abwarten, {time.monotonic() - begun:.0f} von {deadline:.0f} s")

        until(
            lambda: self._arrived(action, text) or None,
            deadline=deadline,
            interval=self._interval,
            watch=waited,
            late=lambda: ProbeLost(action.arguments["sink"], deadline, action.target, text),
        )
        return {"entry": text, "seconds": round(time.monotonic() - begun, 3)}

    def _names(self, action: Action) -> str:
        """Return how the names of this run's entries begin."""
        return f"{self._run}-{action.id}-"

    def _arrived(self, action: Action, text: str) -> bool:
        sink = Sink.from_body(
            action.arguments["sink"],
            {
                "destination": action.arguments["destination"],
                "bigqueryOptions": {"usePartitionedTables": action.arguments["partitioned"]},
            },
        )
        tables = dict.fromkeys(probe_table(sink, day) for day in _days(text, datetime.now(UTC)))
        return any(self._routing.has_row(table, text) for table in tables)


def _days(entry: str, now: datetime) -> tuple[str, ...]:
    """Return the days on which an entry may have been written, in UTC, as ``YYYYMMDD``."""
    if found := _DAY.search(entry):
        return (found[1],)
    return f"{now:%Y%m%d}", f"{now - timedelta(days=1):%Y%m%d}"
