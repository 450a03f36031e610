"""What a database was like before it was fenced, kept in the database's own comment.

It is written in the transaction that fences, so a crash leaves both or neither.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["FenceRecord", "read_record", "write_record"]

_MARK = "Von Leitstand gesperrt; Stand davor: "
_COMMENT = "SELECT coalesce(shobj_description(%s::oid, 'pg_database'), '')"
_WAYS = """
SELECT coalesce(role.rolname, ''), bool_or(entry.is_grantable) FROM pg_database AS base
CROSS JOIN aclexplode(coalesce(base.datacl, acldefault('d', base.datdba))) AS entry
LEFT JOIN pg_roles AS role ON role.oid = entry.grantee
WHERE base.oid = %s AND entry.privilege_type = 'CONNECT' GROUP BY 1 ORDER BY 1
"""
_READ_ONLY = """
SELECT split_part(entry, '=', 2) FROM pg_db_role_setting, unnest(setconfig) AS entry
WHERE setdatabase = %s AND setrole = 0 AND entry LIKE 'default\\_transaction\\_read\\_only=%%'
"""
_LOGINS = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND rolcanlogin ORDER BY rolname"


@dataclass(frozen=True)
class FenceRecord:
    """The state before a fence.

    Attributes:
        ways: Who held CONNECT, and whether with grant option; an empty name is everyone.
        logins: Fenced roles that could log in.
        admin: Who got CONNECT by the fence, or empty if it had it by itself.
        read_only: The database's default for transactions, or empty if it had none.
        comment: The database's comment.
    """

    ways: tuple[tuple[str, bool], ...]
    logins: tuple[str, ...]
    admin: str
    read_only: str
    comment: str

    @classmethod
    def observed(cls, connection: "Connection", base: int) -> "FenceRecord":
        """Return the present state of a database by its oid. Read-only."""
        ways = tuple((name, grantable) for name, grantable in connection.execute(_WAYS, (base,)))
        own: str = connection.execute("SELECT current_user").fetchall()[0][0]
        setting = connection.execute(_READ_ONLY, (base,)).fetchone()
        return cls(
            ways=ways,
            logins=(),
            admin="" if own in dict(ways) else own,
            read_only=setting[0] if setting else "",
            comment=connection.execute(_COMMENT, (base,)).fetchall()[0][0],
        )

    def with_logins(self, connection: "Connection", roles: list[str]) -> "FenceRecord":
        """Return the record with those of the roles that can log in now."""
        logins = {row[0] for row in connection.execute(_LOGINS, (roles,))}
        return replace(self, logins=tuple(sorted(logins.union(self.logins))))


def read_record(connection: "Connection", base: int) -> FenceRecord | None:
    """Return the record of a fenced database by its oid, or None if it is not fenced. Read-only."""
    comment: str = connection.execute(_COMMENT, (base,)).fetchall()[0][0]
    if not comment.startswith(_MARK):
        return None
    kept = json.loads(comment.removeprefix(_MARK))
    ways = tuple((name, grantable) for name, grantable in kept.pop("ways"))
    return FenceRecord(ways=ways, logins=tuple(kept.pop("logins")), **kept)


def write_record(
    connection: "Connection", database: str, record: FenceRecord | None, comment: str
) -> None:
    """Keep a record in the database's comment, or put the former comment back."""
    from psycopg import sql

    text = _MARK + json.dumps(asdict(record), ensure_ascii=False) if record else comment
    query = "COMMENT ON DATABASE {} IS {}"
    connection.execute(sql.SQL(query).format(sql.Identifier(database), sql.Literal(text or None)))
