"""Are tenants kept apart? What the catalogue says, and what was tried."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from leitstand.core.resources import Tenancy
from leitstand.core.tenancy.naming import named_tenants
from leitstand.core.tenancy.policies import (
    is_migration_policy,
    is_tenant_policy,
    isolates_safely,
    too_open,
)
from leitstand.core.tenancy.types import (
    Attempt,
    IsolationFacts,
    Operation,
    Outcome,
    TenantRole,
    TenantTable,
)

__all__ = ["Finding", "FindingCode", "Model", "Severity", "judge_isolation"]

Model = Literal["schema_per_tenant", "row_level_security"]


class Severity(StrEnum):
    """What a finding means."""

    BROKEN = "broken"
    """Tenants are not kept apart, or nothing but discipline does it."""
    POOR = "poor"
    """They are apart, but something does not work as it should."""
    NOTE = "note"


class FindingCode(StrEnum):
    """What is wrong."""

    BREACH = "breach"
    UNPROVEN = "unproven"
    OWN_HIDDEN = "own_hidden"
    ROW_SECURITY_OFF = "row_security_off"
    NOT_FORCED = "not_forced"
    POLICY_MISSING = "policy_missing"
    POLICY_OPEN = "policy_open"
    POLICY_UNSAFE = "policy_unsafe"
    MIGRATION_BLIND = "migration_blind"
    ADMINISTRATOR_BLIND = "administrator_blind"
    VIEW_OPEN = "view_open"
    ROLE_MISSING = "role_missing"
    ROLE_BYPASSES = "role_bypasses"
    ROLE_MEMBER = "role_member"
    ROLE_UNREACHABLE = "role_unreachable"
    SCHEMA_MISSING = "schema_missing"
    NAMES_COLLIDE = "names_collide"
    GRANT_ACROSS = "grant_across"
    GRANT_OTHER = "grant_other"
    ORPHAN = "orphan"


_SEVERITIES = {
    FindingCode.UNPROVEN: Severity.NOTE,
    FindingCode.GRANT_OTHER: Severity.NOTE,
    FindingCode.ORPHAN: Severity.NOTE,
    FindingCode.OWN_HIDDEN: Severity.POOR,
    FindingCode.POLICY_MISSING: Severity.POOR,
    FindingCode.POLICY_UNSAFE: Severity.POOR,
    FindingCode.MIGRATION_BLIND: Severity.POOR,
    FindingCode.ADMINISTRATOR_BLIND: Severity.POOR,
    FindingCode.ROLE_MISSING: Severity.POOR,
    FindingCode.ROLE_UNREACHABLE: Severity.POOR,
    FindingCode.SCHEMA_MISSING: Severity.POOR,
}
_ORDER = list(Severity)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        subject: Table, role, schema or tenant that it is about.
        evidence: What was seen, as JSON values.
    """

    code: FindingCode
    subject: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """How bad it is; whatever has no other rank is broken."""
        return _SEVERITIES.get(self.code, Severity.BROKEN)


def judge_isolation(
    attempts: Sequence[Attempt],
    facts: IsolationFacts,
    tenancy: Tenancy,
    *,
    model: Model,
    application: Sequence[str],
) -> tuple[Finding, ...]:
    """Return everything that is wrong, the worst first.

    Args:
        attempts: What was tried across the borders.
        facts: What the catalogue says.
        tenancy: How tenants are to be kept apart.
        model: By schemas, or by row-level security.
        application: Roles that the application logs in as.
    """
    found = [*_attempts(attempts)]
    if model == "row_level_security":
        request = facts.roles.get(tenancy.role)
        found += _role(tenancy.role, request, application)
        for table in facts.shared:
            found += _table(table, facts, tenancy)
        found += _views(facts)
    else:
        found += _schemas(facts, tenancy, application)
    return tuple(sorted(found, key=lambda f: (_ORDER.index(f.severity), f.code, f.subject)))


def _attempts(attempts: Sequence[Attempt]) -> Iterator[Finding]:
    for attempt in attempts:
        data = {
            "operation": attempt.operation.value, "actor": attempt.actor, "role": attempt.role,
            "victim": attempt.victim, "rows": attempt.rows, "detail": attempt.detail,
        }  # fmt: skip
        if attempt.breach:
            yield Finding(FindingCode.BREACH, str(attempt.table), data)
        elif attempt.outcome is Outcome.UNPROVEN:
            yield Finding(FindingCode.UNPROVEN, str(attempt.table), data)
        elif attempt.operation is Operation.OWN and attempt.outcome is not Outcome.DONE:
            yield Finding(FindingCode.OWN_HIDDEN, str(attempt.table), data)


