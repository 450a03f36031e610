"""Which tenants can have schemas of their own, and whose names are in each other's way."""

from collections.abc import Iterable

from leitstand.core.resources import Tenancy
from leitstand.core.tenancy.names import NameUnusable, TenantNames, prefix, slug, tenant_names
from leitstand.core.tenancy.types import Tenant

__all__ = ["ambiguous", "named_tenants"]


def ambiguous(names: TenantNames, tenancy: Tenancy) -> bool:
    """Return whether a tenant's schema is named like another one's schema of embeddings.

    A tenant of the name *Rag Nord* would get what belongs to *Nord*.
    """
    rag = prefix(tenancy.rag_schema)
    plain = prefix(tenancy.schema_name)
    return rag.startswith(plain) and names.schema.startswith(rag)


def named_tenants(
    tenants: Iterable[Tenant], tenancy: Tenancy
) -> tuple[tuple[tuple[Tenant, TenantNames], ...], tuple[tuple[Tenant, str], ...]]:
    """Return tenants with their names, and those that can have none with the reason.

    The reason is the tenant that has the name already, or the name itself.
    """
    named: list[tuple[Tenant, TenantNames]] = []
    unusable: list[tuple[Tenant, str]] = []
    taken: dict[str, str] = {}
    for tenant in tenants:
        try:
            names = tenant_names(slug(tenant.name), tenancy)
        except NameUnusable:
            unusable.append((tenant, tenant.name))
            continue
        if names.slug in taken or ambiguous(names, tenancy):
            unusable.append((tenant, taken.get(names.slug, names.schema)))
            continue
        taken[names.slug] = tenant.name
        named.append((tenant, names))
    return tuple(named), tuple(unusable)
