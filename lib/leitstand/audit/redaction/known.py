"""The values that this run read, in every form in which an output may carry them."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote, urlsplit

from leitstand.audit.redaction.spans import Span
from leitstand.audit.redaction.words import Words

__all__ = ["KNOWN", "SHORTEST", "KnownValues"]

KNOWN = "known_value"
SHORTEST = 4
"""Values of fewer characters stay: masking `1` or `app` would destroy the output."""
ANYWHERE = 8
"""Values of fewer characters are masked only where they stand as a word of their own."""
_LINE = 24
_WORDS = re.compile(r"\s+")


class KnownValues:
    """Finds known values in text.

    Args:
        values: Secrets. Of a connection string its password counts too, of JSON its texts, and of
            a value with several lines each long line.

    Attributes:
        longest: Number of characters of the longest form.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._secret_by_form: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._squeezed: dict[str, str] = {}
        self._made: _Searched | None = None
        self._with_tags = False
        self.longest = 0
        self.add(values)

    def __bool__(self) -> bool:
        return bool(self._secret_by_form or self._words)

    @property
    def within_texts(self) -> bool:
        """Whether a value that HTML shows, and no tag, always stands between two tags.

        Not so where a value holds what may be a tag, or counts only as a word of its own, since a
        tag may end a word.
        """
        return not self._with_tags and not self._words

    def add(self, values: Iterable[str]) -> None:
        """Know more values from now on."""
        for value in values:
            for secret in dict.fromkeys(_parts(value)):
                self._add(secret)
        self._made = None

    def _add(self, secret: str) -> None:
        if len(secret) < SHORTEST:
            return
        if len(secret) < ANYWHERE:
            self._words.setdefault(secret, secret)
        for form in _forms(secret):
            if len(form) >= ANYWHERE:
                self._secret_by_form.setdefault(form, secret)
                self._with_tags = self._with_tags or "<" in form or ">" in form
                self.longest = max(self.longest, len(form))
        squeezed = _WORDS.sub("", secret)
        if len(squeezed) >= 12:
            self._squeezed.setdefault(squeezed, secret)

    def find(self, text: str) -> Iterator[Span]:
        """Yield where a form stands."""
        if len(text) >= ANYWHERE:
            forms = self._searched.forms
            for number, start, end in forms.words.stand_in(text):
                yield Span(start, end, KNOWN, forms.secrets[number], known=True)
        for word, secret in self._words.items():
            if word in text:
                for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text):
                    yield Span(*match.span(), KNOWN, secret, known=True)

    def find_in_pieces(self, text: str) -> Iterator[Span]:
        """Yield where a value of at least 12 characters stands with white space in between."""
        if not self._squeezed or len(text) < 12:
            return
        squeezed = "".join(text.split())
        if len(squeezed) == len(text):
            return
        values = self._searched.squeezed
        hits = list(values.words.stand_in(squeezed))
        if not hits:
            return
        at = [index for index, character in enumerate(text) if not character.isspace()]
        for number, start, end in hits:
            secret = values.secrets[number]
            yield Span(at[start], at[end - 1] + 1, KNOWN, secret, known=True)

    def begins_at(self, text: str) -> tuple[int, str, int] | None:
        """Return where a value of at least 12 characters begins that the text's end cuts off.

        Returns:
            Where it begins, the value without white space, and how many characters of it are
            there; the longest, or None when there is none.
        """
        best: tuple[str, int] | None = None
        for value in self._squeezed:
            squeezed = "".join(text[-4 * len(value) :].split())
            tail = squeezed[-(len(value) - 1) :]
            start = tail.find(value[0])
            while start >= 0 and not value.startswith(tail[start:]):
                start = tail.find(value[0], start + 1)
            if start >= 0 and (best is None or len(tail) - start > best[1]):
                best = (value, len(tail) - start)
        if best is None:
            return None
        index, left = len(text), best[1]
        while left:
            index -= 1
            left -= not text[index].isspace()
        return index, *best

    def secret_of(self, squeezed: str) -> str:
        """Return the value that is this without white space."""
        return self._squeezed[squeezed]

    @property
    def _searched(self) -> "_Searched":
        if self._made is None:
            self._made = _Searched(_Secrets(self._secret_by_form), _Secrets(self._squeezed))
        return self._made


class _Secrets:
    """Words, and by their numbers the secret that each stands for."""

    def __init__(self, secret_by_word: Mapping[str, str]) -> None:
        self.words = Words(secret_by_word)
        self.secrets = tuple(secret_by_word.values())


@dataclass(frozen=True)
class _Searched:
    """What is searched for: forms, and values without white space."""

    forms: _Secrets
    squeezed: _Secrets


def _parts(value: str) -> Iterator[str]:
    yield value
    stripped = value.strip()
    if stripped != value:
        yield stripped
    if "://" in stripped:
        yield from _password(stripped)
    if stripped[:1] in ("{", "["):
        with suppress(ValueError):
            yield from _leaves(json.loads(stripped))
    lines = stripped.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if _is_telling(line.strip()))


def _is_telling(line: str) -> bool:
    return len(line) >= _LINE and not line.startswith("-----")


def _password(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield unquote(password)
        yield password


_TELLING_KEY = re.compile(r"private_key$|secret|password|token|api_?key", re.IGNORECASE)


def _leaves(value: object, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, key)
    elif isinstance(value, str) and _TELLING_KEY.search(key):
        yield value
        lines = value.splitlines()
        if len(lines) > 1:
            yield from (line for line in lines if _is_telling(line))


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms of a secret, the plain one first."""
    yield secret
    for once in (_in_json(secret, True), _in_json(secret, False), repr(secret)[1:-1]):
        yield once
        yield _in_json(once, False)
    raw = secret.encode("utf-8", "surrogatepass")
    yield repr(raw)[2:-1]
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), quoted)
        yield quoted.replace("%", "%25")
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    yield secret.replace("'", "''")
    yield raw.hex()
    yield raw.hex().upper()
    yield from _in_base64(raw)


def _in_json(text: str, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what base64 of the secret always contains, wherever the secret begins in it."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        first = (0, 2, 3)[offset]
        spare = (offset + len(raw)) % 3
        last = len(encoded) if not spare else len(encoded) - (4 - spare)
        core = encoded[first:last]
        if len(core) >= ANYWHERE:
            if spare and not offset:
                yield encoded  # the whole, with its padding
                yield encoded.replace("+", "-").replace("/", "_")
            yield core
            yield core.replace("+", "-").replace("/", "_")
