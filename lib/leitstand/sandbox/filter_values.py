"""Tokens of a filter, and how a field's value compares with a value of the filter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from leitstand.sandbox.errors import invalid

__all__ = [
    "LOG_ENTRY_FIELDS",
    "SEVERITIES",
    "Language",
    "Token",
    "compare",
    "contains",
    "lookup",
    "matches_pattern",
    "read_time",
    "tokens",
]

Language = Literal["logging", "monitoring"]

SEVERITIES = {
    "DEFAULT": 0,
    "DEBUG": 100,
    "INFO": 200,
    "NOTICE": 300,
    "WARNING": 400,
    "ERROR": 500,
    "CRITICAL": 600,
    "ALERT": 700,
    "EMERGENCY": 800,
}
LOG_ENTRY_FIELDS = (
    "logName",
    "resource",
    "textPayload",
    "jsonPayload",
    "protoPayload",
    "timestamp",
    "receiveTimestamp",
    "severity",
    "insertId",
    "httpRequest",
    "labels",
    "operation",
    "trace",
    "spanId",
    "sourceLocation",
)
SPACE = re.compile(r"(?:\s+|--[^\n]*)+")
SIGN = re.compile(r"=~|!~|!=|>=|<=|[=<>:(),]|-(?![\d])")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)
PIECE = re.compile(r"[^\s()=<>!:,\"'~]+")


@dataclass(frozen=True)
class Token:
    """One token.

    Attributes:
        kind: `word`, `string`, `sign` or `end`.
        text: Without quotes.
        line: From 1.
        column: From 1.
        parts: The segments of a dotted word, without quotes.
    """

    kind: Literal["word", "string", "sign", "end"]
    text: str
    line: int
    column: int
    parts: tuple[str, ...] = ()


def tokens(text: str) -> list[Token]:
    """The tokens of a filter; the last one is the end.

    Raises:
        ApiError: INVALID_ARGUMENT for a string that is not closed or a stray character.
    """
    found: list[Token] = []
    position = 0
    while True:
        if space := SPACE.match(text, position):
            position = space.end()
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        if position == len(text):
            found.append(Token("end", "", line, column))
            return found
        if match := SIGN.match(text, position):
            found.append(Token("sign", match[0], line, column))
        elif match := STRING.match(text, position):
            found.append(Token("string", _unquoted(match), line, column))
        elif match := PIECE.match(text, position):
            word, parts, position = _word(text, position)
            found.append(Token("word", word, line, column, parts))
            continue
        else:
            raise invalid(
                f"Unparseable filter: syntax error at line {line}, column {column}, "
                f"token '{text[position : position + 10]}'.",
                "filter",
            )
        position = match.end()


def _word(text: str, start: int) -> tuple[str, tuple[str, ...], int]:
    """A dotted word whose later segments may be quoted: `labels."a/b".c`."""
    parts: list[str] = []
    position = start
    while match := PIECE.match(text, position):
        position = match.end()
        piece = match[0]
        parts += piece.strip(".").split(".") if piece != "." else []
        quoted = STRING.match(text, position)
        if not (piece.endswith(".") and quoted):
            break
        parts.append(_unquoted(quoted))
        position = quoted.end()
    return text[start:position], tuple(parts), position


def _unquoted(match: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", match[1] if match[1] is not None else match[2])


def lookup(entry: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at `path`, or None; snake_case segments find camelCase fields."""
    value: Any = entry
    for part in path:
        if not isinstance(value, Mapping):
            return None
        if part not in value:
            part = re.sub(r"_([a-z])", lambda match: match[1].upper(), part)
        value = value.get(part)
    return value


def compare(value: Any, operator: str, text: str, language: Language) -> bool:
    """Whether `value operator text` holds; text compares without case in Logging."""
    if isinstance(value, Mapping):
        return operator == ":" and (text == "*" or text in value)
    if operator == ":":
        return text == "*" or text.lower() in str(value).lower()
    left, right = _comparable(value, text, language)
    if right is None:
        return operator == "!="
    if operator == "=":
        return bool(left == right)
    if operator == "!=":
        return bool(left != right)
    if operator == "<":
        return bool(left < right)
    if operator == "<=":
        return bool(left <= right)
    return bool(left > right) if operator == ">" else bool(left >= right)


def _comparable(value: Any, text: str, language: Language) -> tuple[Any, Any]:
    if isinstance(value, datetime):
        return value, read_time(text)
    if isinstance(value, timedelta):
        seconds = _number(text.removesuffix("s"))
        return value.total_seconds(), seconds
    if isinstance(value, bool):
        return value, {"true": True, "false": False}.get(text.lower())
    if isinstance(value, int | float):
        return value, _number(text)
    if language == "logging":
        if value in SEVERITIES and text.upper() in SEVERITIES:
            return SEVERITIES[value], SEVERITIES[text.upper()]
        return str(value).lower(), text.lower()
    return str(value), text


def matches_pattern(value: Any, pattern: re.Pattern[str]) -> bool:
    """Whether the pattern is found anywhere in the value (Logging's `=~`; case matters)."""
    return not isinstance(value, Mapping) and pattern.search(str(value)) is not None


def contains(value: Any, text: str) -> bool:
    """Whether any field holds `text` somewhere, without case (Logging's global restriction)."""
    if isinstance(value, Mapping):
        return any(contains(inner, text) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(contains(inner, text) for inner in value)
    return text.lower() in str(value).lower()


def read_time(text: str) -> datetime | None:
    """An RFC 3339 time or a date (UTC); None if it is neither."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
