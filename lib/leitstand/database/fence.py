"""Keeps the application out of a database that it must not write to any more.

Source: facts of Cloud SQL: a default of read-only transactions can be overridden by any session,
so a fence takes away the login itself and ends the sessions that are there.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leitstand.core.database_state import FenceState
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseRefused, FenceIncomplete, translated
from leitstand.database.fence_record import FenceRecord, read_record, write_record

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["fence", "fence_state", "is_fenced", "unfence"]

# Two of us at once wait for each other.
_LOCK = "SELECT pg_advisory_xact_lock(19539, 2)"
_DATABASE = "SELECT oid FROM pg_database WHERE datname = %s"
_ROLES = "SELECT rolname, oid, rolsuper FROM pg_roles WHERE rolname = ANY(%s)"
_LOGINS = "SELECT rolname, rolcanlogin FROM pg_roles"
_ADMITTED = """
SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND rolcanlogin
  AND has_database_privilege(oid, %s::oid, 'CONNECT') ORDER BY rolname
"""
# Every way into the database that one of the roles has: its own, its groups' or everyone's.
_WAYS = """
SELECT DISTINCT coalesce(role.rolname, '') FROM pg_database AS base
CROSS JOIN aclexplode(coalesce(base.datacl, acldefault('d', base.datdba))) AS entry
LEFT JOIN pg_roles AS role ON role.oid = entry.grantee
WHERE base.oid = %s AND entry.privilege_type = 'CONNECT'
  AND (entry.grantee = 0 OR EXISTS (
      SELECT FROM unnest(%s::text[]) AS app WHERE pg_has_role(app::name, entry.grantee, 'USAGE')))
"""
_SESSIONS = """
SELECT session.pid, role.rolname FROM pg_stat_activity AS session
JOIN pg_roles AS role ON role.oid = session.usesysid
WHERE session.datid = %s AND role.rolname = ANY(%s) AND session.pid <> pg_backend_pid()
"""
# A session that is just being made holds this lock from before the check of its right to connect
# until it shows in pg_stat_activity (InitPostgres in PostgreSQL's postinit.c).
_ARRIVING = """
SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND database = 0
  AND classid = 'pg_database'::regclass AND objid = %s AND mode = 'RowExclusiveLock'
  AND pid <> pg_backend_pid()
"""
_READ_ONLY = """
SELECT EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = %s AND setrole = 0
               AND 'default_transaction_read_only=on' = ANY(setconfig))
"""
# Roles that log in and work as one of them from their first statement on: a rotated password's.
_STAND_INS = """
SELECT member.rolname FROM pg_db_role_setting AS entry
JOIN pg_roles AS member ON member.oid = entry.setrole
WHERE EXISTS (SELECT FROM unnest(%s::text[]) AS app
              WHERE 'role=' || app = ANY(entry.setconfig)
                AND pg_has_role(member.oid, app::name, 'MEMBER'))
