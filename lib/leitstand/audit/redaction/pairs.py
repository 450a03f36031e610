"""Keys and their values in running text: settings, JSON, YAML, reprs, tables, command lines."""

import re
from collections.abc import Iterator

from leitstand.audit.redaction.personal import PERSONAL_KEY
from leitstand.audit.redaction.spans import Span
from leitstand.audit.redaction.values import KEY, is_secret, is_secret_key, is_strong

__all__ = ["CELL", "find_pairs", "kind_of"]

CELL = "\x1f"
"""Stands between two cells of a table's row."""

_NEEDLES = (
    "passw", "passphrase", "kennwort", "pgpass", "pwd", "key", "token", "secret", "credential",
    "session", "auth", "salt",
)  # fmt: skip
_LAST_WORD = (
    r"passw(?:or[dt]|d)|passphrase|kennwort|pgpass|pwd|key|token|secret|credentials?"
    r"|session[-_]?id|auth[-_]?string|salt"
)
_LONGEST_NAME = 40
_VALUE = (
    r"(?:[bruf]{0,2}(?:"
    r"\"(?P<double>(?:[^\"\\\n]|\\.)*)\""
    r"|'(?P<single>(?:[^'\\\n]|\\.)*)'"
    r"|(?P<escape>\\+[\"'])(?P<escaped>[^\n]*?)(?P=escape))"
    r"|(?P<bare>(?:[^\s\"'\\,;&<>|\x1f)\]}]|\\[^nrt\s\"']"
    r"|&(?!\w+[=;])|[,;)\]}](?![\s,;)\]}\"'<\x1f]|$|\\[nrt]|[\w-]+[=:]))+))"
)
_PAIR = re.compile(
    rf"(?:{_LAST_WORD})(?![-_\w])(?:\\*[\"']|\])?"
    rf"(?:[ \t]*(?::=|=>|={{1,3}}|:)[ \t]*|[ \t\x1f]*\x1f[ \t\x1f]*){_VALUE}"
)
_WORD = re.compile(_LAST_WORD)
_MORE_WORDS = re.compile(r"[ \t]+[A-Za-zÄÖÜäöü]")
_VARIABLE = re.compile(
    r"\bname\\*[\"']?\s*[:=]\s*\\*[\"']?(?P<key>[\w.-]+)\\*[\"']?\s*[,;]?\s*\\*[\"']?value"
    rf"\\*[\"']?\s*[:=]\s*{_VALUE}"
)
_TUPLE = re.compile(
    rf"[(\[]\\*[\"'](?P<key>[\w.-]*(?:{KEY}))\\*[\"'], ?{_VALUE}(?=[)\]])", re.IGNORECASE
)
_GROUPS = ("double", "single", "escaped", "bare")


def find_pairs(text: str, lower: str) -> Iterator[Span]:
    """Yield the values of keys that name a secret.

    Args:
        text: Where to look.
        lower: The same in lower case.
    """
    hit = False
    for needle in _NEEDLES:
        start = lower.find(needle)
        while start >= 0:
            hit = True
            match = _PAIR.match(lower, start)
            if match and not lower.startswith("${", max(0, start - 2)):
                key = _key(lower, match)
                if is_secret_key(key):
                    yield from _span(text, match, key)
            start = lower.find(needle, start + 1)
    if not hit:
        return
    for match in _TUPLE.finditer(text):
        yield from _span(text, match, match["key"])
    if "name" in text and "value" in text:
        for match in _VARIABLE.finditer(text):
            if is_secret_key(match["key"]):
                yield from _span(text, match, match["key"])


def _key(lower: str, match: "re.Match[str]") -> str:
    """Return the whole name whose last word was found."""
    start = end = match.start()
    first = max(0, end - _LONGEST_NAME)
    while start > first and (lower[start - 1].isalnum() or lower[start - 1] in "_-. "):
        start -= 1
    word = _WORD.match(lower, end)
    return lower[start : word.end() if word else end]


def _span(text: str, match: "re.Match[str]", key: str) -> Iterator[Span]:
    group = next(name for name in _GROUPS if match[name] is not None)
    start, end = match.span(group)
    value = text[start:end]
    if group == "bare":
        value = value.rstrip(".:")
        end = start + len(value)
    prose = group == "bare" and _MORE_WORDS.match(text, end) is not None
    if is_secret(key, value, quoted=group != "bare", prose=prose):
        yield Span(start, end, kind_of(key), value)


def kind_of(key: str) -> str:
    """Return under which kind the value of a key is counted."""
    if PERSONAL_KEY.match(key):
        return "personal"
    return "password" if is_strong(key) else "assigned_secret"
