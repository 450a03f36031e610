"""Databases of Cloud SQL instances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, LiteralString

import psycopg
from google.cloud import sqladmin_v1 as sql
from psycopg import sql as statements

from leitstand.sandbox.sql.cluster import Cluster
from leitstand.sandbox.sql.errors import SqlFailure, invalid_request, missing, taken
from leitstand.sandbox.sql.inventory import Inventory, key
from leitstand.sandbox.sql.machine import OWNER
from leitstand.sandbox.sql.operations import SITE, SqlOperations, Type

__all__ = ["Databases", "create_database"]

SERVICE = "/google.cloud.sql.v1.SqlDatabasesService/"
ALL: LiteralString = (
    "SELECT datname, pg_encoding_to_char(encoding), datcollate FROM pg_database"
    " WHERE NOT datistemplate ORDER BY datname"
)
# The bundled PostgreSQL sorts as C; the name of Google's default is taken and not followed.
COLLATIONS = ("", "C", "en_US.UTF8", "en_US.utf8", "en_US.UTF-8")


async def create_database(cluster: Cluster, name: str) -> None:
    """Make a database that belongs to the API's users.

    Raises:
        psycopg.Error: PostgreSQL refuses it.
    """
    await cluster.ask(
        statements.SQL("CREATE DATABASE {} OWNER {}").format(
            statements.Identifier(name), statements.Identifier(OWNER)
        )
    )


class Databases:
    """Those of all instances; they live in the clusters and nowhere else."""

    def __init__(self, inventory: Inventory, operations: SqlOperations) -> None:
        self._inventory = inventory
        self._operations = operations

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {
            SERVICE + "Insert": self.insert,
            SERVICE + "Get": self.get,
            SERVICE + "List": self.list_all,
            SERVICE + "Delete": self.delete,
        }

    async def insert(self, request: sql.SqlDatabasesInsertRequest) -> sql.Operation:
        """Make an empty database."""
        body = request.body
        if not body.name:
            raise invalid_request("Missing parameter: name.")
        if body.charset.upper() not in ("", "UTF8"):
            raise invalid_request("The sandbox has the charset UTF8 only.")
        if body.collation not in COLLATIONS:
            raise invalid_request("The sandbox has the collations C and en_US.UTF8 only.")
        if any(found.name == body.name for found in await self._all(request)):
            raise taken("database", body.name)

        async def work(cluster: Cluster) -> None:
            await create_database(cluster, body.name)

        return self._start(Type.CREATE_DATABASE, request, work)

    async def get(self, request: sql.SqlDatabasesGetRequest) -> sql.Database:
        """One database."""
        return await self._find(request)

    async def list_all(self, request: sql.SqlDatabasesListRequest) -> sql.DatabasesListResponse:
        """The instance's databases by name."""
        return sql.DatabasesListResponse(kind="sql#databasesList", items=await self._all(request))

    async def delete(self, request: sql.SqlDatabasesDeleteRequest) -> sql.Operation:
        """Delete a database; fails in the operation while somebody is connected to it."""
        database = await self._find(request)

        async def work(cluster: Cluster) -> None:
            name = statements.Identifier(database.name)
            await cluster.ask(statements.SQL("DROP DATABASE {}").format(name))

        return self._start(Type.DELETE_DATABASE, request, work)

    def _start(
        self, type_: int, request: Any, work: Callable[[Cluster], Awaitable[None]]
    ) -> sql.Operation:
        machine = self._inventory.serving(request.project, request.instance)

        async def run(_: sql.Operation) -> None:
            try:
                await work(machine.cluster)
            except psycopg.Error as error:
                raise SqlFailure("ERROR_RDBMS", str(error)) from error

        return self._operations.start(type_, key(request.project, request.instance), run)

    async def _find(self, request: Any) -> sql.Database:
        for found in await self._all(request):
            if found.name == request.database:
                return found
        raise missing("database", request.database)

    async def _all(self, request: Any) -> list[sql.Database]:
        machine = self._inventory.serving(request.project, request.instance)
        place = f"{SITE}/{request.project}/instances/{request.instance}/databases"
        return [
            sql.Database(
                kind="sql#database",
                name=name,
                charset=charset,
                collation=collation,
                instance=request.instance,
                project=request.project,
                self_link=f"{place}/{name}",
            )
            for name, charset, collation in await machine.cluster.ask(ALL)
        ]
