"""Handlers that end sessions of the database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leitstand.core.plan import Action
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.waiting import until

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["session_handlers"]

_DEADLINE = 20.0
"""Seconds after which a session that was told to end must be gone."""
_INTERVAL = 0.1


def session_handlers(access: DatabaseAccess) -> dict[str, Handler]:
    """Return the handler of ``session_end``.

    Args:
        access: Tells the administrator's URL.
    """
    return {"session_end": _End(access)}


class _End:
    """Ends one session, and only while it is in the transaction that the plan names."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    def reached(self, action: Action) -> bool:
        """Return whether that transaction is over, whoever ended it."""
        from leitstand.database.clients import same_transaction

        with self._connect(action, read_only=True) as connection:
            return not same_transaction(connection, action.arguments)

    def start(self, action: Action, etag: str) -> str:
        """Tell the session to end."""
        from leitstand.database.clients import end_client

        with self._connect(action, read_only=False) as connection:
            end_client(connection, action.arguments)
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait until the transaction is over."""
        late = f"Die Sitzung {action.arguments['pid']} endet nicht in {_DEADLINE:.0f} s"
        until(
            lambda: True if self.reached(action) else None,
            deadline=_DEADLINE,
            interval=_INTERVAL,
            watch=lambda: watch("die Sitzung endet"),
            late=lambda: ActionFailed(action.id, late),
        )
        return {"pid": action.arguments["pid"]}

    @contextmanager
    def _connect(self, action: Action, *, read_only: bool) -> "Iterator[Connection]":
        from leitstand.database.connection import connect

        instance = action.target.partition("/databases/")[0]
        url = self._access.administrator_url(instance)
        with connect(url, read_only=read_only, autocommit=True) as connection:
            yield connection