"""
_POLL_SECONDS = 0.02


def fence(
    admin_url: str, database: str, roles: Sequence[str], *, timeout: float = 30.0
) -> FenceState:
    """Keep roles out of a database; when it returns, none of them can write to it any more.

    Changes the database: revokes CONNECT from the roles, from everyone and from the groups that
    lend it to them, makes transactions read-only by default, and takes LOGIN from the roles where
    the administrator may (it needs ADMIN OPTION on them since PostgreSQL 16). All of that in one
    transaction, with the former state kept in the database's comment. Then ends the roles'
    sessions there. The administrator keeps its own CONNECT. Can be repeated after any failure.

    Args:
        admin_url: As a member of the database's owner and of ``pg_signal_backend``; any database
            of the instance.
        database: Name of the database.
        roles: All roles that applications, jobs and people log in with.
        timeout: Seconds to wait for the sessions' end.

    Raises:
        FenceIncomplete: a role could still log in (nothing was changed), or a session did not
            end in time (all else is done).
        DatabaseRefused: the administrator may not do it, or a role does not exist.
    """
    names = sorted(set(roles))
    what = f"Datenbank {database} sperren"
    with connect(admin_url, read_only=False) as connection, translated(what):
        connection.execute(_LOCK)
        base = _oid(connection, database)
        _check(connection, what, names)
        names = _with_stand_ins(connection, names)
        _shut(connection, database, base, names)
        admitted = _column(connection, _ADMITTED, (names, base))
        if admitted:
            raise FenceIncomplete(database, [f"{role} kann sich anmelden" for role in admitted])
    with connect(admin_url, autocommit=True) as connection, translated(what):
        _end_sessions(connection, database, base, names, timeout)
        return _state(connection, database, base, names)


def fence_state(admin_url: str, database: str, roles: Sequence[str]) -> FenceState:
    """Return who of the roles is in the database or could get in. Read-only.

    Raises:
        DatabaseRefused: there is no such database.
    """
    with connect(admin_url, autocommit=True) as connection, translated("Sperre prüfen"):
        names = _with_stand_ins(connection, sorted(set(roles)))
        return _state(connection, database, _oid(connection, database), names)


def is_fenced(
    admin_url: str, database: str, roles: Sequence[str], logins: Sequence[str] = ()
) -> bool:
    """Whether none of the roles is in the database and none can get in. Read-only.

    Args:
        logins: Addresses that the applications use; each login is really tried.

    Raises:
        DatabaseUnreachable: a login got no answer, which proves nothing.
    """
    for url in logins:
        try:
            with connect(url):
                return False
        except DatabaseRefused:
            continue
    return fence_state(admin_url, database, roles).fenced


def unfence(admin_url: str, database: str) -> None:
    """Give back what ``fence`` has taken, as it was before; ended sessions stay ended.

    Changes the database in one transaction; does nothing where there is no fence.

    Raises:
        DatabaseRefused: the administrator may not do it.
    """
    from psycopg import sql

    with (
        connect(admin_url, read_only=False) as connection,
        translated(f"Sperre von {database} aufheben"),
    ):
        connection.execute(_LOCK)
        record = read_record(connection, _oid(connection, database))
        if record is None:
            return
        name = sql.Identifier(database)
        present = dict(connection.execute(_LOGINS).fetchall())
        if record.admin in present:
            revoke = "REVOKE CONNECT ON DATABASE {} FROM {}"
            connection.execute(sql.SQL(revoke).format(name, sql.Identifier(record.admin)))
        for grantee, grantable in record.ways:
            if grantee and grantee not in present:
                continue
            grant = "GRANT CONNECT ON DATABASE {} TO {}"
            grant += " WITH GRANT OPTION" if grantable else ""
            connection.execute(sql.SQL(grant).format(name, _grantee(grantee)))
        for role in record.logins:
            if present.get(role, True):
                # It was never taken, or the role is gone.
                continue
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(role)))
        if record.read_only:
            query = "ALTER DATABASE {} SET default_transaction_read_only TO {}"
            setting = sql.Literal(record.read_only)
            connection.execute(sql.SQL(query).format(name, setting))
        else:
            query = "ALTER DATABASE {} RESET default_transaction_read_only"
            connection.execute(sql.SQL(query).format(name))
        write_record(connection, database, None, record.comment)


def _with_stand_ins(connection: "Connection", roles: list[str]) -> list[str]:
    """Return roles with those that log in in their place."""
    return sorted({*roles, *_column(connection, _STAND_INS, (roles,))})


def _check(connection: "Connection", what: str, roles: list[str]) -> None:
    found = {row[0]: row[2] for row in connection.execute(_ROLES, (roles,))}
    own = {
        str(row[0]) for row in connection.execute("SELECT session_user UNION SELECT current_user")
    }
    for role in roles:
        if role not in found:
            raise DatabaseRefused(what, f"Die Rolle {role} gibt es nicht.")
        if found[role]:
            raise DatabaseRefused(what, f"{role} ist Superuser und lässt sich nicht aussperren.")
        if role in own:
            raise DatabaseRefused(what, f"{role} ist die Rolle, die hier sperrt.")


def _shut(connection: "Connection", database: str, base: int, roles: list[str]) -> None:
    from psycopg import errors, sql

    name = sql.Identifier(database)
    former = read_record(connection, base) or FenceRecord.observed(connection, base)
    record = former.with_logins(connection, roles)
    write_record(connection, database, record, record.comment)
    if record.admin:
        grant = "GRANT CONNECT ON DATABASE {} TO {}"
        connection.execute(sql.SQL(grant).format(name, sql.Identifier(record.admin)))
    for grantee in _column(connection, _WAYS, (base, roles)):
        revoke = "REVOKE CONNECT ON DATABASE {} FROM {} CASCADE"
        connection.execute(sql.SQL(revoke).format(name, _grantee(grantee)))
    query = "ALTER DATABASE {} SET default_transaction_read_only TO on"
    connection.execute(sql.SQL(query).format(name))
    for role in roles:
        try:
            with connection.transaction():
                connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(role)))
        except errors.InsufficientPrivilege:
            # Without ADMIN OPTION on it, its right to connect is what can be taken.
            continue


def _end_sessions(
    connection: "Connection", database: str, base: int, roles: list[str], timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    while True:
        # In this order: a session that is no longer arriving is seen by the second statement.
        arriving = connection.execute(_ARRIVING, (base,)).fetchall()[0][0]
        sessions = connection.execute(_SESSIONS, (base, roles)).fetchall()
        if not arriving and not sessions:
            return
        if time.monotonic() > deadline:
            left = [f"Sitzung {pid} von {role} endet nicht" for pid, role in sessions]
            raise FenceIncomplete(database, left or ["Eine Anmeldung ist noch im Gang"])
        for pid, _ in sessions:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        time.sleep(_POLL_SECONDS)


def _state(connection: "Connection", database: str, base: int, roles: list[str]) -> FenceState:
    connected = {row[1] for row in connection.execute(_SESSIONS, (base, roles))}
    return FenceState(
        database=database,
        admitted=tuple(_column(connection, _ADMITTED, (roles, base))),
        connected=tuple(sorted(connected)),
        read_only=connection.execute(_READ_ONLY, (base,)).fetchall()[0][0],
    )


def _oid(connection: "Connection", database: str) -> int:
    row = connection.execute(_DATABASE, (database,)).fetchone()
    if row is None:
        raise DatabaseRefused("Sperre", f"Die Datenbank {database} gibt es nicht.")
    oid: int = row[0]
    return oid


def _column(connection: "Connection", query: str, parameters: tuple[Any, ...]) -> list[str]:
    return [row[0] for row in connection.execute(query, parameters)]


def _grantee(name: str) -> Any:
    from psycopg import sql

    return sql.Identifier(name) if name else sql.SQL("PUBLIC")
