"""How a PATCH or a PUT changes a resource: masks, merges, and what must stay as it is."""

from __future__ import annotations

import base64
import copy
import re
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.rest.discovery import Schema
from leitstand.sandbox.rest.validation import is_output

if TYPE_CHECKING:
    from leitstand.sandbox.rest.collection import Body

__all__ = [
    "at",
    "camel",
    "changed_paths",
    "fingerprint",
    "masked",
    "merged",
    "replaced",
    "without_nulls",
]


def masked(before: Body, change: Body, mask: str, schema: Schema) -> Body:
    """The resource after a change of the fields that a mask names; those it lacks are cleared.

    Raises:
        ApiError: INVALID_ARGUMENT, the resource has no such field.
    """
    after = copy.deepcopy(before)
    for path in filter(None, (part.strip() for part in mask.split(","))):
        if path == "*":
            return replaced(before, change, schema)
        fields = camel(path).split(".")
        if fields[0] not in schema.get("properties", {}):
            raise invalid(
                f"Invalid field mask: '{path}' is no field of the resource.", "updateMask"
            )
        _put(after, fields, at(change, ".".join(fields)))
    return after


def merged(before: Body, change: Body) -> Body:
    """The resource after a JSON merge patch (RFC 7386): `null` clears, lists are replaced."""
    after = copy.deepcopy(before)
    for name, value in change.items():
        if value is None:
            after.pop(name, None)
        elif isinstance(value, dict) and isinstance(after.get(name), dict):
            after[name] = merged(after[name], value)
        else:
            after[name] = without_nulls(value)
    return after


def replaced(before: Body, change: Body, schema: Schema) -> Body:
    """The resource after a PUT: only what the API itself fills stays."""
    fields = schema.get("properties", {})
    kept = {
        name: copy.deepcopy(value)
        for name, value in before.items()
        if name == "name" or is_output(name, fields.get(name, {}))
    }
    return {**kept, **without_nulls(change)}


def without_nulls(value: Any) -> Any:
    """A copy without fields that are null."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def changed_paths(before: Body, after: Body, paths: Iterable[str]) -> list[str]:
    """Which of these dotted paths differ."""
    return [path for path in paths if at(before, path) != at(after, path)]


def at(body: Any, path: str) -> Any:
    """What stands at a dotted path, or None."""
    for field in path.split("."):
        if not isinstance(body, dict):
            return None
        body = body.get(field)
    return body


def camel(mask: str) -> str:
    """A mask with the names of JSON: Google takes those in snake_case, too."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), mask)


def fingerprint() -> str:
    """A new value for a field that says which version of a resource that is."""
    return base64.b64encode(secrets.token_bytes(8)).decode()


def _put(body: Body, fields: list[str], value: Any) -> None:
    for field in fields[:-1]:
        inner = body.get(field)
        if not isinstance(inner, dict):
            inner = body[field] = {}
        body = inner
    if value is None:
        body.pop(fields[-1], None)
    else:
        body[fields[-1]] = without_nulls(value)
