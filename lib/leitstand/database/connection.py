"""Connections to PostgreSQL: made here only, named, with deadlines, read-only unless asked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leitstand.database.errors import AddressUnusable, translated

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

__all__ = ["address", "connect", "redacted", "replace_host"]

APPLICATION = "leitstand"
CONNECT_SECONDS = 10
# A peer that is gone is noticed after a minute, even while a statement runs.
_KEEPALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_URL = re.compile(
    r"(?P<scheme>postgres(?:ql)?)://(?P<user>[^@/]*@)?(?P<place>[^/?]*)(?P<path>/[^?]*)?"
    r"(?:\?(?P<query>.*))?"
)
_PLACE = ("host", "hostaddr", "port")
_SECRET = ("password", "sslpassword", "user")
_HOST = re.compile(r"[\w.,:%\[\]/-]*")
_PORT = re.compile(r"[\d,]*")
# With row_security off the server refuses what a policy would filter, even one that shows every
# row. It is on where the role meets a policy, and none that it meets can hide a row.
# A policy that shows every row is the constant true. pg_get_expr would tell that more readably, but
# waits for whoever has locked the table: nobody could then look who it is.
_TRUST_POLICIES = """
SELECT set_config('row_security', 'on', false)
FROM (SELECT EXISTS (SELECT FROM pg_policy AS policy, unnest(policy.polroles) AS given
                     WHERE policy.polrelid = entry.oid AND policy.polpermissive
                       AND policy.polcmd = ANY(%s::text[]::"char"[])
                       AND policy.polqual::text LIKE '{CONST :consttype 16 %%:constvalue 1 [ 1 %%'
                       AND (given = 0 OR pg_has_role(given, 'USAGE')))
         AND NOT EXISTS (SELECT FROM pg_policy AS policy, unnest(policy.polroles) AS given
                         WHERE policy.polrelid = entry.oid AND NOT policy.polpermissive
                           AND (given = 0 OR pg_has_role(given, 'USAGE'))) AS open
      FROM pg_class AS entry
      WHERE entry.relrowsecurity AND row_security_active(entry.oid)) AS met
HAVING bool_and(open)
"""


@contextmanager
def connect(
    url: str,
    *,
    read_only: bool = True,
    autocommit: bool = False,
    statement_timeout: float = 30.0,
) -> "Iterator[Connection]":
    """A connection for the block; it commits at the end, or rolls back after an exception.

    Sessions are UTC and UTF-8, see all rows of a table or are refused (never fewer rows by a
    policy), and can write only with ``read_only=False``, then also where that is not the
    database's default. Policies that hold for the role are taken for what they show only where
    each of them shows everything.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        read_only: Whether the server refuses every write.
        autocommit: Whether each statement is a transaction.
        statement_timeout: Seconds that one statement may take; 0 is no limit.

    Raises:
        AddressUnusable: ``url`` cannot be understood.
        DatabaseUnreachable: no answer.
        DatabaseRefused: the login was refused, or psycopg raised in the block.
    """
    import psycopg

    parts = _parts(url)
    place = f"{parts.get('host', '')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"
    settings = {
        "default_transaction_read_only": "on" if read_only else "off",
        "statement_timeout": str(round(statement_timeout * 1000)),
        "timezone": "UTC",
        "row_security": "off",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    with translated(f"Verbindung zu {place}"):
        connection = psycopg.connect(
            **{
                **parts,
                **_KEEPALIVE,
                "options": f"{parts.get('options', '')} {options}".strip(),
                "application_name": APPLICATION,
                "client_encoding": "UTF8",
                "connect_timeout": CONNECT_SECONDS,
            },
            autocommit=True,
        )
    try:
        with translated(f"Policies von {place}"):
            # Outside a transaction, or the setting would go with it.
            connection.execute(_TRUST_POLICIES, (["*", "r"] if read_only else ["*"],))
            connection.autocommit = autocommit
        with translated(f"Anweisung an {place}"), connection:
            yield connection
    finally:
        connection.close()


def replace_host(url: str, host: str, port: int) -> str:
    """Return the address of the same database, user and password at another place.

    Raises:
        AddressUnusable: ``url`` cannot be understood.
    """
    _parts(url)
    cut = _cut(url)
    bracketed = f"[{host}]" if ":" in host else host
    query = _without(cut["query"], _PLACE)
    return f"{cut['scheme']}://{cut['user']}{bracketed}:{port}{cut['path']}{query}"


def address(url: str) -> tuple[str, int]:
    """Return host and port of an address.

    Raises:
        AddressUnusable: ``url`` cannot be understood.
    """
    parts = _parts(url)
    return str(parts.get("host") or ""), int(parts.get("port") or 5432)


def redacted(url: str) -> str:
    """Return the address for people: without password, and without anything if it is no URL."""
    try:
        _parts(url)
    except AddressUnusable:
        return "postgresql://***"
    cut = _cut(url)
    name, colon, _ = cut["user"].partition(":")
    user = f"{name}:***@" if colon else name
    query = _without(cut["query"], _SECRET)
    return f"{cut['scheme']}://{user}{cut['place']}{cut['path']}{query}"


def _cut(url: str) -> dict[str, str]:
    """Cut an address where libpq cuts it: unlike elsewhere, a # is part of a name or password."""
    found = _URL.fullmatch(url)
    if found is None:
        raise AddressUnusable
    return found.groupdict(default="")


def _without(query: str, names: tuple[str, ...]) -> str:
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in names]
    return f"?{'&'.join(kept)}" if kept else ""


def _parts(url: str) -> dict[str, Any]:
    """Take an address apart as libpq does.

    What libpq says of a bad address quotes it, so its words and its exception go no further.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    parts: dict[str, Any] = {}
    if _URL.fullmatch(url):
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error:
            parts = {}
    # A password with a bare @ or / would end up in what is taken for the host or the port.
    host, port = str(parts.get("host", "")), str(parts.get("port", ""))
    if not parts.get("dbname") or not _HOST.fullmatch(host) or not _PORT.fullmatch(port):
        raise AddressUnusable
    return parts
