"""A new tenant: what must hold before, and the plan that adds it and takes it away again."""

from collections.abc import Sequence
from dataclasses import dataclass

from leitstand.core.plan import Action, Plan
from leitstand.core.release_checks import Check
from leitstand.core.resources import Tenancy
from leitstand.core.tenancy.isolation import Finding, Model, Severity
from leitstand.core.tenancy.names import TenantNames
from leitstand.core.tenancy.naming import ambiguous, named_tenants
from leitstand.core.tenancy.policies import row_security_actions, wanted_change
from leitstand.core.tenancy.types import IsolationFacts, Tenant

__all__ = [
    "Newcomer",
    "check_onboarding",
    "check_removal",
    "plan_hardening",
    "plan_onboarding",
]

_CURED = (
    "row_security_off", "not_forced", "policy_missing", "policy_open", "policy_unsafe",
    "migration_blind", "administrator_blind",
)  # fmt: skip
"""What the plan itself puts right."""


@dataclass(frozen=True)
class Newcomer:
    """A tenant that is to be added.

    Attributes:
        tenant: Its id and name.
        names: Its schemas and role.
        model: How it is kept apart from the others.
    """

    tenant: Tenant
    names: TenantNames
    model: Model


def check_onboarding(
    newcomer: Newcomer, facts: IsolationFacts, findings: Sequence[Finding], tenancy: Tenancy
) -> tuple[Check, ...]:
    """Return every check, passed or not, in the order in which they are shown.

    Args:
        newcomer: Who is to be added.
        facts: What is there.
        findings: What is wrong with the isolation of those that are there.
        tenancy: How tenants are to be kept apart.
    """
    tenant, names = newcomer.tenant, newcomer.names
    same_id = [t.name for t in facts.tenants if t.id == tenant.id]
    named, _ = named_tenants(facts.tenants, tenancy)
    same = [t.name for t, n in named if n.slug == names.slug]
    same += [t.name for t in facts.tenants if t.name == tenant.name and t.name not in same]
    checks = [
        Check("tenant_is_new", not same_id, {"id": tenant.id, "tenants": same_id}),
        Check("name_is_free", not same, {"slug": names.slug, "tenants": same}),
    ]
    broken = [f for f in findings if f.severity is Severity.BROKEN and f.code != "breach"]
    if newcomer.model == "row_level_security":
        checks.append(Check("role_exists", tenancy.role in facts.roles, {"role": tenancy.role}))
        broken = [f for f in broken if f.code not in _CURED]
    else:
        taken = [s for s in (names.schema, names.rag_schema) if s in facts.schemas]
        taken += [names.role] if names.role in facts.roles else []
        free = not taken and not ambiguous(names, tenancy)
        evidence = {"taken": taken or [names.schema], "names": [names.schema, names.rag_schema]}
        checks.append(Check("places_are_free", free, evidence))
    registry = [t for t in facts.tables if str(t.name) == tenancy.registry]
    checks.append(Check("registry_exists", bool(registry), {"registry": tenancy.registry}))
    evidence = {"found": [f"{f.code}: {f.subject}" for f in broken]}
    checks.append(Check("others_are_apart", not broken, evidence))
    return tuple(checks)


def check_removal(newcomer: Newcomer, facts: IsolationFacts) -> tuple[Check, ...]:
    """Return whether a tenant is there to be removed; whether it has rows is checked later."""
    tenant = newcomer.tenant
    same = [t.id for t in facts.tenants if t.name == tenant.name]
    evidence = {"name": tenant.name, "ids": same}
    return (Check("tenant_is_known", [tenant.id] == same, evidence),)


def plan_onboarding(
    newcomer: Newcomer,
    facts: IsolationFacts,
    tenancy: Tenancy,
    *,
    environment: str,
    target: str,
    application: Sequence[str],
    rag_schemas: Sequence[str],
    remove: bool = False,
) -> Plan:
    """Return the plan that adds a tenant; its way back takes the tenant away while it is empty.

    Or the other way round, for a tenant that was added before.

    Args:
        newcomer: Who is added.
        facts: What is there.
        tenancy: How tenants are kept apart.
        environment: Name of the environment.
        target: Full name of the database resource.
        application: Roles that the application logs in as.
        rag_schemas: Schemas of embeddings that all tenants share; a schema per tenant mirrors them.
        remove: Whether the tenant is removed instead.
    """
    tenant, names = newcomer.tenant, newcomer.names
    schema_per_tenant = newcomer.model == "schema_per_tenant"
    (owner,) = {t.owner for t in facts.tables if str(t.name) == tenancy.registry}
    arguments: dict[str, object] = {
        "model": newcomer.model,
        "id": tenant.id,
        "name": tenant.name,
        "registry": tenancy.registry,
        "column": tenancy.column,
        "migration_setting": tenancy.migration_setting,
        "owner": owner,
    }
    there: tuple[Action, ...] = ()
    back: tuple[Action, ...] = ()
    if schema_per_tenant:
        registry_schema = tenancy.registry.partition(".")[0]
        arguments |= {
            "schemas": {
                names.schema: _mirrored(facts, tenancy, registry_schema),
                names.rag_schema: _mirrored(facts, tenancy, *rag_schemas),
            },
            "role": names.role,
            "application": list(application),
        }
    elif not remove:
        changes = [wanted_change(table, tenancy, facts) for table in facts.shared]
        there, back = row_security_actions([c for c in changes if c is not None], target)
    create = Action(f"create {names.slug}", "tenant_create", target, arguments)
    removal = Action(f"remove {names.slug}", "tenant_remove", target, arguments)
    return Plan(
        runbook="onboard_tenant",
        environment=environment,
        target=target,
        basis={"tenant": tenant.id, "name": tenant.name, "model": newcomer.model},
        actions=(removal,) if remove else (*there, create),
        way_back=(create,) if remove else (removal, *back),
        returns_by_itself=False,
    )


def plan_hardening(
    facts: IsolationFacts, tenancy: Tenancy, *, environment: str, target: str
) -> Plan:
    """Return the plan that brings all shared tables to forced row-level security, and back.

    It is empty where they are there already.
    """
    changes = [wanted_change(table, tenancy, facts) for table in facts.shared]
    there, back = row_security_actions([c for c in changes if c is not None], target)
    return Plan(
        runbook="tenant_isolation",
        environment=environment,
        target=target,
        basis={"tables": [str(table.name) for table in facts.shared]},
        actions=there,
        way_back=back,
        returns_by_itself=False,
    )


def _mirrored(facts: IsolationFacts, tenancy: Tenancy, *schemas: str) -> list[list[str]]:
    """Return schema and name of the tables that a tenant gets for itself."""
    return [
        [table.name.schema, table.name.name]
        for table in facts.within(*schemas)
        if str(table.name) != tenancy.registry
    ]
