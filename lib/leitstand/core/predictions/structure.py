"""The structure of a database without its rows: what a rehearsed migration starts from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leitstand.core.predictions.plans import digest
from leitstand.core.statements import LARGE, split_statements

__all__ = ["Structure", "headline", "structure_of", "too_many_locks", "unlike_structure"]

_LONGEST = 90
_NAMED = 3
_MEBI = 1024 * 1024

_SECRETIVE = re.compile(
    r"(?:CREATE|ALTER) (USER MAPPING|SERVER|SUBSCRIPTION|FOREIGN TABLE|FOREIGN DATA WRAPPER)\b"
)
"""Definitions that lead to other servers, some of them with passwords."""


_DETAILS = re.compile(r" \(|'|\$(?:[^\W\d]\w*)?\$| AS\b", re.IGNORECASE)
"""Where a statement goes on to what only its database needs to know."""


@dataclass(frozen=True)
class Structure:
    """A database as its definitions describe it.

    Attributes:
        statements: What makes it, in order. A text in one of them can be secret: they are kept
            nowhere but in the database that they make; ``headline`` is what is shown.
        applied: App, name and time (ISO 8601) of each applied migration, in order.
        sizes: Bytes by name of table, as ``table_sizes`` names them.
        rows: Rows as the planner estimates them, by the same names.
        invalid: Names of its invalid indexes, which nothing here makes again.
        kept_back: Kinds of definitions that were left out.
    """

    statements: tuple[str, ...]
    applied: tuple[tuple[str, str, str], ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    invalid: tuple[str, ...] = ()
    kept_back: tuple[str, ...] = ()

    @property
    def large(self) -> tuple[str, ...]:
        """The tables that a statement of a migration holds up for long, by name."""
        return tuple(sorted(name for name, size in self.sizes.items() if size >= LARGE))

    def summary(self) -> dict[str, Any]:
        """Return what of it is kept, as JSON values: no definition."""
        newest: dict[str, str] = {}
        for app, name, _ in self.applied:
            newest[app] = max(name, newest.get(app, ""))
        return {
            "definitions": digest(sorted(self.statements)),
            "migrations": newest,
            "large": list(self.large),
        }


def structure_of(
    dump: str,
    applied: Iterable[tuple[str, str, str]],
    *,
    sizes: Mapping[str, int],
    rows: Mapping[str, int],
    invalid: Iterable[str] = (),
) -> Structure:
    """Return the structure that ``pg_dump --schema-only`` has written.

    Definitions that lead to other servers are left out; any other keeps the texts in it.

    Args:
        dump: Its text; commands of psql are left out.
        applied: See ``Structure``, as are the others.
    """
    sql = "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))
    kept, kinds = [], set()
    for statement in split_statements(sql):
        if found := _SECRETIVE.match(statement):
            kinds.add(found[1])
        else:
            kept.append(statement)
    return Structure(
        tuple(kept), tuple(applied), dict(sizes), dict(rows), tuple(invalid), tuple(sorted(kinds))
    )


def too_many_locks(tables: int, locks: int) -> str:
    """Return why a dump would take locks away from others, as a German sentence; or nothing.

    ``pg_dump`` locks every table at once. A server without room for a lock refuses whoever asks for
    the next one.

    Args:
        tables: So many are there.
        locks: For so many the server has room.
    """
    if 2 * tables <= locks:
        return ""
    return f"{tables} Tabellen auf einmal zu sperren bräuchte zu viel von {locks} Sperren."


def unlike_structure(theirs: Structure, ours: Structure) -> tuple[str, ...]:
    """Return what of a database is not as in another one, as German sentences.

    Args:
        theirs: The one that was to be made again.
        ours: What was made.
    """
    found = [f"Datenbank, {kind}: Solche Definitionen werden nicht gelesen."
             for kind in theirs.kept_back]  # fmt: skip
    found += [f"Datenbank, ungültiger Index {name}: In der Probe fehlt er."
              for name in theirs.invalid if name not in ours.invalid]  # fmt: skip
    missing = set(theirs.statements) - set(ours.statements)
    added = set(ours.statements) - set(theirs.statements)
    found += [f"Datenbank: In der Probe fehlt {headline(one)}."
              for one in theirs.statements if one in missing]  # fmt: skip
    found += [f"Datenbank: Nur die Probe hat {headline(one)}."
              for one in ours.statements if one in added]  # fmt: skip
    before = {(app, name) for app, name, _ in theirs.applied}
    now = {(app, name) for app, name, _ in ours.applied}
    found += [f"Migration {app}.{name}: Nur eine der beiden Datenbanken hat sie."
              for app, name in sorted(before ^ now)]  # fmt: skip
    found += [f"Tabelle {name}: Dort ist sie groß, in der Probe nicht."
              for name in theirs.large if name not in ours.large]  # fmt: skip
    if sum(theirs.sizes.values()) > sum(ours.sizes.values()):
        found.append(_amount(theirs))
    return tuple(found)


def headline(statement: str) -> str:
    """Return the beginning of a statement, in one line: up to the first text or definition in it.

    What it is called is shown, and nothing that somebody could have written a password into.
    """
    text = _DETAILS.split(" ".join(statement.split()), maxsplit=1)[0].rstrip(" (")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _amount(theirs: Structure) -> str:
    size, rows = sum(theirs.sizes.values()) / _MEBI, sum(theirs.rows.values())
    estimate = f"etwa {rows}, zusammen " if rows else ""
    most = sorted(theirs.sizes, key=lambda name: (-theirs.sizes[name], name))[:_NAMED]
    named = ", ".join(f"{name} {theirs.sizes[name] / _MEBI:.0f} MiB" for name in most)
    return (
        f"Zeilen der Datenbank: Dort sind es {estimate}{size:.0f} MiB ({named});"
        " in der Probe sind die Tabellen leer."
    )
