"""Tenants and row-level security as commands; each block is one transaction: all or nothing."""

from collections.abc import Mapping

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.shell import sql_block
from leitstand.core.commands.sql_text import array, identifier, literal
from leitstand.core.commands.tenant_tables import mirrored
from leitstand.core.plan import Action
from leitstand.core.recovery_types import Policy
from leitstand.core.tenancy.policies import RowSecurity

__all__ = ["TENANTS"]

_USED = """DO $pruefen$
DECLARE found record; used boolean;
BEGIN
  FOR found IN
    SELECT space.nspname, entry.relname FROM pg_class AS entry
    JOIN pg_namespace AS space ON space.oid = entry.relnamespace
    WHERE entry.relkind IN ('r', 'p') AND NOT entry.relispartition AND entry.relpersistence <> 't'
      AND space.nspname <> 'information_schema' AND space.nspname NOT LIKE 'pg\\_%'
      AND {which}
  LOOP
    {lock}EXECUTE format({query}, found.nspname, found.relname) INTO used;
    IF used THEN
      RAISE EXCEPTION 'Der Mandant hat schon Zeilen in %.%', found.nspname, found.relname;
    END IF;
  END LOOP;
END $pruefen$;"""
_LOCK = """EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE',
                   found.nspname, found.relname);
    """
_WITH_COLUMN = """EXISTS (SELECT FROM pg_attribute AS attribute
                  WHERE attribute.attrelid = entry.oid AND attribute.attname = {column}
                    AND attribute.attnum > 0 AND NOT attribute.attisdropped)"""


def _create(action: Action, setting: Setting) -> Block:
    arguments = action.arguments
    schemas, role = arguments.get("schemas") or {}, arguments.get("role")
    owner = identifier(arguments["owner"])
    statements = ["BEGIN;", "SET LOCAL lock_timeout TO '5s';"]
    if role:
        statements.append(f"CREATE ROLE {identifier(role)} NOLOGIN;")
        # From PostgreSQL 16 on; thousands of inherited memberships would make a login slow.
        statements += [
            f"GRANT {identifier(role)} TO {identifier(user)} WITH INHERIT FALSE, SET TRUE;"
            for user in arguments["application"]
        ]
    statements += [f"CREATE SCHEMA {identifier(s)} AUTHORIZATION {owner};" for s in schemas]
    statements += [
        f"SET LOCAL ROLE {owner};",
        "SET LOCAL row_security TO on;",
        f"SELECT set_config({literal(arguments['migration_setting'])}, 'on', true);",
        (
            f"INSERT INTO {_registry(action)} (id, name)"
            f" VALUES ({literal(arguments['id'])}, {literal(arguments['name'])});"
        ),
    ]
    if schemas:
        statements += mirrored(
            schemas, column=arguments["column"], tenant=arguments["id"], role=str(role)
        )
    return Block(
        f"Den Mandanten „{arguments['name']}“ anlegen.",
        (_sql(action, setting, *statements, "COMMIT;"),),
        "Genau eine Zeile muss kommen, mit allen Schemas des Mandanten.",
        (_look(action, setting),),
    )


def _remove(action: Action, setting: Setting) -> Block:
    arguments = action.arguments
    schemas, role = list(arguments.get("schemas") or {}), arguments.get("role")
    if schemas:
        which = f"space.nspname = ANY({array(schemas)})"
        query = literal("SELECT EXISTS (SELECT FROM %I.%I)")
        # Nobody can add a row between the look and the end.
        lock = _LOCK
    else:
        which = _WITH_COLUMN.replace("{column}", literal(arguments["column"]))
        # Per cent signs are the form's own.
        match = f"{identifier(arguments['column'])}::text = {literal(arguments['id'])}"
        query = literal(f"SELECT EXISTS (SELECT FROM %I.%I WHERE {match.replace('%', '%%')})")
        lock = ""
    statements = [
        "BEGIN;",
        "SET LOCAL lock_timeout TO '5s';",
        _USED.replace("{lock}", lock).replace("{which}", which).replace("{query}", query),
        *(f"DROP SCHEMA IF EXISTS {identifier(schema)} CASCADE;" for schema in schemas),
        f"DELETE FROM {_registry(action)} WHERE id::text = {literal(arguments['id'])};",
    ]
    if role:
        statements.append(f"DROP ROLE IF EXISTS {identifier(role)};")
    return Block(
        f"Den Mandanten „{arguments['name']}“ wieder entfernen, solange er keine Zeilen hat.",
        (_sql(action, setting, *statements, "COMMIT;"),),
        "Keine Zeile darf kommen.",
        (_look(action, setting),),
        (
            "Hat der Mandant schon Zeilen, bricht der Befehl ab, und es ändert sich nichts.",
            (
                "Dürfte die Anmeldung wegen Row-Level Security nicht alle Zeilen einer Tabelle"
                " sehen, lehnt die Datenbank ab, statt Zeilen zu verschweigen; auch dann ändert"
                " sich nichts."
            ),
        ),
    )


