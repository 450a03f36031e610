"""Values of secrets, made, read and tried where they are needed; they are shown nowhere."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from leitstand.cloud.connection import Connection
from leitstand.cloud.secrets import Secrets
from leitstand.core.errors import RunFailed
from leitstand.core.kind_table import KINDS
from leitstand.core.references import find
from leitstand.execution.placeholders import Placeholders

__all__ = ["LoginUnfit", "NoAddress", "Values", "composed_value", "database_login", "try_value"]

_URL = re.compile(r"(postgres(?:ql)?://)(?:([^@/:]*)(?::[^@/]*)?@)?(.+)", re.DOTALL)
_TIMEOUT = 5.0


class NoAddress(RunFailed):
    """A version that should hold the address of a database holds something else.

    Attributes:
        version: ``SECRET/NUMBER``.
    """

    def __init__(self, version: str) -> None:
        super().__init__(
            f"Version {version} enthält keine Adresse einer Datenbank.",
            "Prüfen Sie, wer sie angelegt hat, und hinterlegen Sie eine richtige.",
        )
        self.version = version


class LoginUnfit(RunFailed):
    """A value does not let in the one who is to be let in."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Prüfen Sie den Wert, bevor Sie die Rotation wiederholen.")


def composed_value(connection: Connection, text: str) -> str:
    """Return a text of the environment file with its ``${…}`` replaced; reads secret values.

    Raises:
        ValueMissing: a value cannot be had.
    """
    environment = connection.environment
    where = {"project": environment.project, "number": "", "region": environment.region}
    names = {}
    for reference in find(text):
        kind, _, key = reference.key.partition("/")
        if kind in KINDS:
            names[reference.key] = KINDS[kind].full_name(key, **where)
    resolved = Placeholders(connection, names).resolved({"data": text})
    return str(resolved.body["data"])


def database_login(value: str) -> str:
    """Return the role that an address logs in as; empty where it is no address of a database."""
    found = _URL.fullmatch(value)
    return unquote(found[2] or "") if found else ""


def try_value(value: str, role: str) -> str:
    """Log in where an address leads; return ``database``, ``redis``, or nothing if it is none.

    Args:
        value: Of a secret.
        role: Database role that the session must work as; empty where any will do.

    Raises:
        DatabaseRefused: the database refuses the login.
        DatabaseUnreachable: it does not answer.
        LoginUnfit: the session is another role's, or Redis refuses or does not answer.
    """
    if _URL.fullmatch(value):
        from leitstand.database.connection import connect

        with connect(value, autocommit=True) as database:
            row = database.execute("SELECT current_user").fetchone()
        if role and row is not None and row[0] != role:
            raise LoginUnfit(f"Die Anmeldung arbeitet als {row[0]}, nicht als {role}.")
        return "database"
    if value.startswith(("redis://", "rediss://")):
        from leitstand.database.queue import QueueRefused, QueueUnreachable, opened

        try:
            with opened(value, _TIMEOUT) as client:
                client.ping()
        except (QueueRefused, QueueUnreachable) as error:
            text = f"Redis nimmt die Anmeldung nicht an: {error.reason}"
            raise LoginUnfit(text) from error
        return "redis"
    return ""


class Values:
    """Reads values of versions, named ``SECRET/VERSION``, and puts new ones together."""

    def __init__(self, connection: Connection) -> None:
        self.secrets = Secrets(connection)
        self._connection = connection
        self._project = connection.environment.project

    def of(self, version: str) -> str:
        """Return the value of a version after its checksum was compared."""
        secret, _, number = version.partition("/")
        return self.secrets.value(f"projects/{self._project}/secrets/{secret}", number)

    def login_url(self, url: str, login: str, password: str) -> str:
        """Return the address in one version with another login and the password in another."""
        found = _URL.fullmatch(self.of(url))
        if found is None:
            raise NoAddress(url)
        return f"{found[1]}{quote(login)}:{quote(self.of(password), safe='')}@{found[3]}"

    def new(self, arguments: Mapping[str, Any]) -> str:
        """Return the value that an action is to store; a generated one is another at each call."""
        if "url" in arguments:
            return self.login_url(arguments["url"], arguments["login"], arguments["password"])
        return composed_value(self._connection, arguments["value"])