def _role(name: str, role: TenantRole | None, application: Sequence[str]) -> Iterator[Finding]:
    if role is None:
        yield Finding(FindingCode.ROLE_MISSING, name)
        return
    if role.bypasses or role.login:
        evidence = {"login": role.login, "bypasses": role.bypasses}
        yield Finding(FindingCode.ROLE_BYPASSES, name, evidence)
    if role.member_of:
        yield Finding(FindingCode.ROLE_MEMBER, name, {"roles": list(role.member_of)})
    if not set(application) & set(role.members):
        yield Finding(FindingCode.ROLE_UNREACHABLE, name, {"application": list(application)})


def _table(table: TenantTable, facts: IsolationFacts, tenancy: Tenancy) -> Iterator[Finding]:
    subject = str(table.name)
    if not table.row_security:
        yield Finding(FindingCode.ROW_SECURITY_OFF, subject)
    if not table.forced or table.owner_bypasses:
        evidence = {"owner": table.owner, "bypasses": table.owner_bypasses}
        yield Finding(FindingCode.NOT_FORCED, subject, evidence)
    policies = [entry.policy for entry in table.policies]
    tenant = [p for p in policies if is_tenant_policy(p, table, tenancy)]
    if not tenant:
        yield Finding(FindingCode.POLICY_MISSING, subject)
    for entry in table.policies:
        if entry.policy in tenant:
            if not isolates_safely(entry.policy, table, tenancy):
                evidence = {"policy": entry.policy.name, "using": entry.policy.using}
                yield Finding(FindingCode.POLICY_UNSAFE, subject, evidence)
        elif too_open(entry, table, tenancy):
            evidence = {
                "policy": entry.policy.name, "using": entry.policy.using,
                "roles": list(entry.policy.roles),
            }  # fmt: skip
            yield Finding(FindingCode.POLICY_OPEN, subject, evidence)
    if not table.forced:
        return
    if not any(e.owner and is_migration_policy(e.policy, tenancy) for e in table.policies):
        yield Finding(FindingCode.MIGRATION_BLIND, subject, {"owner": table.owner})
    sees = any(
        e.administrator and e.policy.permissive and e.policy.using == "true" for e in table.policies
    )
    if not (sees or facts.administrator_bypasses):
        evidence = {"role": facts.administrator}
        yield Finding(FindingCode.ADMINISTRATOR_BLIND, subject, evidence)


def _views(facts: IsolationFacts) -> Iterator[Finding]:
    tables = {table.oid: table for table in facts.shared}
    for view in facts.views:
        over = [tables[oid] for oid in view.tables if oid in tables]
        unforced = [
            str(table.name) for table in over if table.owner == view.owner and not table.forced
        ]
        open_ = view.materialized or (not view.invoker and (view.owner_bypasses or unforced))
        if over and open_:
            evidence = {
                "tables": [str(table.name) for table in over],
                "owner": view.owner,
                "materialized": view.materialized,
            }
            yield Finding(FindingCode.VIEW_OPEN, str(view.name), evidence)


def _schemas(
    facts: IsolationFacts, tenancy: Tenancy, application: Sequence[str]
) -> Iterator[Finding]:
    named, unusable = named_tenants(facts.tenants, tenancy)
    for tenant, reason in unusable:
        yield Finding(FindingCode.NAMES_COLLIDE, tenant.name, {"id": tenant.id, "with": reason})
    owner_of = {
        schema: names.role for _, names in named for schema in (names.schema, names.rag_schema)
    }
    roles = {names.role for _, names in named}
    for tenant, names in named:
        if names.schema not in facts.schemas:
            yield Finding(FindingCode.SCHEMA_MISSING, names.schema, {"tenant": tenant.name})
        yield from _role(names.role, facts.roles.get(names.role), application)
    for schema in sorted(set(facts.schemas) - set(owner_of)):
        yield Finding(FindingCode.ORPHAN, schema)
    trusted = {facts.administrator, *application, *facts.schemas.values()}
    for grant in facts.grants:
        place = f"{grant.schema}.{grant.name}" if grant.name else grant.schema
        evidence = {"grantee": grant.grantee, "privileges": list(grant.privileges)}
        theirs = owner_of.get(grant.schema)
        if grant.grantee in trusted or (theirs is not None and grant.grantee == theirs):
            continue
        if grant.grantee in roles or (grant.schema in facts.schemas and not grant.grantee):
            yield Finding(FindingCode.GRANT_ACROSS, place, evidence)
        elif grant.schema in facts.schemas:
            yield Finding(FindingCode.GRANT_OTHER, place, evidence)
