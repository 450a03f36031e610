"""The parameters of a request, from its path and its query, against the document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import grpc

from leitstand.sandbox.errors import ApiError, invalid
from leitstand.sandbox.rest.discovery import Document, Method, Schema

__all__ = ["checked"]

INTEGER = re.compile(r"-?\d{1,20}")
TRUTHS = {"True": "true", "False": "false"}
# Understood by every API besides those that the document lists.
SYSTEM = ("$alt", "$fields", "$prettyPrint", "userProject")


def checked(
    document: Document, method: Method, path: Mapping[str, str], query: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """The parameters by name; those that are common to all methods are left out.

    Raises:
        ApiError: INVALID_ARGUMENT for one that is unknown, missing, or none of its type.
    """
    given: dict[str, list[str]] = {name: [value] for name, value in path.items()}
    for name, value in query:
        if name in document.common or name in SYSTEM:
            continue
        if method.parameters.get(name, {}).get("location") != "query":
            raise invalid(
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query'
                f" parameter. Field '{name}' could not be found in request message.",
                name,
            )
        given.setdefault(name, []).append(value)
    for name, schema in method.parameters.items():
        if schema.get("required") and not any(given.get(name, ())):
            raise _refused(f"Required parameter: {name}", "required")
        if schema.get("type") == "boolean" and name in given:
            # Google's client of Cloud Storage writes `True`.
            given[name] = [TRUTHS.get(value, value) for value in given[name]]
        for value in given.get(name, ()):
            _check(name, schema, value)
        if len(given.get(name, ())) > 1 and not schema.get("repeated"):
            raise invalid(f"Parameter {name} must not be repeated.", name)
    return {name: ",".join(values) for name, values in given.items()}


def _check(name: str, schema: Schema, value: str) -> None:
    kind = schema.get("type")
    if kind == "integer" and not INTEGER.fullmatch(value):
        raise invalid(f"Invalid value at '{name}' (TYPE_INT32), \"{value}\"", name)
    if kind == "boolean" and value not in ("true", "false"):
        raise invalid(f"Invalid value at '{name}' (TYPE_BOOL), \"{value}\"", name)
    if "enum" in schema and value not in schema["enum"]:
        raise invalid(f"Invalid value at '{name}' (TYPE_ENUM), \"{value}\"", name)
    pattern = schema.get("pattern")
    if pattern and not re.match(f"(?:{pattern})$", value):
        raise _refused(
            f"Invalid value for field '{name}': '{value}'. Must be a match of regex '{pattern}'",
            "invalid",
        )


def _refused(message: str, reason: str) -> ApiError:
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, message, reason)
