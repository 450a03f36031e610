"""Which policies keep tenants apart in shared tables, and what brings a table there.

With row-level security a table is closed unless a permissive policy opens it:
PostgreSQL's documentation, *Row Security Policies*; a table's owner is held too where it is forced.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leitstand.core.plan import Action
from leitstand.core.recovery_types import Policy, TableName
from leitstand.core.resources import Tenancy
from leitstand.core.tenancy.types import IsolationFacts, TenantPolicy, TenantTable

__all__ = [
    "RowSecurity",
    "is_migration_policy",
    "is_tenant_policy",
    "isolates_safely",
    "row_security_actions",
    "too_open",
    "wanted_change",
]

_NOISE = re.compile(r'[\s()"]|::text')


@dataclass(frozen=True)
class RowSecurity:
    """A change of one table's row-level security, with what was before.

    Attributes:
        enabled: Whether it is on, before and after.
        forced: Whether it holds for the owner, before and after.
        drop: Policies that go.
        create: Policies that come.
    """

    table: TableName
    enabled: tuple[bool, bool]
    forced: tuple[bool, bool]
    drop: tuple[Policy, ...]
    create: tuple[Policy, ...]

    @property
    def back(self) -> "RowSecurity":
        """The change that undoes this one."""
        return RowSecurity(
            self.table, self.enabled[::-1], self.forced[::-1], self.create, self.drop
        )

    def as_arguments(self) -> dict[str, Any]:
        """Return it as JSON values for an action."""
        return {
            "schema": self.table.schema,
            "table": self.table.name,
            "enabled": list(self.enabled),
            "forced": list(self.forced),
            "drop": [_policy_data(policy) for policy in self.drop],
            "create": [_policy_data(policy) for policy in self.create],
        }

    @classmethod
    def from_arguments(cls, data: Any) -> "RowSecurity":
        """Return the change that ``as_arguments`` gave."""
        was_enabled, enabled = data["enabled"]
        was_forced, forced = data["forced"]
        return cls(
            TableName(data["schema"], data["table"]),
            (was_enabled, enabled),
            (was_forced, forced),
            tuple(_policy(entry) for entry in data["drop"]),
            tuple(_policy(entry) for entry in data["create"]),
        )


def is_tenant_policy(policy: Policy, table: TenantTable, tenancy: Tenancy) -> bool:
    """Return whether a policy opens nothing but the rows of the tenant that is set.

    It may raise an error where the setting is missing; see ``isolates_safely``.
    """
    return _says(policy, _conditions(table, tenancy))


def isolates_safely(policy: Policy, table: TenantTable, tenancy: Tenancy) -> bool:
    """Return whether a policy is a tenant's, and shows no row where the setting is missing."""
    return _says(policy, _conditions(table, tenancy)[:1])


def is_migration_policy(policy: Policy, tenancy: Tenancy) -> bool:
    """Return whether a policy opens everything only where the migration's setting is on."""
    wanted = _bare(_migrating(tenancy))
    return _bare(policy.using) == wanted and policy.check in ("", policy.using)


def too_open(entry: TenantPolicy, table: TenantTable, tenancy: Tenancy) -> bool:
    """Return whether a policy shows requests, or the owner at any time, more than one tenant."""
    policy = entry.policy
    if not policy.permissive or isolates_safely(policy, table, tenancy):
        return False
    if entry.request:
        return True
    owner = entry.owner and not table.owner_bypasses
    return owner and not is_migration_policy(policy, tenancy)


def wanted_change(
    table: TenantTable, tenancy: Tenancy, facts: IsolationFacts
) -> RowSecurity | None:
    """Return what brings a shared table to forced row-level security, or None if it is there."""
    drop = [entry.policy for entry in table.policies if too_open(entry, table, tenancy)]
    kept = [entry.policy for entry in table.policies if entry.policy not in drop]
    create: list[Policy] = []
    names = {policy.name for policy in (*kept, *drop)}
    if not any(
        policy.command == "ALL" and isolates_safely(policy, table, tenancy) for policy in kept
    ):
        own = _conditions(table, tenancy)[0]
        create.append(Policy(_free(table, "tenant", names), "ALL", True, ("public",), own, own))
    if not table.owner_bypasses and not any(
        entry.owner and is_migration_policy(entry.policy, tenancy) and entry.policy in kept
        for entry in table.policies
    ):
        open_ = _migrating(tenancy)
        name = _free(table, "owner", names)
        create.append(Policy(name, "ALL", True, (table.owner,), open_, open_))
    if _needs_administrator(table, facts) and not any(
        entry.administrator and entry.policy in kept and _open(entry.policy)
        for entry in table.policies
    ):
        name = _free(table, "administrator", names)
        create.append(Policy(name, "ALL", True, (facts.administrator,), "true", "true"))
    if table.row_security and table.forced and not drop and not create:
        return None
    return RowSecurity(
        table.name, (table.row_security, True), (table.forced, True), tuple(drop), tuple(create)
    )


def row_security_actions(
    changes: Sequence[RowSecurity], target: str
) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Return the actions of some changes, and those that take them back in reverse order."""
    there = tuple(
        Action(f"row_security {c.table}", "tenant_row_security", target, c.as_arguments())
        for c in changes
    )
    back = tuple(
        Action(f"back row_security {c.table}", "tenant_row_security", target, c.back.as_arguments())
        for c in reversed(changes)
    )
    return there, back


def _needs_administrator(table: TenantTable, facts: IsolationFacts) -> bool:
    """Recovery must see all rows; where the administrator owns the table, nobody may."""
    return not facts.administrator_bypasses and facts.administrator != table.owner


def _open(policy: Policy) -> bool:
    return (policy.command, policy.permissive, policy.using) == ("ALL", True, "true")


def _free(table: TenantTable, whose: str, taken: set[str]) -> str:
    """Return a name for a policy that none has yet; those that go count too."""
    base = f"{table.name.name[:40]}_of_{whose}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _conditions(table: TenantTable, tenancy: Tenancy) -> tuple[str, ...]:
    """Return the safe condition first, then others that keep tenants apart as well."""
    setting, column = tenancy.setting, table.column
    current = f"current_setting('{setting}', true)"
    return (
        f"\"{column}\" = NULLIF({current}, '')::{table.type}",
        f'"{column}" = {current}::{table.type}',
        f"\"{column}\" = current_setting('{setting}')::{table.type}",
        f"\"{column}\" = NULLIF(current_setting('{setting}'), '')::{table.type}",
    )


def _says(policy: Policy, conditions: Sequence[str]) -> bool:
    wanted = {_bare(text) for text in conditions}
    said = [_bare(text) for text in (policy.using, policy.check) if text]
    return bool(said) and wanted.issuperset(said)


def _migrating(tenancy: Tenancy) -> str:
    return f"current_setting('{tenancy.migration_setting}', true) = 'on'"


def _bare(text: str) -> str:
    """Return an expression without what the catalogue adds to it: casts, brackets, blanks."""
    return _NOISE.sub("", text)


def _policy_data(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "command": policy.command,
        "permissive": policy.permissive,
        "roles": list(policy.roles),
        "using": policy.using,
        "check": policy.check,
    }


def _policy(data: Any) -> Policy:
    return Policy(
        data["name"],
        data["command"],
        data["permissive"],
        tuple(data["roles"]),
        data["using"],
        data["check"],
    )
