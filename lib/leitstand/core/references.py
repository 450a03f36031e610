"""Placeholders in the bodies of resources: finding them, and putting values in their place.

======================  ==================================================================
``${kind/id}``          full name of another resource
``${kind/id#@id}``      its short name
``${kind/id#a.0.b}``    an output of another resource; figures index lists
``${secret:NAME/1}``    value of a version of a secret
``${auth:kind/id}``     AUTH string of a Redis instance
``${generated:32}``     random URL-safe text of that many bytes
``${now+3600s}``        time in so many seconds, RFC 3339
``${image:REF}``        image of that reference, by its digest
``${image:REF#LABEL}``  value of one of its labels
``${operator}``         a value that only a person can bring
======================  ==================================================================

The last seven stand only in ``Resource.initial``: a creation sends them, nothing compares them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from leitstand.core.errors import InputError
from leitstand.core.names import short_name
from leitstand.core.nested import texts

__all__ = [
    "MalformedPlaceholder",
    "Reference",
    "Source",
    "find",
    "name_of",
    "resolve",
]

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)(\}?)")
_KEY = r"[a-zA-Z]\w*\.[a-zA-Z]\w*/[^\s#]+"
_FORMS = (
    ("name", re.compile(rf"(?P<key>{_KEY})")),
    ("id", re.compile(rf"(?P<key>{_KEY})#@id")),
    ("output", re.compile(rf"(?P<key>{_KEY})#(?P<field>\w[\w-]*(?:\.\w[\w-]*)*)")),
    ("secret", re.compile(r"secret:(?P<key>[\w-]+/[1-9]\d*)")),
    ("auth", re.compile(rf"auth:(?P<key>{_KEY})")),
    ("generated", re.compile(r"generated:(?P<amount>[1-9]\d*)")),
    ("now", re.compile(r"now\+(?P<amount>\d+)s")),
    ("image", re.compile(r"image:(?P<image>[^#\s]+)(?:#(?P<label>[^#\s]+))?")),
    ("operator", re.compile(r"operator")),
)


class Source(Enum):
    """Where the value of a placeholder comes from."""

    NAME = "name"
    ID = "id"
    OUTPUT = "output"
    SECRET = "secret"
    AUTH = "auth"
    GENERATED = "generated"
    NOW = "now"
    IMAGE = "image"
    OPERATOR = "operator"


class MalformedPlaceholder(InputError):
    """A text holds something in ``${…}`` that is no placeholder, or that cannot stand there.

    Attributes:
        text: The placeholder as it stands.
    """

    def __init__(self, text: str) -> None:
        super().__init__(
            f"„{text}“ ist kein gültiger Platzhalter.",
            "Schreiben Sie ihn als ${art/id}, ${art/id#feld}, ${secret:name/version}, "
            "${auth:art/id}, ${generated:32}, ${now+3600s}, ${image:ablage/name:tag} oder "
            "${operator}.",
        )
        self.text = text


@dataclass(frozen=True)
class Reference:
    """One placeholder.

    Attributes:
        text: As it stands in the body, with ``${`` and ``}``.
        source: Where its value comes from.
        key: ``kind/id`` of the resource whose value it takes; empty where it takes none.
        field: Dotted path of the output; empty except for outputs.
        amount: Bytes of ``generated``, seconds of ``now``; otherwise 0.
        image: Reference of an image; empty except for images.
        label: The image's label whose value is meant; empty where its digest is.
    """

    text: str
    source: Source
    key: str = ""
    field: str = ""
    amount: int = 0
    image: str = ""
    label: str = ""

    @property
    def confidential(self) -> bool:
        """Whether its value must never stand in a plan, a journal, a log or an exception."""
        return self.source in (Source.SECRET, Source.AUTH, Source.GENERATED)

    @property
    def only_initial(self) -> bool:
        """Whether it can stand only in what a creation sends."""
        return self.source not in (Source.NAME, Source.ID, Source.OUTPUT)


def find(value: Any) -> tuple[Reference, ...]:
    """Return the placeholders in a nested value, each once, in the order in which they stand.

    Raises:
        MalformedPlaceholder: a text holds something in ``${…}`` that is no placeholder.
    """
    return tuple(dict.fromkeys(_all(value)))


def name_of(reference: Reference, names: Mapping[str, str]) -> str | None:
    """Return the name that a placeholder asks for; None where it asks for something else.

    Args:
        reference: The placeholder.
        names: Full names by key.
    """
    name = names.get(reference.key)
    if name is None or reference.source not in (Source.NAME, Source.ID):
        return None
    return name if reference.source is Source.NAME else short_name(name)


def resolve(value: Any, lookup: Callable[[Reference], Any]) -> Any:
    """Return a nested value with its placeholders replaced by what ``lookup`` gives for them.

    A text that is nothing but one placeholder becomes the value itself, of whatever type; within
    a longer text the value is written out.
    A placeholder for which ``lookup`` gives None stays.
    What a value brings in is not searched for placeholders again.

    Raises:
        MalformedPlaceholder: a text holds something in ``${…}`` that is no placeholder, or a
            list or an object was to be written into a longer text.
    """
    if isinstance(value, Mapping):
        return {key: resolve(inner, lookup) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(inner, lookup) for inner in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole:
        found = lookup(_parsed(whole))
        return value if found is None else found
    return _PLACEHOLDER.sub(lambda match: _written(match, lookup), value)


def _all(value: Any) -> Iterator[Reference]:
    for text in texts(value):
        for match in _PLACEHOLDER.finditer(text):
            yield _parsed(match)


def _parsed(match: re.Match[str]) -> Reference:
    inside, closed = match[1], match[2]
    for name, form in _FORMS if closed else ():
        parts = form.fullmatch(inside)
        if parts:
            given = parts.groupdict()
            source = Source(name)
            key = given.get("key", "")
            if source is Source.SECRET:
                key = f"secretmanager.versions/{key}"
            return Reference(
                match[0],
                source,
                key,
                field=given.get("field", ""),
                amount=int(given.get("amount", 0)),
                image=given.get("image", ""),
                label=given.get("label") or "",
            )
    raise MalformedPlaceholder(match[0])


def _written(match: re.Match[str], lookup: Callable[[Reference], Any]) -> str:
    value = lookup(_parsed(match))
    if value is None:
        return match[0]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise MalformedPlaceholder(match[0])
