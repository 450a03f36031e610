"""How the catalogue says that tenants are kept apart. Read-only.

The number of queries does not depend on the number of tenants.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leitstand.core.recovery_types import Policy, TableName
from leitstand.core.resources import Tenancy
from leitstand.core.tenancy.names import prefix
from leitstand.core.tenancy.types import (
    Grant,
    IsolationFacts,
    Tenant,
    TenantPolicy,
    TenantRole,
    TenantTable,
    View,
)
from leitstand.database.errors import DatabaseRefused, translated
from leitstand.database.snapshot import hold_snapshot

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["RegistryMissing", "read_isolation"]

_ROWS = "'r', 'p'"
_OURS = "space.nspname <> 'information_schema' AND space.nspname NOT LIKE 'pg\\_%%'"
_SELF = "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
# A partition is reached through its parent, unless somebody gave rights on itself.
_TABLES = f"""
SELECT space.nspname, entry.relname, entry.oid, owner.rolname, attribute.attname,
       format_type(attribute.atttypid, attribute.atttypmod), entry.relrowsecurity,
       entry.relforcerowsecurity, owner.rolsuper OR owner.rolbypassrls
FROM pg_class AS entry JOIN pg_namespace AS space ON space.oid = entry.relnamespace
JOIN pg_roles AS owner ON owner.oid = entry.relowner
JOIN pg_attribute AS attribute ON attribute.attrelid = entry.oid AND attribute.attnum > 0
     AND NOT attribute.attisdropped
LEFT JOIN pg_roles AS request ON request.rolname = %(role)s
WHERE entry.relkind IN ({_ROWS}) AND entry.relpersistence <> 't' AND {_OURS}
  AND (attribute.attname = %(column)s AND entry.oid IS DISTINCT FROM to_regclass(%(registry)s)
       OR attribute.attname = 'id' AND entry.oid = to_regclass(%(registry)s))
  AND (NOT entry.relispartition
       OR has_table_privilege(request.oid, entry.oid, 'SELECT, INSERT, UPDATE, DELETE'))
ORDER BY 1, 2
"""
_POLICIES = """
SELECT policy.polrelid, policy.polname, policy.polcmd::text, policy.polpermissive,
       array(SELECT CASE given WHEN 0 THEN 'public' ELSE pg_get_userbyid(given)::text END
             FROM unnest(policy.polroles) AS given ORDER BY 1),
       coalesce(pg_get_expr(policy.polqual, policy.polrelid), ''),
       coalesce(pg_get_expr(policy.polwithcheck, policy.polrelid), ''),
       EXISTS (SELECT FROM unnest(policy.polroles) AS given
               WHERE given = 0 OR pg_has_role(request.oid, given, 'USAGE')),
       EXISTS (SELECT FROM unnest(policy.polroles) AS given
               WHERE given = 0 OR pg_has_role(entry.relowner, given, 'USAGE')),
       EXISTS (SELECT FROM unnest(policy.polroles) AS given
               WHERE given = 0 OR pg_has_role(current_user, given, 'USAGE'))
FROM pg_policy AS policy JOIN pg_class AS entry ON entry.oid = policy.polrelid
LEFT JOIN pg_roles AS request ON request.rolname = %(role)s
ORDER BY policy.polrelid, policy.polname
"""
_ROLES = """
SELECT role.rolname, role.rolcanlogin, role.rolsuper OR role.rolbypassrls,
       coalesce(parents.names, '{}'), coalesce(members.names, '{}')
FROM pg_roles AS role
LEFT JOIN (SELECT given.member AS role, array_agg(DISTINCT parent.rolname::text) AS names
           FROM pg_auth_members AS given JOIN pg_roles AS parent ON parent.oid = given.roleid
           GROUP BY given.member) AS parents ON parents.role = role.oid
LEFT JOIN (SELECT given.roleid AS role, array_agg(DISTINCT child.rolname::text) AS names
           FROM pg_auth_members AS given JOIN pg_roles AS child ON child.oid = given.member
           GROUP BY given.roleid) AS members ON members.role = role.oid
WHERE role.rolname = ANY(%(roles)s) OR starts_with(role.rolname, %(tenant_role)s)
"""
_SCHEMAS = """
SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace
WHERE starts_with(nspname, %(schema)s) OR starts_with(nspname, %(rag)s)
"""
_GRANTS = f"""
SELECT space.nspname, entry.relname, coalesce(grantee.rolname, ''),
       array_agg(DISTINCT given.privilege_type ORDER BY given.privilege_type)
FROM pg_class AS entry JOIN pg_namespace AS space ON space.oid = entry.relnamespace
CROSS JOIN aclexplode(entry.relacl) AS given
LEFT JOIN pg_roles AS grantee ON grantee.oid = given.grantee
WHERE given.grantee <> entry.relowner AND {_OURS}
GROUP BY 1, 2, 3
UNION ALL
SELECT space.nspname, '', coalesce(grantee.rolname, ''),
       array_agg(DISTINCT given.privilege_type ORDER BY given.privilege_type)
