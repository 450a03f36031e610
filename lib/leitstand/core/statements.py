"""What each statement of a migration does to those who use the database meanwhile and afterwards.

The rules follow PostgreSQL's documentation on ALTER TABLE and explicit locking, and the practice
of expand and contract (martinfowler.com/bliki/ParallelChange.html).
What no rule knows is never called harmless.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["LARGE", "Effect", "Statement", "judge_migration", "split_statements"]

LARGE = 64 * 1024 * 1024
"""Bytes from which reading or filling a whole table takes long enough to be noticed."""


class Effect(IntEnum):
    """What a statement or a migration does, the worse the higher."""

    HARMLESS = 0
    EXPANDS = 1
    NOT_TRANSACTIONAL = 2
    LOCKS = 3
    CONTRACTS = 4
    DESTROYS = 5

    @property
    def word(self) -> str:
        """Stable name."""
        return self.name.lower()


@dataclass(frozen=True)
class Statement:
    """One statement with its verdict.

    Attributes:
        sql: Without comments before it and without the semicolon.
        effect: What it does.
        reason: Stable id of the rule that says so.
    """

    sql: str
    effect: Effect
    reason: str


Verdict = tuple[Effect, str]

_PARTS = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | [eE]'(?:\\.|''|[^'\\])*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
      | \$(\w*)\$.*?\$\1\$ | ; | .""",
    re.DOTALL | re.VERBOSE,
)
_NAME = r'(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?'
_TABLE = re.compile(
    rf"""^(?:CREATE\ (?:UNLOGGED\ )?TABLE(?:\ IF\ NOT\ EXISTS)?
       | ALTER\ TABLE(?:\ IF\ EXISTS)?(?:\ ONLY)?
       | DROP\ TABLE(?:\ IF\ EXISTS)?
       | CREATE\ (?:UNIQUE\ )?INDEX\b[^(]*?\ ON(?:\ ONLY)?
       | (?:CREATE|ALTER|DROP)\ (?:POLICY|TRIGGER)\b.*?\ ON
       | UPDATE(?:\ ONLY)? | DELETE\ FROM(?:\ ONLY)? | INSERT\ INTO
       | TRUNCATE(?:\ TABLE)?(?:\ ONLY)? | LOCK(?:\ TABLE)?(?:\ ONLY)?
       )\ ({_NAME})""",
    re.IGNORECASE | re.VERBOSE,
)
_STABLE_DEFAULT = re.compile(
    r"\bDEFAULT (?!\(?\s*(?:now|statement_timestamp|transaction_timestamp|current_\w+)\b)"
    r"\(?[\w.]+\s*\(",
    re.IGNORECASE,
)


def split_statements(sql: str) -> tuple[str, ...]:
    """Return the statements of a text, without comments around them; quotes are respected."""
    found, current = [], ""
    for match in _PARTS.finditer(sql):
        part = match.group()
        if part == ";":
            found.append(current.strip())
            current = ""
        elif not (part.startswith("/*") or (part.startswith("--") and not current.strip())):
            current += part
    return tuple(text for text in (*found, current.strip()) if text)


def judge_migration(
    sql: str, *, atomic: bool, sizes: Mapping[str, int], new: set[str]
) -> tuple[Statement, ...]:
    """Return the statements of one migration, each with its verdict.

    Args:
        sql: All of its SQL.
        atomic: Whether it runs in one transaction.
        sizes: Bytes by name of table (``documents``, ``rag.embeddings``); a table that is missing
            counts as large.
        new: Tables that the same plan has created so far; the migration's own are added.
    """
    judged: list[Statement] = []
    locked = False
    statements = split_statements(sql)
    for text in statements:
        plain = _plain(text)
        table = _table(plain)
        large = sizes.get(table, LARGE) >= LARGE
        effect, reason = _judge(plain, table, large, new)
        if atomic and locked and effect < Effect.LOCKS and _takes_time(plain, table, large, new):
            effect, reason = Effect.LOCKS, "holds_lock"
        if atomic and reason == "concurrently":
            effect, reason = Effect.LOCKS, "concurrently_in_transaction"
        if not atomic and len(statements) > 1 and effect < Effect.NOT_TRANSACTIONAL:
            effect, reason = Effect.NOT_TRANSACTIONAL, "part_of_several"
        locked = locked or (plain.upper().startswith("ALTER TABLE") and table not in new)
        judged.append(Statement(text, effect, reason))
    return tuple(judged)


