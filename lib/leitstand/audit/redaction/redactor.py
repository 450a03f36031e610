"""Mask secrets and personal data in whatever a run is about to write."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from leitstand.audit.redaction.clean import CleanTexts
from leitstand.audit.redaction.known import SHORTEST, KnownValues
from leitstand.audit.redaction.marks import Marker
from leitstand.audit.redaction.pairs import find_pairs, kind_of
from leitstand.audit.redaction.personal import PERSONAL_KEY
from leitstand.audit.redaction.projection import (
    Projection,
    taken_apart,
    without_colours,
    without_entities,
    without_tags,
)
from leitstand.audit.redaction.rules import find_by_rules
from leitstand.audit.redaction.spans import Span, merged, without_marks
from leitstand.audit.redaction.tables import find_columns
from leitstand.audit.redaction.values import is_secret, is_secret_key

if TYPE_CHECKING:
    from leitstand.audit.redaction.streaming import Stream

__all__ = ["Redactor"]

_OPENS_JSON = ("{", "[", '"')
_ROUNDS = 4
"""How often a text is looked at again: a mark may set free what stood beside the secret."""


class Redactor:
    """Masks what must not be recorded. One for a run; not thread-safe.

    Args:
        known: Values of the secrets that this run read.
        salt: Key of the marks, at least 16 random bytes, made for this run and never written down.
        visible: Addresses that stay readable: of the operator and those who approved.

    Attributes:
        counts: How many places were masked, by kind.

    Raises:
        ValueError: the salt is too short.
    """

    def __init__(
        self, known: Iterable[str] = (), *, salt: bytes, visible: Iterable[str] = ()
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._known = KnownValues(known)
        self._marker = Marker(salt)
        self._visible = frozenset(address.casefold() for address in visible)
        self._clean = CleanTexts()

    @property
    def known(self) -> KnownValues:
        """The values that this run read. Read-only."""
        return self._known

    def learn(self, values: Iterable[str]) -> None:
        """Mask these values too from now on."""
        self._known.add(values)
        self._clean.clear()

    @property
    def visible(self) -> frozenset[str]:
        """The addresses that stay readable, in lower case. Read-only."""
        return self._visible

    def show(self, addresses: Iterable[str]) -> None:
        """Leave these addresses readable too from now on."""
        self._visible |= {address.casefold() for address in addresses if address}

    def mark(self, secret: str) -> str:
        """Return the mark of a secret in this run."""
        return self._marker.mark(secret)

    def text(self, text: str) -> str:
        """Return plain text, as terminals show it, with marks in the place of secrets.

        A JSON document stays one.
        """
        if len(text) < SHORTEST or text in self._clean:
            return text
        counted = self.counts.copy()
        masked = self._text(text)
        if masked == text:
            self._clean.add(text)
        if masked == text or text[:1] not in _OPENS_JSON:
            return masked
        shape = _shape(text)
        if shape is None or shape == _shape(masked):
            return masked
        self.counts = counted
        return json.dumps(self.data(json.loads(text)), ensure_ascii=text.isascii())

    def _text(self, text: str) -> str:
        for _ in range(_ROUNDS):
            before = text
            view = without_colours(text)
            if view is not None:
                text = self._viewed(text, view, self.find(view.text))
            text = self.masked(text, self.find(text))
            if text == before:
                break
        return text

    def html(self, source: str, columns: Iterable[Span] | None = None) -> str:
        """Return HTML with marks in the place of secrets; its tags stay.

        Args:
            source: The HTML.
            columns: What `find_columns` finds in it, where that is known already.
        """
        for _ in range(_ROUNDS):
            before = source
            source = self.masked(source, find_columns(source) if columns is None else columns)
            columns = None
            read, tags = taken_apart(source)
            as_read = source
            if self.find(read):
                apart = without_tags(source)
                if apart is not None:
                    source = self._viewed(source, apart, self.find(apart.text))
            written = without_entities(source)
            if written is not None:
                source = self._viewed(source, written, self.find(written.text))
            elif not self._plain_tags(tags if source == as_read else taken_apart(source)[1]):
                source = self.masked(source, self.find(source))
            elif source != as_read or "[geheim:" in read or not self._known.within_texts:
                source = self.masked(source, self.known_in(source))
            if source == before:
                break
        return source

    def _plain_tags(self, tags: Iterable[str]) -> bool:
        """Return whether no tag or comment holds anything; tables repeat the same few tags."""
        new = [tag for tag in tags if tag not in self._clean]
        if new and self.find("\n".join(new)):
            return False
        for tag in new:
            self._clean.add(tag)
        return True

    def data(self, value: object) -> object:
        """Return JSON data of the same shape with marks in the place of secrets, keys too."""
        return self._data(value, "")

    def notebook_output(self, output: Mapping[str, object]) -> dict[str, object]:
        """Return an output of a cell (nbformat 4) with marks in the place of secrets."""
        from leitstand.audit.redaction.outputs import redacted_output

        return redacted_output(self, output)

    def notebook(self, notebook: Mapping[str, object]) -> dict[str, object]:
        """Return a whole notebook with marks, also where outputs share a secret in pieces."""
        from leitstand.audit.redaction.outputs import redacted_notebook

        return redacted_notebook(self, notebook)

    def stream(self) -> "Stream":
        """Return what masks text that comes in pieces."""
        from leitstand.audit.redaction.streaming import Stream

        return Stream(self)

    def find(self, text: str) -> list[Span]:
        """Return what is to be masked in a plain text, not yet merged. Read-only."""
        lower = text.replace("İ", "i").lower()  # the one letter that becomes two in lower case
        spans = list(self.known_in(text))
        guesses = [*find_by_rules(text, lower), *find_pairs(text, lower)]
        spans.extend(span for span in guesses if not self._is_visible(text, span))
        return without_marks(text, spans)

    def find_again(self, text: str) -> list[Span]:
        """Return the same as `find`, for a text that is looked at several times. Read-only."""
        if text in self._clean:
            return []
        spans = self.find(text)
        if not spans and without_colours(text) is None:
            self._clean.add(text)
        return spans

    def repeated(self, text: str, told: Iterable[str]) -> str:
        """Mask words that another form of the same output told to be secret or personal."""
        words = KnownValues(told)
        return self.masked(text, words.find(text)) if words else text

    def masked(self, text: str, spans: Iterable[Span]) -> str:
        """Put marks in the place of spans, and count them."""
        spans = list(spans)
        if not spans:
            return text
        found = merged(without_marks(text, spans))
        if not found:
            return text
        pieces: list[str] = []
        position = 0
        for span in found:
            self.counts[span.kind] += 1
            pieces += (text[position : span.start], self.mark(span.secret))
            position = span.end
        return "".join((*pieces, text[position:]))

    def known_in(self, text: str) -> Iterator[Span]:
        """Yield where values stand that this run read. Read-only."""
        if self._known:
            yield from self._known.find(text)
            yield from self._known.find_in_pieces(text)

    def _is_visible(self, text: str, span: Span) -> bool:
        return span.kind == "email" and text[span.start : span.end].casefold() in self._visible

    def _viewed(self, source: str, view: Projection, spans: Iterable[Span]) -> str:
        """Mask in the source what was found in a view of it."""
        pieces: list[str] = []
        position = 0
        for span in merged(spans):
            shown = self.mark(span.secret)
            for start, end in view.stretches(span.start, span.end):
                pieces += (source[position:start], shown)
                position, shown = end, ""
            self.counts[span.kind] += not shown
        return "".join((*pieces, source[position:])) if pieces else source

    def _data(self, value: object, key: str) -> object:
        if isinstance(value, str):
            return self._value(value, key)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            return self._number(value, key)
        if isinstance(value, Mapping):
            return self._mapping(value, key)
        if isinstance(value, list | tuple):
            return [self._data(item, key) for item in value]
        return value

    def _mapping(self, value: Mapping[object, object], key: str) -> dict[object, object]:
        named = value.get("name", value.get("key"))
        variable = named if isinstance(named, str) and is_secret_key(named) else ""
        result: dict[object, object] = {}
        for name, item in value.items():
            shown = self.text(name) if isinstance(name, str) else name
            number = 2
            while shown in result:
                shown, number = f"{shown}#{number}", number + 1
            own = variable if variable and name == "value" else name
            result[shown] = self._data(item, own if isinstance(own, str) else key)
        return result

    def _value(self, value: str, key: str) -> str:
        if not key or not value:
            return self.text(value)
        personal = PERSONAL_KEY.match(key) and value.casefold() not in self._visible
        if personal or (is_secret_key(key) and is_secret(key, value, quoted=True)):
            value = self._whole(value, key)
        return self.text(value)

    def _whole(self, value: str, key: str) -> str:
        return self.masked(value, [Span(0, len(value), kind_of(key), value)])

    def _number(self, value: float, key: str) -> object:
        written = str(value)
        if is_secret_key(key) and kind_of(key) == "password" and len(written) >= 4:
            return self._whole(written, key)
        found = [span for span in self.known_in(written) if span.end - span.start == len(written)]
        return self.masked(written, found) if found else value


def _shape(text: str) -> str | None:
    """Return what a JSON document looks like without its texts; None when it is none."""
    try:
        return json.dumps(_without_texts(json.loads(text)))
    except (ValueError, RecursionError):
        return None


def _without_texts(value: object) -> object:
    if isinstance(value, dict):
        return {"": [_without_texts(item) for item in value.values()]}
    if isinstance(value, list):
        return [_without_texts(item) for item in value]
    return 0
