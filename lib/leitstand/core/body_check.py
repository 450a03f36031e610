"""Checking bodies against the schemas of a discovery document, before anything is sent.

Discovery documents: https://developers.google.com/discovery/v1/type-format
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from leitstand.core.kinds import Kind, Resource, is_reference

__all__ = ["Fault", "Problem", "Schemas", "check_body", "schema_refs"]

Fault = Literal["unknown_field", "unknown_value", "wrong_type", "out_of_range"]

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]
"""The ``schemas`` of a discovery document, by name."""

_MEMBER = re.compile(r"\[\d+\]")
_FIGURE = re.compile(r"-?\d+(\.\d+)?")
_FIGURES = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}
_TEXTS = {
    "int64": (re.compile(r"-?\d+"), "eine ganze Zahl"),
    "uint64": (re.compile(r"\d+"), "eine ganze Zahl ab 0"),
    "google-duration": (re.compile(r"-?\d+(\.\d{1,9})?s"), "eine Dauer wie „900s“"),
    "google-datetime": (
        re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"),
        "eine Zeit wie „2026-01-31T12:00:00Z“",
    ),
}
_EXPECTED = {
    "string": "einen Text",
    "integer": "eine ganze Zahl",
    "number": "eine Zahl",
    "boolean": "true oder false",
    "array": "eine Liste",
    "object": "ein Objekt mit Feldern",
}


@dataclass(frozen=True)
class Problem:
    """Something in a body that its API would refuse.

    Attributes:
        key: ``kind/id`` of the resource.
        path: Dotted, with positions in lists in brackets.
        fault: What sort of problem.
        message: One German sentence that says what is wrong.
        advice: One German sentence that says what to do.
    """

    key: str
    path: str
    fault: Fault
    message: str
    advice: str


def schema_refs(document: Mapping[str, Any], kind: Kind) -> tuple[str, str]:
    """Return the names of two schemas: of a kind's body, and of what its creation sends.

    The body has the fields that reading answers with, since it is compared with them; where
    reading answers with a list, those that a change takes.
    """
    method = kind.create or kind.update
    request = _method(document, kind.collection, method).get("request", {}).get("$ref", "")
    if kind.wrapper:
        request = document["schemas"][request]["properties"][kind.wrapper]["$ref"]
    if kind.read == "list":
        return request, request
    reading = _method(document, kind.collection, kind.read)
    return reading["response"]["$ref"], request


def check_body(
    resource: Resource, schemas: Schemas, schema_ref: str, initial_ref: str = ""
) -> tuple[Problem, ...]:
    """Return what its API would refuse in a resource's body and in what its creation sends.

    A text with a placeholder is accepted anywhere.

    Args:
        resource: The resource.
        schemas: The schemas of its API.
        schema_ref: Schema of ``resource.body``.
        initial_ref: Schema of ``resource.initial``, where that is another.
    """
    check = _Check(resource.key, schemas, resource.kind.ranges)
    return (
        *check.value(resource.body, {"$ref": schema_ref}, ""),
        *check.value(resource.initial, {"$ref": initial_ref or schema_ref}, ""),
    )


@dataclass(frozen=True)
class _Check:
    key: str
    schemas: Schemas
    ranges: Mapping[str, tuple[float, float]]

    def value(self, value: Any, schema: Schema, path: str) -> Iterator[Problem]:
        """Yield the problems of one value and of all below it."""
        if value is None or is_reference(value):
            return
        schema = self.schemas[schema["$ref"]] if "$ref" in schema else schema
        expected = _mismatch(value, schema)
        if expected:
            yield self._problem(
                path,
                "wrong_type",
                f"erwartet {expected}, nicht {_shown(value)}",
                f"Geben Sie {expected} an.",
            )
        elif isinstance(value, Mapping):
            yield from self._object(value, schema, path)
        elif isinstance(value, (list, tuple)):
            for position, member in enumerate(value):
                yield from self.value(member, schema.get("items", {}), f"{path}[{position}]")
        else:
            yield from self._plain(value, schema, path)

    def _object(self, value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[Problem]:
        fields = schema.get("properties", {})
        others = schema.get("additionalProperties")
        for name, inner in value.items():
            below = f"{path}.{name}" if path else name
            if name in fields:
                yield from self.value(inner, fields[name], below)
            elif others is not None:
                yield from self.value(inner, others, below)
            elif schema.get("type") != "any" and schema:
                near = _nearest(name, tuple(fields))
                yield self._problem(
                    below,
                    "unknown_field",
                    "gibt es nicht",
                    f"Meinten Sie „{near}“?" if near else _possible(fields),
                )

    def _plain(self, value: Any, schema: Schema, path: str) -> Iterator[Problem]:
        choices = schema.get("enum", ())
        if choices and value not in choices:
            near = _nearest(str(value), choices)
            yield self._problem(
                path,
                "unknown_value",
                f"kennt den Wert {_shown(value)} nicht",
                (f"Meinten Sie „{near}“? " if near else "") + _possible(choices),
            )
        limits = self.ranges.get(_MEMBER.sub("", path)) or _FIGURES.get(schema.get("format", ""))
        if limits and _FIGURE.fullmatch(str(value)) and not limits[0] <= float(value) <= limits[1]:
            yield self._problem(
                path,
                "out_of_range",
                f"liegt mit {value} außerhalb des erlaubten Bereichs",
                f"Geben Sie einen Wert von {limits[0]} bis {limits[1]} an.",
            )

    def _problem(self, path: str, fault: Fault, what: str, advice: str) -> Problem:
        field = f"Das Feld „{path}“" if path else "Der Inhalt"
        return Problem(self.key, path, fault, f"{field} von „{self.key}“ {what}.", advice)


def _mismatch(value: Any, schema: Schema) -> str:
    """Return what the schema expects, in German, where the value is of another type."""
    type_, format_ = schema.get("type", "any"), schema.get("format", "")
    figure = isinstance(value, (int, float)) and not isinstance(value, bool)
    if type_ == "string" and format_ in _TEXTS:
        form, expected = _TEXTS[format_]
        text = str(value) if figure and format_.endswith("int64") else value
        return "" if isinstance(text, str) and form.fullmatch(text) else expected
    fits = {
        "string": isinstance(value, str),
        "integer": figure and (isinstance(value, int) or value.is_integer()),
        "number": figure,
        "boolean": isinstance(value, bool),
        "array": isinstance(value, (list, tuple)),
        "object": isinstance(value, Mapping),
    }
    return "" if fits.get(type_, True) else _EXPECTED[type_]


def _method(document: Mapping[str, Any], collection: str, name: str) -> Mapping[str, Any]:
    """Return a method of a collection; where it has none, of the collection above.

    A version of a secret is added by a method of the secret.
    """
    found: Mapping[str, Any] = {}
    level = document
    for part in collection.split("."):
        level = level["resources"][part]
        found = level.get("methods", {}).get(name, found)
    return found


def _nearest(name: str, known: Sequence[str]) -> str:
    flat = {other.replace("_", "").lower(): other for other in known}
    plain = name.replace("_", "").replace("-", "").lower()
    close = difflib.get_close_matches(plain, list(flat), n=1, cutoff=0.6)
    return flat[close[0]] if close else ""


def _possible(names: Iterable[str]) -> str:
    listed = list(names)
    if not listed:
        return "Nehmen Sie es heraus."
    return f"Möglich sind: {', '.join(listed[:12])}{' …' if len(listed) > 12 else ''}."


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return f"„{text if len(text) <= 60 else text[:57] + '…'}“"
