"""Handlers that act on Cloud SQL and on the databases inside."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import Conflict, NotFound
from leitstand.cloud.secrets import Secrets
from leitstand.cloud.sql import CloudSql
from leitstand.core.plan import Action
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.waiting import start, until

__all__ = ["sql_handlers"]


def sql_handlers(connection: Connection, *, deadline: float) -> dict[str, Handler]:
    """Return the handlers of Cloud SQL by kind of action; ``deadline`` in seconds."""
    access = DatabaseAccess(connection)
    waiting = _Waiting(connection, deadline)
    return {
        "sql_backup": _Backup(waiting),
        "sql_clone": _Clone(waiting),
        "sql_settings": _Settings(waiting),
        "sql_delete": _Delete(waiting),
        "sql_fence": _Fence(access, fenced=True),
        "sql_unfence": _Fence(access, fenced=False),
        "sql_rescue": _Rescue(access),
        "add_database_url": _AddUrl(access, Secrets(connection)),
    }


class _Waiting:
    """Starts operations and waits for them; only one runs on an instance at a time."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        self.sql = CloudSql(connection)
        self._project = connection.environment.project
        self._deadline = deadline
        self._interval = connection.poll_interval

    def start(self, call: Callable[[], str]) -> str:
        """Start an operation; while another one runs on the instance, wait for its end."""
        return start(
            call, Conflict, deadline=self._deadline, interval=4 * self._interval, slowest=1
        )

    def finish(self, action: Action, operation: str, what: str, watch: Watch) -> None:
        """Wait for the operation; raise what it reports."""
        if not operation:
            return

        def done() -> bool:
            state = self.sql.operation(self._project, operation)
            if state.error:
                raise ActionFailed(action.id, f"{what} ist fehlgeschlagen: {state.error}")
            return state.done

        self.until(action, done, what, watch, f" (Operation {operation})")

    def until(
        self,
        action: Action,
        holds: Callable[[], bool],
        what: str,
        watch: Watch,
        operation: str = "",
    ) -> None:
        """Wait until ``holds``; ``operation`` is named when it does not in time."""
        late = f"{what} ist nach {self._deadline:.0f} s nicht fertig{operation}"
        until(
            lambda: holds() or None,
            deadline=self._deadline,
            interval=self._interval,
            slowest=1,
            watch=lambda: watch(what),
            late=lambda: ActionFailed(action.id, late),
        )


class _Backup:
    """Makes an on-demand backup; its description says which run asked for it."""

    def __init__(self, waiting: _Waiting) -> None:
        self._waiting = waiting

    def reached(self, action: Action) -> bool:
        return self._status(action) not in {"", "FAILED"}

    def start(self, action: Action, etag: str) -> str:
        if self.reached(action):
            return ""
        sql, description = self._waiting.sql, action.arguments["description"]
        return self._waiting.start(lambda: sql.start_backup(action.target, description))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        self._waiting.finish(action, operation, "Die Sicherung", watch)
        self._waiting.until(
            action,
            lambda: self._status(action) in {"SUCCESSFUL", "FAILED"},
            "Die Sicherung",
            watch,
        )
        if self._status(action) == "FAILED":
            raise ActionFailed(action.id, "Die Sicherung ist fehlgeschlagen")
        return {"status": "SUCCESSFUL"}

    def _status(self, action: Action) -> str:
        return self._waiting.sql.backup_status(action.target, action.arguments["description"])


class _Clone:
    """Makes a new instance from an instance as of a time."""

    def __init__(self, waiting: _Waiting) -> None:
        self._waiting = waiting

    def reached(self, action: Action) -> bool:
        return self._state(action) not in {"", "FAILED"}

    def start(self, action: Action, etag: str) -> str:
        sql, arguments = self._waiting.sql, action.arguments
        at = datetime.fromisoformat(arguments["point_in_time"])
        return self._waiting.start(lambda: sql.start_clone(action.target, arguments["clone"], at))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        self._waiting.finish(action, operation, "Der Klon", watch)
        self._waiting.until(
            action, lambda: self._state(action) in {"RUNNABLE", "FAILED"}, "Der Klon", watch
        )
        if self._state(action) == "FAILED":
            raise ActionFailed(action.id, "Der Klon ist fehlgeschlagen")
        return {"clone": action.arguments["clone"]}

    def _state(self, action: Action) -> str:
        project = action.target.rpartition("/instances/")[0]
        name = f"{project}/instances/{action.arguments['clone']}"
        try:
            return self._waiting.sql.instance(name).state
        except NotFound:
            return ""


