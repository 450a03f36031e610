"""Users of a cluster as Cloud SQL makes them: members of its own administrator's role."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import AsyncConnection, sql

from leitstand.sandbox.sql.cluster import Cluster
from leitstand.sandbox.sql.machine import OWNER

__all__ = ["create", "drop", "grant", "memberships", "names", "set_password"]

# Logins that are not the sandbox's own.
NAMES = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper ORDER BY rolname"


async def names(cluster: Cluster) -> list[str]:
    """All users. Read-only."""
    return [str(row[0]) for row in await cluster.ask(NAMES)]


async def memberships(cluster: Cluster) -> dict[str, list[str]]:
    """The roles that each user is a direct member of, by user. Read-only."""
    rows = await cluster.ask(
        "SELECT member.rolname, held.rolname FROM pg_auth_members AS of_role"
        " JOIN pg_roles AS member ON member.oid = of_role.member"
        " JOIN pg_roles AS held ON held.oid = of_role.roleid ORDER BY 1, 2"
    )
    found: dict[str, list[str]] = {}
    for user, role in rows:
        found.setdefault(str(user), []).append(str(role))
    return found


async def create(
    cluster: Cluster, name: str, password: str, member_of: Sequence[str] = (OWNER,)
) -> None:
    """Make a user that may make databases and roles, but is no superuser.

    Raises:
        psycopg.Error: PostgreSQL refuses it.
    """
    async with cluster.connect() as connection:
        await connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {} IN ROLE {}").format(
                sql.Identifier(name),
                _secret(connection, name, password),
                sql.SQL(", ").join(sql.Identifier(role) for role in member_of),
            )
        )


async def set_password(cluster: Cluster, name: str, password: str) -> None:
    """Change a password; connections that are open stay open."""
    async with cluster.connect() as connection:
        await connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(name), _secret(connection, name, password)
            )
        )


async def grant(cluster: Cluster, name: str, roles: list[str], revoke_others: bool) -> None:
    """Make a user a member of roles, and of no others where asked."""
    user = sql.Identifier(name)
    if revoke_others:
        for role in (await memberships(cluster)).get(name, ()):
            await cluster.ask(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(role), user))
    for role in roles:
        await cluster.ask(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), user))


async def drop(cluster: Cluster, name: str) -> None:
    """Delete a user.

    Raises:
        psycopg.Error: Something still belongs to it.
    """
    await cluster.ask(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _secret(
    connection: AsyncConnection[tuple[object, ...]], name: str, password: str
) -> sql.Literal:
    """The password's verifier, so that the server's log can never hold the password."""
    verifier = connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    )
    return sql.Literal(verifier.decode())
