"""Handlers of database logins: two roles take turns, so that no password change has a gap.

PostgreSQL knows one password per role: changing it in place refuses every new connection until the
last service has the new one. So the new password goes to a second role, which works as the first.
"""

import secrets as random_values
from collections.abc import Callable, Mapping
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import Conflict
from leitstand.cloud.sql import CloudSql
from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.secret_values import Values
from leitstand.execution.waiting import start, until

__all__ = ["login_handlers"]


def login_handlers(
    connection: Connection, values: Values, *, deadline: float
) -> dict[str, Handler]:
    """Return the handlers of database logins by kind of action.

    Args:
        connection: Of the environment.
        values: Tells passwords and addresses.
        deadline: Seconds that a change of a user may take, and again how long the end of other
            operations on the instance is waited for.
    """
    users = _Users(connection, deadline)
    return {"secret_login": _Login(values, users), "secret_close_login": _CloseLogin(users)}


class _Users:
    """Changes users of an instance; one operation runs on an instance at a time."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        self.sql = CloudSql(connection)
        self._project = connection.environment.project
        self._deadline = deadline
        self._interval = connection.poll_interval

    def start(self, call: Callable[[], str]) -> str:
        """Start an operation; while another one runs on the instance, wait for its end."""
        interval = 4 * self._interval
        return start(call, Conflict, deadline=self._deadline, interval=interval, slowest=1)

    def finish(self, action: Action, operation: str, watch: Watch) -> None:
        """Wait for an operation; raise what it reports, without values."""
        if not operation:
            return
        late = f"Nach {self._deadline:.0f} s ist der Datenbanknutzer nicht geändert"

        def done() -> bool | None:
            state = self.sql.operation(self._project, operation)
            if state.error:
                raise ActionFailed(
                    action.id, f"Der Datenbanknutzer ist nicht änderbar: {state.error}"
                )
            return state.done or None

        until(
            done,
            deadline=self._deadline,
            interval=self._interval,
            slowest=1,
            watch=lambda: watch("Cloud SQL ändert den Nutzer"),
            late=lambda: ActionFailed(action.id, late),
        )


class _Login:
    """Gives the role whose turn it is a new password, and lets it work as the owning role."""

    def __init__(self, values: Values, users: _Users) -> None:
        self._values = values
        self._users = users

    def reached(self, action: Action) -> bool:
        """Return whether it logs in with the new password and works as the owning role."""
        from leitstand.database.errors import DatabaseRefused

        try:
            return self._works_as(action) == str(action.arguments["role"])
        except DatabaseRefused:
            return False

    def start(self, action: Action, etag: str) -> str:
        """Make the role, or change its password."""
        arguments, sql = action.arguments, self._users.sql
        login, password = arguments["login"], self._values.of(arguments["password"])
        if login in sql.users(action.target):
            return self._users.start(lambda: sql.start_password(action.target, login, password))
        role = arguments["role"]
        return self._users.start(lambda: sql.start_user(action.target, login, password, role))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait, and let its sessions be the owning role's from their first statement on.

        So ownership, rights and policies are the same whichever of the two logs in. A role may
        set that for itself: https://www.postgresql.org/docs/16/sql-alterrole.html
        """
        from psycopg import sql

        from leitstand.database.connection import connect

        self._users.finish(action, operation, watch)
        login, role = action.arguments["login"], action.arguments["role"]
        if self._works_as(action) == login != role:
            query = sql.SQL("ALTER ROLE {} SET role TO {}")
            with connect(self._url(action), read_only=False) as database:
                database.execute(query.format(sql.Identifier(login), sql.Identifier(role)))
        found = self._works_as(action)
        if found != role:
            raise ActionFailed(action.id, f"{login} arbeitet als {found}, nicht als {role}")
        return {"login": login, "role": role}

    def _works_as(self, action: Action) -> str:
        from leitstand.database.connection import connect

        with connect(self._url(action), autocommit=True) as database:
            row = database.execute("SELECT current_user").fetchone()
        return str(row[0]) if row else ""

    def _url(self, action: Action) -> str:
        arguments = action.arguments
        return self._values.login_url(arguments["url"], arguments["login"], arguments["password"])


class _CloseLogin:
    """Gives a role a password that nobody knows; sessions that are there go on."""

    def __init__(self, users: _Users) -> None:
        self._users = users

    def reached(self, action: Action) -> bool:
        """Return that it is to be done again: nobody can tell, and twice is as good as once."""
        return False

    def start(self, action: Action, etag: str) -> str:
        """Change the password."""
        sql, login = self._users.sql, action.arguments["login"]
        if login not in sql.users(action.target):
            return ""
        unknown = random_values.token_urlsafe(32)
        return self._users.start(lambda: sql.start_password(action.target, login, unknown))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait for the change."""
        self._users.finish(action, operation, watch)
        return {"login": action.arguments["login"]}
