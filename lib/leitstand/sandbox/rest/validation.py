"""Values of requests and answers against the schemas of a discovery document."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.rest.discovery import Document, Schema

if TYPE_CHECKING:
    from leitstand.sandbox.rest.collection import Body

__all__ = ["answer", "is_output", "request_body"]

# Marked as outputs in some documents, but read from changes: they say what the change is based on.
VERSION_FIELDS = ("etag", "fingerprint", "labelFingerprint")
INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def request_body(document: Document, method_id: str, schema: str, value: Any) -> Body:
    """The body of a request as its schema has it: numbers in their own form, no output fields.

    `null` stays, since a PATCH may mean it.

    Raises:
        ApiError: INVALID_ARGUMENT that names everything that does not fit.
    """
    if not isinstance(value, dict):
        raise invalid(
            "Invalid JSON payload received. Unexpected token.\nRoot element must be a message."
        )
    reading = _Reading(document, request_of=method_id)
    body = reading.object(document.schemas[schema], value, "")
    if reading.faults:
        raise invalid("\n".join(reading.faults), reading.fields[0])
    return dict(body)


def answer(document: Document, schema: str, value: Any) -> tuple[Any, list[str]]:
    """An answer as its schema has it, and what of it does not fit: a bug of the sandbox."""
    reading = _Reading(document)
    read = reading.value({"$ref": schema}, value, "answer")
    return read, reading.faults


def is_output(name: str, schema: Schema) -> bool:
    """Whether a field of that schema is filled by the API only."""
    if name in VERSION_FIELDS:
        return False
    described = str(schema.get("description", ""))
    return bool(schema.get("readOnly")) or described.startswith("[Output Only]")


class _Reading:
    """One walk over a value; collects what does not fit."""

    def __init__(self, document: Document, request_of: str = "") -> None:
        self._document = document
        self._method = request_of
        self.faults: list[str] = []
        self.fields: list[str] = []

    def value(self, schema: Schema, value: Any, path: str) -> Any:
        """The value in the form that its schema wants."""
        if "$ref" in schema:
            schema = self._document.schemas[schema["$ref"]]
        kind = schema.get("type")
        if kind == "any":
            return value
        if value is None and self._method:
            return None
        if kind == "object":
            return self.object(schema, value, path)
        if kind == "array":
            return self._array(schema, value, path)
        if kind == "boolean":
            return value if isinstance(value, bool) else self._bad(path, "TYPE_BOOL", value)
        if kind == "integer" or schema.get("format") in INTEGERS:
            return self._integer(schema, value, path)
        if kind == "number":
            return self._number(schema, value, path)
        return self._string(schema, value, path)

    def object(self, schema: Schema, value: Any, path: str) -> Any:
        """The same for what is an object."""
        if not isinstance(value, dict):
            return self._bad(path, schema.get("id", "object"), value)
        known: Mapping[str, Schema] = schema.get("properties", {})
        others = schema.get("additionalProperties")
        if not known and others is None:
            return value
        read = {}
        for name, item in value.items():
            field = known.get(name, others or {})
            if item is None and not self._method and field.get("type") != "any":
                continue
            inner = f"{path}.{name}" if path else name
            if name in known:
                if not (self._method and is_output(name, known[name])):
                    read[name] = self.value(known[name], item, inner)
            elif others is not None:
                read[name] = self.value(others, item, inner)
            else:
                where = f" at '{path}'" if path else ""
                self._fault(
                    f'Invalid JSON payload received. Unknown name "{name}"{where}:'
                    " Cannot find field.",
                    inner,
                )
        for name, field in known.items() if self._method else ():
            needed = self._method in field.get("annotations", {}).get("required", ())
            if needed and read.get(name) in (None, ""):
                self._fault(f"Required field 'resource.{name}' not specified", name)
        return read

    def _array(self, schema: Schema, value: Any, path: str) -> Any:
        if not isinstance(value, list):
            return self._bad(path, "list", value)
        items = schema.get("items", {})
        return [self.value(items, item, f"{path}[{at}]") for at, item in enumerate(value)]

    def _integer(self, schema: Schema, value: Any, path: str) -> Any:
        form = schema.get("format", "int32")
        low, high = INTEGERS.get(form, INTEGERS["int64"])
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise ValueError(value)
            number = int(value)
            if (isinstance(value, float) and number != value) or not low <= number <= high:
                raise ValueError(value)
        except (ValueError, OverflowError):
            return self._bad(path, f"TYPE_{form.upper()}", value)
        # JSON has 64-bit numbers as strings.
        return str(number) if schema.get("type") == "string" else number

    def _number(self, schema: Schema, value: Any, path: str) -> Any:
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise ValueError(value)
            return float(value) if isinstance(value, str) else value
        except ValueError:
            return self._bad(path, f"TYPE_{schema.get('format', 'double').upper()}", value)

    def _string(self, schema: Schema, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self._bad(path, "TYPE_STRING", value)
        if "enum" in schema and value not in schema["enum"]:
            return self._bad(path, "TYPE_ENUM", value)
        pattern = schema.get("pattern")
        if pattern and value and self._method and not re.fullmatch(pattern, value):
            self._fault(
                f"Invalid value for field 'resource.{path}': '{value}'."
                f" Must be a match of regex '{pattern}'",
                path,
            )
        if not _well_formed(schema.get("format", ""), value):
            return self._bad(path, f"type {schema['format']}", value)
        return value

    def _bad(self, path: str, wanted: str, value: Any) -> Any:
        shown = str(value).lower() if isinstance(value, bool) else value
        self._fault(f"Invalid value at '{path}' ({wanted}), \"{shown}\"", path)
        return value

    def _fault(self, text: str, field: str) -> None:
        self.faults.append(text)
        self.fields.append(field)


def _well_formed(form: str, value: str) -> bool:
    if form == "google-duration":
        return DURATION.fullmatch(value) is not None
    if form in ("google-datetime", "date-time"):
        return _is_time(value)
    if form == "byte":
        try:
            base64.b64decode(
                value.translate({45: 43, 95: 47}) + "=" * (-len(value) % 4), validate=True
            )
        except binascii.Error:
            return False
    return True


def _is_time(value: str) -> bool:
    if TIME.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True
