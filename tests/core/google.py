"""A small model of how Google's APIs change a resource; shares no code with what it tests."""

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def put(body: Mapping[str, Any]) -> Any:
    """The body takes the resource's place."""
    return copy.deepcopy(dict(body))


def merged(found: Any, body: Any) -> Any:
    """JSON merge patch (RFC 7396): objects field by field, null removes, all else replaces."""
    if not isinstance(body, Mapping):
        return copy.deepcopy(body)
    result = dict(found) if isinstance(found, Mapping) else {}
    for name, value in body.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def masked(
    found: Mapping[str, Any],
    body: Mapping[str, Any],
    paths: Sequence[str],
    opaque: Collection[str] = (),
) -> Any:
    """Field mask (AIP-161): each path takes the value of the body there, or becomes empty.

    ``opaque``: paths of lists and maps, which a mask cannot look into.
    """
    result = copy.deepcopy(dict(found))
    for path in paths:
        parts = path.split(".")
        for length in range(1, len(parts)):
            assert ".".join(parts[:length]) not in opaque, f"{path} looks into a list or a map"
        source: Any = body
        target = result
        for part in parts[:-1]:
            source = (source or {}).get(part)
            target = target.setdefault(part, {})
        value = (source or {}).get(parts[-1])
        if value is None:
            target.pop(parts[-1], None)
        else:
            target[parts[-1]] = copy.deepcopy(value)
    return result


def without_zeros(value: Any) -> Any:
    """What an API answers: zero values of fields are left out."""
    if isinstance(value, Mapping):
        inner = {name: without_zeros(item) for name, item in value.items()}
        return {name: item for name, item in inner.items() if item or item is True}
    if isinstance(value, list):
        return [without_zeros(item) for item in value]
    return value
