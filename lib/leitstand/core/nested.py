"""Looking into nested JSON values."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["texts", "value_at"]


def value_at(body: Any, path: str) -> Any:
    """Return the value at a dotted path in which figures index lists, or None.

    ``value_at({"a": [{"b": 1}]}, "a.0.b")`` is 1.
    """
    for part in path.split("."):
        if isinstance(body, Mapping):
            body = body.get(part)
        elif isinstance(body, (list, tuple)) and part.isdecimal() and int(part) < len(body):
            body = body[int(part)]
        else:
            return None
    return body


def texts(value: Any) -> Iterator[str]:
    """Yield every text within a value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from texts(inner)
