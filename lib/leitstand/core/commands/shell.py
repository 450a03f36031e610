"""Commands of a shell, put together word by word and quoted rightly."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from leitstand.core.commands.block import Setting

__all__ = [
    "Shell",
    "address_of",
    "after",
    "command",
    "curl",
    "expression",
    "flag",
    "gcloud",
    "joined",
    "secret_value",
    "short",
    "sql_block",
    "text",
    "variables",
]

_WIDTH = 96
_BREAK = " \\\n    "
_DELIMITERS = (",", ";", "|", "@@", "##", "::::")
_PRIVATE = 'value(ipAddresses.filter("type:PRIVATE").extract("ipAddress").flatten())'
_OPTIONS = "-c default_transaction_read_only=off -c row_security=off"
"""As Leitstand's own sessions have it (``database.connection.connect``): they write in a fenced
database too, and are refused where a policy would hide rows."""
_TOKEN = "Authorization: Bearer $(gcloud auth print-access-token)"


class Shell(str):
    """A word that the shell is to expand; it stands in double quotes."""

    __slots__ = ()


def text(value: object) -> str:
    """Return a value as one quoted word."""
    return f'"{value}"' if isinstance(value, Shell) else shlex.quote(str(value))


def flag(name: str, value: object) -> str:
    """Return ``--name=value``, already quoted; to be given to ``command`` as it is."""
    return f"--{name}={text(value)}"


def joined(words: Sequence[str]) -> str:
    """Return the value of a flag that takes a list; see ``gcloud topic escaping``.

    Where a member holds a comma, another delimiter is stated in front.
    """
    free = (d for d in _DELIMITERS if not any(d in word for word in words))
    found = next(free, "§§")
    return ",".join(words) if found == "," else f"^{found}^{found.join(words)}"


def command(*words: str) -> str:
    """Return a command of words that are quoted already, broken where it is long."""
    line = " ".join(words)
    if len(line) <= _WIDTH:
        return line
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 1 > _WIDTH - 6:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return _BREAK.join(lines)


def gcloud(what: str, *words: str, project: str, **flags: object) -> str:
    """Return a ``gcloud`` command.

    Args:
        what: The command's own words, e.g. ``sql backups create``.
        words: Arguments by position; quoted here.
        project: The project that it acts in.
        flags: Further flags, ``_`` for ``-``; an empty or missing value is left out, True stands
            for a flag without a value.
    """
    shown = [
        f"--{name.replace('_', '-')}" if value is True else flag(name.replace("_", "-"), value)
        for name, value in flags.items()
        if value not in (None, "", False)
    ]
    return command("gcloud", what, *map(text, words), *shown, flag("project", project))


def secret_value(setting: Setting, secret: str, version: object = "latest") -> Shell:
    """Return the expression that reads a value of a secret; the value itself is never written."""
    return expression(
        gcloud("secrets versions access", str(version), secret=secret, project=setting.project)
    )


def expression(shown: str) -> Shell:
    """Return what a command prints, as a word; the command stands on one line."""
    return Shell(f"$({shown.replace(_BREAK, ' ')})")


def curl(
    setting: Setting, method: str, api: str, path: str, body: Any = None, *, ready: str = ""
) -> str:
    """Return a call of a REST API.

    Args:
        setting: Where it acts.
        method: ``GET``, ``POST``, ``PATCH``, ``PUT``, ``DELETE``.
        api: The API's host without ``.googleapis.com``.
        path: Path and query.
        body: JSON values; none where left out.
        ready: The body as text in which the shell is to expand expressions, see
            ``placeholders.expanded``; in the place of ``body``.
    """
    root = f"{setting.endpoint}/{api}" if setting.endpoint else f"https://{api}.googleapis.com"
    words = ["curl", "-sS", "--fail-with-body"]
    if method != "GET":
        words.append(f"-X {method}")
    if not setting.endpoint:
        words.append(f'-H "{_TOKEN}"')
    # A path that is to be expanded stands in double quotes.
    place = f"{root}/{path}"
    address = text(Shell(place) if isinstance(path, Shell) else place)
    if body is None and not ready:
        if method in ("POST", "PUT", "PATCH"):
            words.append("-H 'Content-Length: 0'")
        return command(*words, address)
    words += ["-H 'Content-Type: application/json'", "--data @-", address]
    mark = "JSON" if ready else "'JSON'"
    content = ready or json.dumps(body, ensure_ascii=False, indent=1)
    return f"{command(*words)} <<{mark}\n{content}\nJSON"


def sql_block(setting: Setting, instance: str, *statements: str, url: Shell | None = None) -> str:
    """Return ``psql`` with statements for an instance.

    The session may write where that is not the database's default, and is refused a table whose
    rows a policy would hide from it.

    Args:
        setting: Where it acts.
        instance: Full name of the instance; its private address is asked for when it is run.
        statements: SQL, or commands of psql.
        url: Address to log in with; the administrator's when left out.
    """
    found = url or secret_value(setting, setting.administrator_secret)
    lines = "\n".join(statements)
    mark = "SQL"
    while mark in lines.splitlines():
        mark += "_"
    # A host address wins over the name in the URL, whose other parts stay as they are.
    place = f"PGHOSTADDR={text(address_of(setting, instance))}"
    options = f"PGOPTIONS={text(_OPTIONS)}"
    shown = _BREAK.join([place, options, f"psql -X -v ON_ERROR_STOP=1 {text(found)}"])
    return f"{shown} <<'{mark}'\n{lines}\n{mark}"


def address_of(setting: Setting, instance: str) -> Shell:
    """Return the expression that asks for the private address of a Cloud SQL instance."""
    return expression(
        gcloud("sql instances describe", short(instance), project=setting.project, format=_PRIVATE)
    )


def short(name: str) -> str:
    """Return the last part of a full name."""
    return name.rsplit("/", 1)[-1]


def after(name: str, collection: str) -> str:
    """Return what follows a collection in a full name; empty where it has none."""
    parts = name.split("/")
    return parts[parts.index(collection) + 1] if collection in parts[:-1] else ""


def variables(values: Mapping[str, object]) -> list[str]:
    """Return ``NAME=value`` for each, sorted."""
    return [f"{name}={value}" for name, value in sorted(values.items())]
