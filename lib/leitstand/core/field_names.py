"""Field names as a discovery document writes them, from snake_case."""

from collections.abc import Mapping
from typing import Any

from leitstand.core.errors import InputError

__all__ = ["FieldTwice", "Schema", "Schemas", "camel"]

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]
"""The ``schemas`` of a discovery document, by name."""


class FieldTwice(InputError):
    """Two spellings of one field stand side by side.

    Attributes:
        name: The field in the document's spelling.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Das Feld „{name}“ steht zweimal da, in zwei Schreibweisen.",
            "Nehmen Sie eine der beiden heraus.",
        )
        self.name = name


def camel(body: Mapping[str, Any], schemas: Schemas, ref: str) -> dict[str, Any]:
    """Return a body with snake_case keys as the document's schema ``ref`` writes them.

    Keys of maps are data and stay, and so do keys without an underscore and those that the
    schema does not have under any spelling, apart from their underscores.

    Raises:
        FieldTwice: two keys become one.
    """
    result: dict[str, Any] = _value(body, {"$ref": ref}, schemas)
    return result


def _value(value: Any, schema: Schema, schemas: Schemas) -> Any:
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    if isinstance(value, (list, tuple)):
        return [_value(member, schema.get("items", {}), schemas) for member in value]
    if not isinstance(value, Mapping):
        return value
    if "additionalProperties" in schema:
        return {k: _value(v, schema["additionalProperties"], schemas) for k, v in value.items()}
    if schema.get("type") == "any":
        return value
    fields = schema.get("properties", {})
    result: dict[str, Any] = {}
    for key, inner in value.items():
        name = _name(key, fields)
        if name in result:
            raise FieldTwice(name)
        result[name] = _value(inner, fields.get(name, {}), schemas)
    return result


def _name(key: str, fields: Mapping[str, Any]) -> str:
    if key in fields or "_" not in key.strip("_"):
        return key
    head, *rest = key.split("_")
    name = head + "".join(part[:1].upper() + part[1:] for part in rest)
    return next((field for field in fields if field.lower() == name.lower()), name)
