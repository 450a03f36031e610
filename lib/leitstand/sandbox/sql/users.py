"""Users of Cloud SQL instances: roles of the cluster that can log in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import psycopg
from google.cloud import sqladmin_v1 as sql

from leitstand.sandbox.sql import roles
from leitstand.sandbox.sql.cluster import Cluster
from leitstand.sandbox.sql.errors import SqlFailure, invalid_request, missing, taken
from leitstand.sandbox.sql.inventory import Inventory, key
from leitstand.sandbox.sql.machine import OWNER
from leitstand.sandbox.sql.operations import SqlOperations, Type

__all__ = ["Users"]

SERVICE = "/google.cloud.sql.v1.SqlUsersService/"
RESERVED = ("cloudsql", "pg_")
Work = Callable[[Cluster], Awaitable[None]]


class Users:
    """Those of all instances; they live in the databases and nowhere else."""

    def __init__(self, inventory: Inventory, operations: SqlOperations) -> None:
        self._inventory = inventory
        self._operations = operations

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {
            SERVICE + "Insert": self.insert,
            SERVICE + "Get": self.get,
            SERVICE + "List": self.list_all,
            SERVICE + "Update": self.update,
            SERVICE + "Delete": self.delete,
        }

    async def insert(self, request: sql.SqlUsersInsertRequest) -> sql.Operation:
        """Make a user with a password, and a member of the roles given.

        It is a member of Google's administrator role, too, until its roles are revoked:
        https://cloud.google.com/sql/docs/postgres/create-manage-users
        """
        name, password = request.body.name, request.body.password
        if not name or name.startswith(RESERVED):
            raise invalid_request(f"Invalid user name ({name}).")
        if not password:
            raise invalid_request("Missing parameter: password.")
        if name in await self._names(request):
            raise taken("user", name)
        wanted = list(dict.fromkeys((OWNER, *request.body.database_roles)))

        async def work(cluster: Cluster) -> None:
            await roles.create(cluster, name, password, wanted)

        return self._start(Type.CREATE_USER, request, work)

    async def get(self, request: sql.SqlUsersGetRequest) -> sql.User:
        """One user, without the password."""
        await self._check(request, request.name)
        return (await self._users(request, [request.name]))[0]

    async def list_all(self, request: sql.SqlUsersListRequest) -> sql.UsersListResponse:
        """The instance's users by name."""
        users = await self._users(request, await self._names(request))
        return sql.UsersListResponse(kind="sql#usersList", items=users)

    async def update(self, request: sql.SqlUsersUpdateRequest) -> sql.Operation:
        """Change the password, or the roles that the user is a member of."""
        name, password = request.name or request.body.name, request.body.password
        await self._check(request, name)
        wanted, revoke = list(request.database_roles), bool(request.revoke_existing_roles)
        if not password and not wanted and not revoke:
            raise invalid_request("There is nothing to change.")

        async def work(cluster: Cluster) -> None:
            if password:
                await roles.set_password(cluster, name, password)
            if wanted or revoke:
                await roles.grant(cluster, name, wanted, revoke)

        return self._start(Type.UPDATE_USER, request, work)

    async def delete(self, request: sql.SqlUsersDeleteRequest) -> sql.Operation:
        """Delete a user; fails in the operation where something belongs to it."""
        await self._check(request, request.name)

        async def work(cluster: Cluster) -> None:
            await roles.drop(cluster, request.name)

        return self._start(Type.DELETE_USER, request, work)

    def _start(self, type_: int, request: Any, work: Work) -> sql.Operation:
        machine = self._inventory.serving(request.project, request.instance)

        async def run(_: sql.Operation) -> None:
            try:
                await work(machine.cluster)
            except psycopg.Error as error:
                raise SqlFailure("ERROR_RDBMS", str(error)) from error

        return self._operations.start(type_, key(request.project, request.instance), run)

    async def _names(self, request: Any) -> list[str]:
        machine = self._inventory.serving(request.project, request.instance)
        return await roles.names(machine.cluster)

    async def _users(self, request: Any, names: Sequence[str]) -> list[sql.User]:
        machine = self._inventory.serving(request.project, request.instance)
        held = await roles.memberships(machine.cluster)
        return [_user(request, name, held.get(name, ())) for name in names]

    async def _check(self, request: Any, name: str) -> None:
        if name not in await self._names(request):
            raise missing("user", name)


def _user(request: Any, name: str, member_of: Sequence[str]) -> sql.User:
    return sql.User(
        kind="sql#user",
        name=name,
        instance=request.instance,
        project=request.project,
        type_=sql.User.SqlUserType.BUILT_IN,
        database_roles=member_of,
    )