FROM pg_namespace AS space CROSS JOIN aclexplode(space.nspacl) AS given
LEFT JOIN pg_roles AS grantee ON grantee.oid = given.grantee
WHERE given.grantee <> space.nspowner AND {_OURS}
GROUP BY 1, 3
ORDER BY 1, 2, 3
"""
_VIEWS = f"""
SELECT space.nspname, entry.relname, entry.relkind = 'm', owner.rolname,
       owner.rolsuper OR owner.rolbypassrls,
       coalesce(entry.reloptions @> '{{security_invoker=true}}'
                OR entry.reloptions @> '{{security_invoker=on}}', false),
       array_agg(DISTINCT used.refobjid)
FROM pg_rewrite AS rule JOIN pg_class AS entry ON entry.oid = rule.ev_class
JOIN pg_namespace AS space ON space.oid = entry.relnamespace
JOIN pg_roles AS owner ON owner.oid = entry.relowner
JOIN pg_depend AS used ON used.classid = 'pg_rewrite'::regclass AND used.objid = rule.oid
     AND used.refclassid = 'pg_class'::regclass AND used.refobjid <> entry.oid
JOIN pg_roles AS request ON request.rolname = %(role)s
WHERE entry.relkind IN ('v', 'm') AND {_OURS}
  AND has_table_privilege(request.oid, entry.oid, 'SELECT')
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2
"""
_COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


class RegistryMissing(DatabaseRefused):
    """The table of all tenants is not there.

    Attributes:
        registry: Where it should be.
    """

    def __init__(self, registry: str) -> None:
        super().__init__("Mandanten lesen", f"Die Tabelle {registry} gibt es nicht.")
        self.registry = registry


def read_isolation(
    connection: "Connection", tenancy: Tenancy, application: Sequence[str]
) -> IsolationFacts:
    """Return all facts about the isolation of tenants, as of one moment. Read-only.

    Args:
        connection: Without an open transaction; its role must see every row of the registry.
        tenancy: How tenants are to be kept apart.
        application: Roles that the application logs in as.

    Raises:
        RegistryMissing: there is no table of tenants.
        DatabaseRefused: something cannot be read, or a policy would hide tenants.
    """
    values: dict[str, Any] = {
        "role": tenancy.role,
        "column": tenancy.column,
        "registry": tenancy.registry,
        "roles": [tenancy.role, *application],
        "tenant_role": prefix(tenancy.tenant_role),
        "schema": prefix(tenancy.schema_name),
        "rag": prefix(tenancy.rag_schema),
    }
    with translated("Trennung der Mandanten lesen"), hold_snapshot(connection):
        ((administrator, bypasses),) = connection.execute(_SELF).fetchall()
        # Without a search path, expressions name every schema and can be compared.
        connection.execute("SET LOCAL search_path TO pg_catalog")
        policies: dict[int, list[TenantPolicy]] = {}
        for table, *entry in connection.execute(_POLICIES, values):
            policies.setdefault(table, []).append(_policy(entry))
        rows = connection.execute(_TABLES, values).fetchall()
        tables = tuple(_table(row, policies) for row in rows)
        if tenancy.registry not in {str(table.name) for table in tables}:
            raise RegistryMissing(tenancy.registry)
        return IsolationFacts(
            administrator=administrator,
            administrator_bypasses=bypasses,
            tenants=_tenants(connection, tenancy),
            tables=tables,
            roles={
                name: TenantRole(name, login, bypass, tuple(sorted(up)), tuple(sorted(down)))
                for name, login, bypass, up, down in connection.execute(_ROLES, values)
            },
            schemas=dict(connection.execute(_SCHEMAS, values).fetchall()),
            grants=tuple(
                Grant(schema, name, grantee, tuple(given))
                for schema, name, grantee, given in connection.execute(_GRANTS, values)
            ),
            views=tuple(
                View(TableName(schema, name), materialized, owner, bypasses, invoker, tuple(used))
                for schema, name, materialized, owner, bypasses, invoker, used in (
                    connection.execute(_VIEWS, values)
                )
            ),
        )


def _tenants(connection: "Connection", tenancy: Tenancy) -> tuple[Tenant, ...]:
    from psycopg import sql

    registry = sql.Identifier(*tenancy.registry.split("."))
    query = sql.SQL("SELECT id::text, name FROM {} ORDER BY name, id").format(registry)
    return tuple(Tenant(*row) for row in connection.execute(query))


def _table(row: Sequence[Any], policies: Mapping[int, Sequence[TenantPolicy]]) -> TenantTable:
    schema, name, oid, owner, column, kind, enabled, forced, bypasses = row
    own = tuple(policies.get(oid, ()))
    return TenantTable(
        TableName(schema, name), oid, owner, column, kind, enabled, forced, bypasses, own
    )


def _policy(entry: Sequence[Any]) -> TenantPolicy:
    name, command, permissive, roles, using, check, request, owner, administrator = entry
    policy = Policy(name, _COMMANDS[command], permissive, tuple(roles), using, check)
    return TenantPolicy(policy, bool(request), bool(owner), bool(administrator))
