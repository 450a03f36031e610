"""What was observed of tenants in one database, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from leitstand.core.recovery_types import Policy, TableName

__all__ = [
    "Attempt",
    "Grant",
    "IsolationFacts",
    "Operation",
    "Outcome",
    "Tenant",
    "TenantPolicy",
    "TenantRole",
    "TenantTable",
    "View",
]


@dataclass(frozen=True)
class Tenant:
    """A line of the registry.

    Attributes:
        id: UUID as text.
        name: As its people know it.
    """

    id: str
    name: str


@dataclass(frozen=True)
class TenantPolicy:
    """A policy and for which of our roles it holds.

    Attributes:
        policy: As the catalogue has it.
        request: Whether it holds for the role that requests work as.
        owner: Whether it holds for the table's owner.
        administrator: Whether it holds for the role that has read it.
    """

    policy: Policy
    request: bool
    owner: bool
    administrator: bool


@dataclass(frozen=True)
class TenantTable:
    """A table whose rows belong to tenants.

    Attributes:
        oid: In this database only.
        owner: Role that owns it.
        column: Column that names the tenant.
        type: Type of that column.
        row_security: Whether policies hold for those who do not own it.
        forced: Whether they hold for its owner as well.
        owner_bypasses: Whether no policy ever holds for its owner.
        policies: By name.
    """

    name: TableName
    oid: int
    owner: str
    column: str
    type: str
    row_security: bool
    forced: bool
    owner_bypasses: bool
    policies: tuple[TenantPolicy, ...] = ()


@dataclass(frozen=True)
class TenantRole:
    """A role that requests work as, or that the application logs in as.

    Attributes:
        bypasses: Whether no policy and no missing right holds it up.
        member_of: Roles that it is directly a member of.
        members: Roles that are directly members of it.
    """

    name: str
    login: bool
    bypasses: bool
    member_of: tuple[str, ...]
    members: tuple[str, ...]


@dataclass(frozen=True)
class Grant:
    """Rights of somebody who does not own the thing.

    Attributes:
        schema: Where it is.
        name: Of the table, view or sequence; empty for the schema itself.
        grantee: Role; empty for everyone.
        privileges: For example ``SELECT``.
    """

    schema: str
    name: str
    grantee: str
    privileges: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """A view over tenants' tables that requests may read.

    Attributes:
        materialized: Whether it holds rows of its own, which no policy filters.
        owner: Role that it reads the tables as.
        owner_bypasses: Whether no policy ever holds for that role.
        invoker: Whether it reads the tables as the one who asks.
        tables: Oids of the tables that it reads.
    """

    name: TableName
    materialized: bool
    owner: str
    owner_bypasses: bool
    invoker: bool
    tables: tuple[int, ...]


@dataclass(frozen=True)
class IsolationFacts:
    """How the catalogue says that tenants are kept apart.

    Attributes:
        administrator: Role that has read it.
        administrator_bypasses: Whether no policy holds for it.
        tenants: The registry, by name.
        tables: Tables whose rows belong to tenants, and the registry, by name.
        roles: By name: the role of requests, the application's and those of tenants.
        schemas: Owner of each schema that is named like a tenant's.
        grants: Of all user schemas and of what is in them.
        views: That requests may read.
    """

    administrator: str
    administrator_bypasses: bool
    tenants: tuple[Tenant, ...]
    tables: tuple[TenantTable, ...]
    roles: Mapping[str, TenantRole]
    schemas: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    views: tuple[View, ...] = ()

    @property
    def shared(self) -> tuple[TenantTable, ...]:
        """Tables that are not in a tenant's own schema."""
        return tuple(table for table in self.tables if table.name.schema not in self.schemas)

    def within(self, *schemas: str) -> tuple[TenantTable, ...]:
        """Return the tables of some schemas."""
        return tuple(table for table in self.tables if table.name.schema in schemas)


class Operation(StrEnum):
    """What was tried with rows of another tenant."""

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    MOVE = "move"
    """Hand a row of one's own over to the other tenant."""
    OWN = "own"
    """Read rows of one's own: it must succeed, or the other attempts prove little."""


class Outcome(StrEnum):
    """How an attempt ended."""

    REFUSED = "refused"
    """The server said no."""
    EMPTY = "empty"
    """It met no row."""
    DONE = "done"
    """It met rows: a breach, unless they were its own."""
    UNPROVEN = "unproven"
    """There was no row to try it with, or it was broken off."""


@dataclass(frozen=True)
class Attempt:
    """One attempt across the border of a tenant; it was rolled back.

    Attributes:
        actor: Tenant in whose name it was made; empty for none.
        role: Role that made it.
        victim: Tenant whose rows it was about; empty for any.
        rows: How many rows it met, as far as they were counted.
        detail: What the server said, or why it proves nothing.
    """

    operation: Operation
    table: TableName
    actor: str
    role: str
    victim: str
    outcome: Outcome
    rows: int = 0
    detail: str = ""

    @property
    def breach(self) -> bool:
        """Whether it went across the border."""
        return self.operation is not Operation.OWN and self.outcome is Outcome.DONE
