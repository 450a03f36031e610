"""Sessions and roles of a database as commands: the fence, its end, the end of one session."""

from collections.abc import Mapping

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.shell import short, sql_block
from leitstand.core.commands.sql_text import array, identifier, literal
from leitstand.core.plan import Action

__all__ = ["SESSIONS"]

_MARK = "Von Leitstand gesperrt; Stand davor: "
"""How the library begins the comment in which it keeps what was before (``FenceRecord``)."""

_BEFORE = "-- Stand davor, für den Rückweg: Schreiben Sie ihn ab."
_KEPT = "-- Was Leitstand vor der Sperre fand, steht im Kommentar der Datenbank."
_OTHERWISE = (
    "-- Ohne ihn wurde von Hand gesperrt; dann bekommen die Rollen selbst ihr Recht zurück."
)
_ROLES = """roles AS (
  SELECT rolname FROM pg_roles WHERE rolname = ANY({roles})
  UNION
  SELECT member.rolname FROM pg_db_role_setting AS entry
  JOIN pg_roles AS member ON member.oid = entry.setrole
  WHERE EXISTS (SELECT FROM unnest({roles}) AS app
                WHERE 'role=' || app = ANY(entry.setconfig)
                  AND pg_has_role(member.oid, app::name, 'MEMBER')))"""