def _row_security(action: Action, setting: Setting) -> Block:
    change = RowSecurity.from_arguments(action.arguments)
    table = identifier(change.table.schema, change.table.name)
    gone = [policy.name for policy in (*change.drop, *change.create)]
    statements = [
        "BEGIN;",
        "SET LOCAL lock_timeout TO '1s';",
        f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;",
        *(f"DROP POLICY IF EXISTS {identifier(name)} ON {table};" for name in gone),
        *(_policy(table, policy) for policy in change.create),
        (
            f"ALTER TABLE {table}"
            f" {'ENABLE' if change.enabled[1] else 'DISABLE'} ROW LEVEL SECURITY,"
            f" {'FORCE' if change.forced[1] else 'NO FORCE'} ROW LEVEL SECURITY;"
        ),
        "COMMIT;",
    ]
    look = (
        "SELECT relrowsecurity, relforcerowsecurity,"
        " array(SELECT polname FROM pg_policy WHERE polrelid = pg_class.oid)"
        f" FROM pg_class WHERE oid = {literal(table)}::regclass;"
    )
    wanted = ", ".join(policy.name for policy in change.create) or "keine neuen"
    return Block(
        f"Row-Level Security von {change.table} ändern (Policies: {wanted}).",
        (_sql(action, setting, *statements),),
        f"Eingeschaltet: {_word(change.enabled[1])}, erzwungen: {_word(change.forced[1])};"
        " die Policies müssen so dastehen.",
        (_sql(action, setting, look),),
        (("Hält eine offene Transaktion die Tabelle, bricht der Befehl ab: Versuchen Sie es noch"
         " einmal."),),
    )  # fmt: skip


def _policy(table: str, policy: Policy) -> str:
    roles = ", ".join("PUBLIC" if r == "public" else identifier(r) for r in policy.roles)
    statement = (
        f"CREATE POLICY {identifier(policy.name)} ON {table}"
        f" AS {'PERMISSIVE' if policy.permissive else 'RESTRICTIVE'}"
        f" FOR {policy.command} TO {roles}"
    )
    # Expressions come from the catalogue or from our own rules, and stand in the approved plan.
    using = f"\n  USING ({policy.using})" if policy.using else ""
    check = f"\n  WITH CHECK ({policy.check})" if policy.check else ""
    return f"{statement}{using}{check};"


def _look(action: Action, setting: Setting) -> str:
    schemas = array(list(action.arguments.get("schemas") or {}))
    return _sql(
        action,
        setting,
        "SELECT id, name,",
        f"  array(SELECT nspname FROM pg_namespace WHERE nspname = ANY({schemas})) AS schemas",
        f"FROM {_registry(action)} WHERE id::text = {literal(action.arguments['id'])};",
    )


def _sql(action: Action, setting: Setting, *statements: str) -> str:
    return sql_block(setting, action.target.partition("/databases/")[0], *statements)


def _registry(action: Action) -> str:
    return identifier(*str(action.arguments["registry"]).split("."))


def _word(value: bool) -> str:
    return "ja" if value else "nein"


TENANTS: Mapping[str, Writer] = {
    "tenant_create": _create,
    "tenant_remove": _remove,
    "tenant_row_security": _row_security,
}