def _plain(text: str) -> str:
    """Return a statement in one line, its comments gone and its literals emptied."""
    parts = []
    for match in _PARTS.finditer(text):
        part = match.group()
        if part.startswith(("--", "/*")):
            parts.append(" ")
        elif part[-1:] == "'" and len(part) > 1:
            parts.append("''")
        elif part.startswith("$") and len(part) > 1:
            parts.append("$$")
        else:
            parts.append(part)
    return " ".join("".join(parts).split())


def _table(plain: str) -> str:
    found = _TABLE.match(plain)
    return _name(found[1]) if found else ""


def _name(written: str) -> str:
    return written.replace('"', "").removeprefix("public.")


def _judge(plain: str, table: str, large: bool, new: set[str]) -> Verdict:
    words = plain.upper()
    if words.startswith(("CREATE TABLE", "CREATE UNLOGGED TABLE")):
        new.add(table)
        return Effect.HARMLESS, "new_table"
    if table and table in new:
        return Effect.HARMLESS, "on_new_table"
    if words.startswith("ALTER TABLE"):
        return max(_alterations(plain, large), key=lambda verdict: verdict[0])
    for pattern, verdict in _RULES:
        if re.match(pattern, words):
            return verdict(plain, large)
    return Effect.DESTROYS, "unknown_statement"


def _alterations(plain: str, large: bool) -> Iterator[Verdict]:
    found = re.match(rf"ALTER TABLE(?: IF EXISTS)?(?: ONLY)? {_NAME} (.*)", plain, re.IGNORECASE)
    for part in _commas(found[1] if found else ""):
        words = part.upper()
        for pattern, verdict in _ALTERATIONS:
            if re.match(pattern, words):
                yield verdict(part, large)
                break
        else:
            yield Effect.DESTROYS, "unknown_statement"


def _commas(text: str) -> list[str]:
    """Return the parts between commas that stand outside of parentheses."""
    depth, parts = 0, [""]
    for match in _PARTS.finditer(text):
        part = match.group()
        depth += (part == "(") - (part == ")")
        if part == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += part
    return [part.strip() for part in parts]


def _takes_time(plain: str, table: str, large: bool, new: set[str]) -> bool:
    """Return whether a statement may run long while an earlier one's lock is held."""
    words = plain.upper()
    if words.startswith("SELECT"):
        return re.match(r"SELECT (PG_CATALOG\.)?(SETVAL|SET_CONFIG)\b", words) is None
    return table not in new and large and words.startswith(("UPDATE", "DELETE", "INSERT", "CREATE"))


def _always(effect: Effect, reason: str) -> Callable[[str, bool], Verdict]:
    return lambda plain, large: (effect, reason)


def _by_size(reason: str) -> Callable[[str, bool], Verdict]:
    """A lock whose duration grows with the table."""
    return lambda plain, large: (Effect.LOCKS if large else Effect.EXPANDS, reason)


def _add_column(part: str, large: bool) -> Verdict:
    words = part.upper()
    if re.search(r"\b(BIG|SMALL)?SERIAL\b|\bGENERATED\b", words) or _STABLE_DEFAULT.search(part):
        return Effect.LOCKS, "rewrites_table"
    if "NOT NULL" in words and "DEFAULT" not in words:
        return Effect.CONTRACTS, "not_null_without_default"
    return Effect.EXPANDS, "new_column"


def _add_constraint(part: str, large: bool) -> Verdict:
    if "NOT VALID" in part.upper():
        return Effect.EXPANDS, "constraint_not_checked"
    return _by_size("checks_all_rows")(part, large)


def _update(plain: str, large: bool) -> Verdict:
    """Judge an UPDATE; one that only replaces a known value loses nothing.

    It sets one column, and its conditions, joined by AND, fix the old value of that very column.
    """
    found = re.match(rf"UPDATE(?: ONLY)? {_NAME} SET (.*?) WHERE (.*)", plain, re.IGNORECASE)
    if found and len(assignments := _commas(found[1])) == 1:
        column = assignments[0].partition("=")[0].strip().replace('"', "").lower()
        conditions = re.split(r"\bAND\b", found[2].replace('"', "").lower(), flags=re.IGNORECASE)
        fixed = rf"\(?\s*{re.escape(column)}\s*(=\s*(-?[\d.]+|''|true|false)|is null)\s*\)?"
        known = any(re.fullmatch(fixed, condition.strip()) for condition in conditions)
        if known and not re.search(r"\bor\b", found[2], re.IGNORECASE):
            return Effect.EXPANDS, "fills_in"
    return Effect.DESTROYS, "overwrites_rows"


