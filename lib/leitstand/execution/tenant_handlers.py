"""Handlers that add and remove tenants, and change the row-level security of shared tables."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leitstand.core.plan import Action
from leitstand.core.tenancy.policies import RowSecurity
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.executor import ActionFailed, Handler, Watch

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["tenant_handlers"]

_LOCK_SECONDS = 1.0
_LOCK_DEADLINE = 30.0
_NO_LOCK = "55P03"


def tenant_handlers(
    access: DatabaseAccess,
    *,
    lock_seconds: float = _LOCK_SECONDS,
    lock_deadline: float = _LOCK_DEADLINE,
) -> dict[str, Handler]:
    """Return the handlers of tenants by kind of action.

    Every action's target is the full name of the database, and each is one transaction as the
    administrator: what a killed run leaves is all of it or nothing.

    Args:
        access: Tells the administrator's URL.
        lock_seconds: Seconds that one attempt to lock a table waits, and with it its readers.
        lock_deadline: Seconds after which no further attempt is made.
    """
    return {
        "tenant_create": _Create(access),
        "tenant_remove": _Remove(access),
        "tenant_row_security": _RowSecurity(access, lock_seconds, lock_deadline),
    }


class _OnDatabase:
    """Opens the database of an action as the administrator."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    @contextmanager
    def _connect(self, action: Action, *, read_only: bool) -> "Iterator[Connection]":
        from leitstand.database.connection import connect

        instance = action.target.partition("/databases/")[0]
        url = self._access.administrator_url(instance)
        with connect(url, read_only=read_only, autocommit=True) as connection:
            yield connection


class _Create(_OnDatabase):
    """Adds a tenant to the registry, with its schemas and its role where it has them."""

    def reached(self, action: Action) -> bool:
        """Return whether all of the tenant is there."""
        from leitstand.database.tenants import has_tenant

        with self._connect(action, read_only=True) as connection:
            return has_tenant(connection, action.arguments)[0]

    def start(self, action: Action, etag: str) -> str:
        """Add it, all or nothing."""
        from leitstand.database.tenants import create_tenant

        with self._connect(action, read_only=False) as connection:
            create_tenant(connection, action.arguments)
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Look whether it is there."""
        if not self.reached(action):
            raise ActionFailed(
                action.id, f"Der Mandant „{action.arguments['name']}“ ist nicht angelegt"
            )
        return {"tenant": action.arguments["id"]}


class _Remove(_OnDatabase):
    """Removes a tenant that has no rows."""

    def reached(self, action: Action) -> bool:
        """Return whether nothing of the tenant is there."""
        from leitstand.database.tenants import has_tenant

        with self._connect(action, read_only=True) as connection:
            return not has_tenant(connection, action.arguments)[1]

    def start(self, action: Action, etag: str) -> str:
        """Remove it, all or nothing; refused where it has rows."""
        from leitstand.database.tenants import remove_tenant

        if not self.reached(action):
            with self._connect(action, read_only=False) as connection:
                remove_tenant(connection, action.arguments)
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Look whether it is gone."""
        if not self.reached(action):
            raise ActionFailed(
                action.id, f"Den Mandanten „{action.arguments['name']}“ gibt es noch"
            )
        return {}


class _RowSecurity(_OnDatabase):
    """Brings a table to other policies, or back."""

    def __init__(self, access: DatabaseAccess, seconds: float, deadline: float) -> None:
        super().__init__(access)
        self._seconds = seconds
        self._deadline = deadline

    def reached(self, action: Action) -> bool:
        """Return whether the table is as it should be."""
        from leitstand.database.row_security import has_row_security

        with self._connect(action, read_only=True) as connection:
            return has_row_security(connection, RowSecurity.from_arguments(action.arguments))

    def start(self, action: Action, etag: str) -> str:
        """Change it, all or nothing; try again while somebody holds the table."""
        from leitstand.database.errors import DatabaseRefused
        from leitstand.database.row_security import apply_row_security

        change = RowSecurity.from_arguments(action.arguments)
        end = time.monotonic() + self._deadline
        while True:
            try:
                with self._connect(action, read_only=False) as connection:
                    apply_row_security(connection, change, lock_seconds=self._seconds)
            except DatabaseRefused as error:
                if getattr(error.__cause__, "sqlstate", None) != _NO_LOCK:
                    raise
                if time.monotonic() > end:
                    raise ActionFailed(
                        action.id,
                        f"Eine offene Transaktion hält die Tabelle {change.table} seit"
                        f" {self._deadline:.0f} s fest",
                    ) from error
                time.sleep(self._seconds / 2)
            else:
                return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Look whether it is there."""
        if not self.reached(action):
            table = f"{action.arguments['schema']}.{action.arguments['table']}"
            raise ActionFailed(action.id, f"Row-Level Security von {table} ist nicht wie geplant")
        return {}