class _Settings:
    """Puts settings back that a clone does not inherit."""

    def __init__(self, waiting: _Waiting) -> None:
        self._waiting = waiting

    def reached(self, action: Action) -> bool:
        settings = self._waiting.sql.instance(action.target).settings
        return _contains(settings, action.arguments["settings"])

    def start(self, action: Action, etag: str) -> str:
        sql, settings = self._waiting.sql, action.arguments["settings"]
        return self._waiting.start(lambda: sql.start_settings(action.target, settings))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        self._waiting.finish(action, operation, "Die Änderung der Einstellungen", watch)
        if not self.reached(action):
            raise ActionFailed(action.id, "Die Einstellungen des Klons weichen noch ab")
        return {}


class _Delete:
    """Deletes an instance that a run has made."""

    def __init__(self, waiting: _Waiting) -> None:
        self._waiting = waiting

    def reached(self, action: Action) -> bool:
        try:
            self._waiting.sql.instance(action.target)
        except NotFound:
            return True
        return False

    def start(self, action: Action, etag: str) -> str:
        if self.reached(action):
            return ""
        return self._waiting.start(lambda: self._waiting.sql.start_delete(action.target))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        self._waiting.finish(action, operation, "Das Löschen", watch)
        self._waiting.until(action, lambda: self.reached(action), "Das Löschen", watch)
        return {}


class _Fence:
    """Locks the application out of a database, or lets it in again."""

    def __init__(self, access: DatabaseAccess, *, fenced: bool) -> None:
        self._access = access
        self._fenced = fenced

    def reached(self, action: Action) -> bool:
        from leitstand.database.fence import is_fenced

        arguments = action.arguments
        fenced = is_fenced(self._url(action), arguments["database"], arguments["roles"])
        return fenced == self._fenced

    def start(self, action: Action, etag: str) -> str:
        from leitstand.database.fence import fence, unfence

        url, database = self._url(action), action.arguments["database"]
        if self._fenced:
            fence(url, database, action.arguments["roles"])
        else:
            unfence(url, database)
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        if not self.reached(action):
            what = "gesperrt" if self._fenced else "wieder offen"
            raise ActionFailed(action.id, f"Die Datenbank ist nicht {what}")
        return {"fenced": self._fenced}

    def _url(self, action: Action) -> str:
        return self._access.administrator_url(action.target)


class _Rescue:
    """Writes what the old instance has and the clone has not to files."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def reached(self, action: Action) -> bool:
        return (Path(action.arguments["directory"]) / "manifest.json").is_file()

    def start(self, action: Action, etag: str) -> str:
        from leitstand.database.rescue import export_rescue

        clone = self._access.instance_name(action.arguments["clone"])
        export_rescue(
            self._access.administrator_url(clone),
            self._access.administrator_url(action.target),
            Path(action.arguments["directory"]),
        )
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        return {"directory": action.arguments["directory"]}


class _AddUrl:
    """Adds the version of the URL secret that points at the clone."""

    def __init__(self, access: DatabaseAccess, secrets: Secrets) -> None:
        self._access = access
        self._secrets = secrets

    def reached(self, action: Action) -> bool:
        version = action.arguments["new_version"]
        if self._secrets.newest_version(action.target) < int(version):
            return False
        return self._secrets.value(action.target, version) == self._wanted(action)

    def start(self, action: Action, etag: str) -> str:
        added = self._secrets.add_version(action.target, self._wanted(action))
        if added != action.arguments["new_version"]:
            raise ActionFailed(
                action.id,
                f"Das Secret hat schon eine Version {action.arguments['new_version']},"
                " die jemand anderes angelegt hat",
            )
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        if not self.reached(action):
            raise ActionFailed(action.id, "Die neue Version des Secrets ist nicht lesbar")
        return {"version": action.arguments["new_version"]}

    def _wanted(self, action: Action) -> str:
        url = self._secrets.value(action.target, action.arguments["old_version"])
        instance = self._access.instance_name(action.arguments["instance"])
        return self._access.pointed_at(url, instance)


def _contains(actual: Any, wanted: Any) -> bool:
    """Return whether everything that ``wanted`` states holds in ``actual``."""
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(
            _contains(actual.get(key), value) for key, value in wanted.items()
        )
    return bool(actual == wanted) or (not wanted and actual is None)
