"""Identifiers and literals of PostgreSQL, quoted as the server does it."""

from collections.abc import Mapping, Sequence

__all__ = ["array", "identifier", "literal", "options"]


def identifier(*parts: str) -> str:
    """Return a name, each part quoted: PostgreSQL's documentation, 4.1.1."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(value: str) -> str:
    """Return a text as a literal; with a backslash it is an escape string (4.1.2.2)."""
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def array(values: Sequence[str]) -> str:
    """Return texts as an array."""
    return f"ARRAY[{', '.join(literal(value) for value in values)}]::text[]"


def options(values: Mapping[str, object]) -> str:
    """Return ``WITH (name = value, …)`` of an index; empty without any."""
    listed = ", ".join(f"{identifier(name)} = {int(str(value))}" for name, value in values.items())
    return f" WITH ({listed})" if listed else ""