def _insert(plain: str, large: bool) -> Verdict:
    if re.search(r"\bON CONFLICT\b.*\bDO UPDATE\b", plain, re.IGNORECASE):
        return Effect.DESTROYS, "overwrites_rows"
    return Effect.EXPANDS, "adds_rows"


_ALTERATIONS: tuple[tuple[str, Callable[[str, bool], Verdict]], ...] = (
    (r"ADD CONSTRAINT|ADD (CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b", _add_constraint),
    (r"ADD\b", _add_column),
    (r"DROP CONSTRAINT", _always(Effect.EXPANDS, "loosens")),
    (r"DROP\b", _always(Effect.CONTRACTS, "drops_column")),
    (r"RENAME\b", _always(Effect.CONTRACTS, "renames")),
    (r"ALTER .*\bTYPE\b", _always(Effect.LOCKS, "rewrites_table")),
    (r"ALTER .*\bSET NOT NULL", _always(Effect.CONTRACTS, "forbids_null")),
    (r"ALTER .*\bDROP DEFAULT", _always(Effect.CONTRACTS, "drops_default")),
    (r"ALTER .*\bDROP NOT NULL", _always(Effect.EXPANDS, "loosens")),
    (r"ALTER .*\bSET (DEFAULT|STATISTICS|STORAGE)", _always(Effect.EXPANDS, "loosens")),
    (r"VALIDATE\b", _always(Effect.EXPANDS, "validates")),
    (r"(NO FORCE|DISABLE) ROW LEVEL", _always(Effect.CONTRACTS, "opens_rows")),
    (r"(ENABLE|FORCE) ROW LEVEL", _always(Effect.CONTRACTS, "hides_rows")),
    (r"(SET|RESET) \(", _always(Effect.EXPANDS, "loosens")),
    (r"OWNER TO", _always(Effect.CONTRACTS, "revokes")),
    (r"SET (TABLESPACE|LOGGED|UNLOGGED)", _always(Effect.LOCKS, "rewrites_table")),
)

_RULES: tuple[tuple[str, Callable[[str, bool], Verdict]], ...] = (
    (
        r"(CREATE (UNIQUE )?INDEX|REINDEX\b.*|DROP INDEX) CONCURRENTLY|VACUUM (?!FULL)",
        _always(Effect.NOT_TRANSACTIONAL, "concurrently"),
    ),
    (r"CREATE (UNIQUE )?INDEX", _by_size("index_blocks_writes")),
    (r"REINDEX|VACUUM|CLUSTER|LOCK|REFRESH", _always(Effect.LOCKS, "locks_table")),
    (r"DROP INDEX", _always(Effect.EXPANDS, "drops_index")),
    (r"DROP (POLICY|TRIGGER|RULE)", _always(Effect.CONTRACTS, "changes_behaviour")),
    (r"CREATE (OR REPLACE )?(CONSTRAINT )?TRIGGER", _always(Effect.CONTRACTS, "changes_behaviour")),
    (r"DROP", _always(Effect.CONTRACTS, "drops_object")),
    (r"REVOKE", _always(Effect.CONTRACTS, "revokes")),
    (r"TRUNCATE|DELETE", _always(Effect.DESTROYS, "deletes_rows")),
    (r"UPDATE", _update),
    (r"INSERT", _insert),
    (r"CREATE POLICY", _always(Effect.EXPANDS, "admits_rows")),
    (r"CREATE OR REPLACE", _always(Effect.EXPANDS, "replaces")),
    (r"ALTER TYPE .* ADD VALUE", _always(Effect.EXPANDS, "adds")),
    (r"ALTER (SEQUENCE|EXTENSION) ", _always(Effect.EXPANDS, "replaces")),
    (r"CREATE|GRANT|COMMENT|SELECT|SET |ANALYZE", _always(Effect.HARMLESS, "adds")),
)