"""Roles, and those that log in in their place: a rotated password's."""
_FENCE = """BEGIN;
SELECT pg_advisory_xact_lock(19539, 2);
{before}
SELECT datname, datacl FROM pg_database WHERE datname = {name};
WITH {which}
SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname IN (SELECT rolname FROM roles);
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', {name}, current_user) \\gexec
WITH {which}
SELECT DISTINCT format('REVOKE CONNECT ON DATABASE %I FROM %s CASCADE', {name},
                       CASE WHEN entry.grantee = 0 THEN 'PUBLIC'
                            ELSE quote_ident(role.rolname) END)
FROM pg_database AS base
CROSS JOIN aclexplode(coalesce(base.datacl, acldefault('d', base.datdba))) AS entry
LEFT JOIN pg_roles AS role ON role.oid = entry.grantee
WHERE base.datname = {name} AND entry.privilege_type = 'CONNECT'
  AND (entry.grantee = 0 OR EXISTS (
      SELECT FROM roles AS app WHERE pg_has_role(app.rolname, entry.grantee, 'USAGE'))) \\gexec
ALTER DATABASE {base} SET default_transaction_read_only TO on;
WITH {which}
SELECT format('ALTER ROLE %I NOLOGIN', rolname) FROM roles
WHERE pg_has_role(rolname, 'MEMBER WITH ADMIN OPTION') \\gexec
COMMIT;
WITH {which}
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = {name} AND usename IN (SELECT rolname FROM roles) AND pid <> pg_backend_pid();"""
_FENCED = """WITH {which}
SELECT rolname, rolcanlogin,
       has_database_privilege(oid, {name}, 'CONNECT') AS darf_hinein
FROM pg_roles WHERE rolname IN (SELECT rolname FROM roles);
WITH {which}
SELECT usename, count(*) FROM pg_stat_activity
WHERE datname = {name} AND usename IN (SELECT rolname FROM roles) GROUP BY 1;"""
_UNFENCE = """BEGIN;
SELECT pg_advisory_xact_lock(19539, 2);
{kept}
SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = {name};
WITH {which},
kept AS (
  SELECT substr(shobj_description(oid, 'pg_database'), {start})::jsonb AS record
  FROM pg_database WHERE datname = {name}
    AND shobj_description(oid, 'pg_database') LIKE {mark} || '%')
SELECT format('REVOKE CONNECT ON DATABASE %I FROM %I', {name}, record->>'admin')
FROM kept WHERE record->>'admin' IN (SELECT rolname FROM pg_roles)
UNION ALL
SELECT format('GRANT CONNECT ON DATABASE %I TO %s%s', {name},
              CASE WHEN way->>0 = '' THEN 'PUBLIC' ELSE quote_ident(way->>0) END,
              CASE WHEN (way->>1)::boolean THEN ' WITH GRANT OPTION' ELSE '' END)
FROM kept, jsonb_array_elements(record->'ways') AS way
WHERE way->>0 = '' OR way->>0 IN (SELECT rolname FROM pg_roles)
UNION ALL
SELECT format('ALTER ROLE %I LOGIN', login)
FROM kept, jsonb_array_elements_text(record->'logins') AS login
WHERE login IN (SELECT rolname FROM pg_roles WHERE NOT rolcanlogin)
UNION ALL
SELECT format('ALTER DATABASE %I SET default_transaction_read_only TO %L', {name},
              record->>'read_only')
FROM kept WHERE record->>'read_only' <> ''
UNION ALL
SELECT format('ALTER DATABASE %I RESET default_transaction_read_only', {name})
WHERE NOT EXISTS (SELECT FROM kept WHERE record->>'read_only' <> '')
UNION ALL
SELECT format('COMMENT ON DATABASE %I IS %L', {name}, nullif(record->>'comment', '')) FROM kept
UNION ALL
{otherwise}
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', {name}, rolname)
FROM roles WHERE NOT EXISTS (SELECT FROM kept)
UNION ALL
SELECT format('ALTER ROLE %I LOGIN', rolname) FROM pg_roles
WHERE rolname IN (SELECT rolname FROM roles) AND NOT rolcanlogin
  AND NOT EXISTS (SELECT FROM kept) \\gexec
COMMIT;"""
_CLIENT = """SELECT pid, application_name, usename, state, backend_start, xact_start
FROM pg_stat_activity WHERE pid = {pid};"""
_END = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = {pid} AND datname = current_database() AND pid <> pg_backend_pid()
  AND backend_start = {connected}::timestamptz
  AND xact_start IS NOT DISTINCT FROM {transaction}::timestamptz;"""


def _values(action: Action) -> dict[str, str]:
    database, roles = action.arguments["database"], array(action.arguments["roles"])
    return {
        "name": literal(database),
        "base": identifier(database),
        "roles": roles,
        "which": _ROLES.replace("{roles}", roles),
        "mark": literal(_MARK),
        "before": _BEFORE,
        "kept": _KEPT,
        "otherwise": _OTHERWISE,
        "start": str(len(_MARK) + 1),
    }


def _filled(form: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        form = form.replace("{" + name + "}", value)
    return form


def _fence(action: Action, setting: Setting) -> Block:
    values = _values(action)
    names = ", ".join(action.arguments["roles"])
    return Block(
        f"Die Anwendung ({names}) aus der Datenbank {action.arguments['database']} von"
        f" {short(action.target)} aussperren und ihre Sitzungen beenden.",
        (sql_block(setting, action.target, _filled(_FENCE, values)),),
        "Keine der Rollen darf hinein, und keine hat noch eine Sitzung.",
        (sql_block(setting, action.target, _filled(_FENCED, values)),),
    )


def _unfence(action: Action, setting: Setting) -> Block:
    values = _values(action)
    return Block(
        f"Die Sperre der Datenbank {action.arguments['database']} von {short(action.target)}"
        " aufheben.",
        (sql_block(setting, action.target, _filled(_UNFENCE, values)),),
        "Die Rollen müssen wieder hinein dürfen.",
        (sql_block(setting, action.target, _filled(_FENCED, values)),),
    )


def _session_end(action: Action, setting: Setting) -> Block:
    arguments = action.arguments
    begun = arguments["transaction_at"]
    values = {
        "pid": str(int(arguments["pid"])),
        "connected": literal(arguments["connected_at"]),
        "transaction": literal(begun) if begun else "NULL",
    }
    instance = action.target.partition("/databases/")[0]
    return Block(
        f"Die Sitzung {values['pid']} beenden, wenn sie noch in derselben Transaktion ist.",
        (sql_block(setting, instance, _filled(_END, values)),),
        "Die Sitzung darf es nicht mehr geben, oder sie ist in einer anderen Transaktion.",
        (sql_block(setting, instance, _filled(_CLIENT, values)),),
        ("Kommt keine Zeile zurück, ist die Transaktion schon vorbei: Dann ist nichts zu tun.",),
    )


SESSIONS: Mapping[str, Writer] = {
    "sql_fence": _fence,
    "sql_unfence": _unfence,
    "session_end": _session_end,
}
