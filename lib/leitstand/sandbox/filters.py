"""The filter languages of Cloud Logging and Cloud Monitoring: a subset, strictly parsed.

AND, OR, NOT and grouping; `=  !=  <  <=  >  >=  :  =~  !~`; Monitoring's value functions
`starts_with`, `ends_with`, `has_substring`, `one_of`, `monitoring.regex.full_match`; Logging's
`log_id`, value groups `("a" OR "b")` and global restrictions. OR binds tighter than AND
(https://cloud.google.com/logging/docs/view/logging-query-language). What is not understood is
refused with INVALID_ARGUMENT and its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from leitstand.sandbox.errors import ApiError, invalid
from leitstand.sandbox.filter_values import (
    LOG_ENTRY_FIELDS,
    Language,
    Token,
    compare,
    contains,
    lookup,
    matches_pattern,
    read_time,
    tokens,
)

__all__ = ["Filter", "parse"]

Predicate = Callable[[Mapping[str, Any]], bool]
Test = Callable[[Any], bool]

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", ":", "=~", "!~")
KEYWORDS = ("AND", "OR", "NOT")
TIMES = (("timestamp",), ("receiveTimestamp",))
FIELDS = {"logging": LOG_ENTRY_FIELDS, "monitoring": ("metric", "resource", "project")}
FUNCTIONS: dict[str, Callable[[Any, str], bool]] = {
    "starts_with": lambda value, text: str(value).startswith(text),
    "ends_with": lambda value, text: str(value).endswith(text),
    "has_substring": lambda value, text: text in str(value),
    "monitoring.regex.full_match": lambda value, text: re.fullmatch(text, str(value)) is not None,
}


@dataclass(frozen=True)
class Filter:
    """A parsed filter.

    Attributes:
        matches: Whether an entry (nested mappings, field names as in the API's JSON) passes.
        equalities: Fields that the filter as a whole fixes to one value.
        earliest: No entry before this time can pass, or None.
        latest: No entry after this time can pass, or None.
    """

    matches: Predicate
    equalities: Mapping[str, str] = field(default_factory=dict)
    earliest: datetime | None = None
    latest: datetime | None = None


def parse(text: str, language: Language) -> Filter:
    """Parse `text`; an empty filter lets everything pass.

    Raises:
        ApiError: INVALID_ARGUMENT, naming line, column and token.
    """
    return _Parser(text, language).filter()


class _Parser:
    def __init__(self, text: str, language: Language) -> None:
        self._language: Language = language
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0

    def filter(self) -> Filter:
        if self._peek().kind == "end":
            return Filter(lambda _: True)
        found = self._conjunction()
        if self._peek().kind != "end":
            self._refuse()
        return found

    def _conjunction(self) -> Filter:
        parts = [self._disjunction()]
        while True:
            if self._keyword("AND"):
                self._next += 1
            elif self._peek().kind == "end" or self._peek().text == ")":
                break
            parts.append(self._disjunction())
        if len(parts) == 1:
            return parts[0]
        return Filter(
            lambda entry: all(part.matches(entry) for part in parts),
            {name: value for part in parts for name, value in part.equalities.items()},
            max((part.earliest for part in parts if part.earliest), default=None),
            min((part.latest for part in parts if part.latest), default=None),
        )

    def _disjunction(self) -> Filter:
        parts = [self._negation()]
        while self._keyword("OR"):
            self._next += 1
            parts.append(self._negation())
        if len(parts) == 1:
            return parts[0]
        return Filter(lambda entry: any(part.matches(entry) for part in parts))

    def _negation(self) -> Filter:
        if not (self._keyword("NOT") or self._sign("-")):
            return self._term()
        self._next += 1
        inner = self._term()
        return Filter(lambda entry: not inner.matches(entry))

    def _term(self) -> Filter:
        if self._sign("("):
            self._enter()
            inner = self._conjunction()
            self._leave()
            return inner
        token = self._take()
        if token.kind not in ("word", "string") or self._is_keyword(token):
            self._refuse(token)
        if token.kind == "word" and self._sign("("):
            return self._function(token)
        following = self._peek()
        if following.kind == "sign" and following.text in OPERATORS:
            return self._comparison(token)
        if self._language == "monitoring":
            self._refuse(following, "a comparison operator is expected")
        return Filter(lambda entry: contains(entry, token.text))

    def _comparison(self, name: Token) -> Filter:
        path = self._path(name)
        operator = self._take().text
        value = self._peek()
        test = self._operand(path, operator)

        def holds(entry: Mapping[str, Any]) -> bool:
            found = lookup(entry, path)
            return found is not None and test(found)

        if value.kind == "sign" or self._tokens[self._next - 1] is not value:
            return Filter(holds)
        at = read_time(value.text) if path in TIMES else None
        return Filter(
            holds,
            {".".join(path): value.text} if operator == "=" else {},
            at if operator in (">", ">=", "=") else None,
            at if operator in ("<", "<=", "=") else None,
        )

    def _operand(self, path: tuple[str, ...], operator: str) -> Test:
        if self._sign("(") and self._language == "logging":
            self._enter()
            test = self._group(path, operator)
            self._leave()
            return test
        token = self._take()
        if token.kind not in ("word", "string"):
            self._refuse(token, "a value is expected")
        if token.kind == "word" and self._sign("("):
            return self._value_function(token, operator)
        return self._test(path, operator, token)

    def _group(self, path: tuple[str, ...], operator: str) -> Test:
        """`("a" OR "b" AND NOT "c")` on the right side of an operator."""
        conjunction: list[list[Test]] = [[]]
        while True:
            negated = self._keyword("NOT") or self._sign("-")
            self._next += negated
            test = self._operand(path, operator)
            conjunction[-1].append(_opposite(test) if negated else test)
            if self._sign(")"):
                return lambda value: all(any(t(value) for t in tests) for tests in conjunction)
            if self._keyword("AND"):
                conjunction.append([])
            elif not self._keyword("OR"):
                self._refuse()
            self._next += 1

    def _test(self, path: tuple[str, ...], operator: str, token: Token) -> Test:
        text = token.text
        if operator in ("=~", "!~"):
            if self._language == "monitoring":
                self._refuse(token, "use monitoring.regex.full_match(…) instead of =~")
            pattern = self._pattern(token)
            return lambda value: matches_pattern(value, pattern) == (operator == "=~")
        if path in TIMES and read_time(text) is None:
            self._refuse(token, "a time such as 2026-11-24T07:00:00Z is expected")
        language = self._language
        return lambda value: compare(value, operator, text, language)

    def _function(self, name: Token) -> Filter:
        if name.text != "log_id" or self._language != "logging":
            self._refuse(name, "this function is not supported by the sandbox")
        (log_id,) = self._arguments(1)
        suffix = "/logs/" + log_id.replace("/", "%2F")
        return Filter(lambda entry: str(entry.get("logName", "")).endswith(suffix))

    def _value_function(self, name: Token, operator: str) -> Test:
        if self._language != "monitoring" or operator not in ("=", "!="):
            self._refuse(name, "a function is not possible here")
        wanted = operator == "="
        if name.text == "one_of":
            choices = self._arguments(None)
            return lambda value: (str(value) in choices) == wanted
        if name.text not in FUNCTIONS:
            self._refuse(name, "this function is not supported by the sandbox")
        function = FUNCTIONS[name.text]
        (argument,) = self._arguments(1)
        if name.text.endswith("full_match"):
            self._pattern(Token("string", argument, name.line, name.column))
        return lambda value: function(value, argument) == wanted

    def _arguments(self, count: int | None) -> list[str]:
        opening = self._take()
        found: list[str] = []
        while True:
            token = self._take()
            if token.kind != "string":
                self._refuse(token, "a quoted string is expected")
            found.append(token.text)
            separator = self._take()
            if separator.text == ")":
                break
            if separator.text != ",":
                self._refuse(separator)
        if count is not None and len(found) != count:
            self._refuse(opening, f"{count} argument is expected")
        return found

    def _path(self, name: Token) -> tuple[str, ...]:
        parts = name.parts or (name.text,)
        first = re.sub(r"_([a-z])", lambda match: match[1].upper(), parts[0])
        if first not in FIELDS[self._language]:
            self._refuse(name, "there is no such field")
        if self._language == "monitoring":
            parts = tuple("labels" if part == "label" else part for part in parts)
        return (first, *parts[1:])

    def _pattern(self, token: Token) -> re.Pattern[str]:
        try:
            return re.compile(token.text)
        except re.error as error:
            raise self._error(token, f"the regular expression is wrong ({error})") from error

    def _enter(self) -> None:
        self._next += 1
        self._depth += 1
        if self._depth > 50:
            self._refuse(reason="it is nested too deeply")

    def _leave(self) -> None:
        if not self._sign(")"):
            self._refuse(reason="')' is expected")
        self._next += 1
        self._depth -= 1

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind == "end":
            self._refuse(token)
        self._next += 1
        return token

    @staticmethod
    def _is_keyword(token: Token) -> bool:
        return token.kind == "word" and token.text in KEYWORDS

    def _keyword(self, word: str) -> bool:
        token = self._peek()
        return token.kind == "word" and token.text == word

    def _sign(self, sign: str) -> bool:
        token = self._peek()
        return token.kind == "sign" and token.text == sign

    def _refuse(self, token: Token | None = None, reason: str = "syntax error") -> NoReturn:
        raise self._error(token or self._peek(), reason)

    def _error(self, token: Token, reason: str) -> ApiError:
        shown = token.text or "end of filter"
        place = f"line {token.line}, column {token.column}, token '{shown}'"
        return invalid(f"Unparseable filter: {reason} at {place}.", "filter")


def _opposite(test: Test) -> Test:
    return lambda value: not test(value)
