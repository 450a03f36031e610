"""Names and values that an environment file may mention in ``${…}``, and keys as REST writes them.

``${project}``, ``${number}``, ``${region}`` and any dotted key of the file stand for their value;
what holds a slash or a colon is a reference to a resource or a secret, and stays.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from leitstand.core.errors import InputError

__all__ = ["UnknownKey", "camel_case", "expand"]

_KEY = re.compile(r"\$\{([a-z_][a-z0-9_.]*)\}")
_WRITTEN_BY_PERSONS = frozenset(
    {
        "annotations",
        "attribute_mapping",
        "label_extractors",
        "labels",
        "redis_configs",
        "user_labels",
    }
)
"""Maps whose keys are data, not field names."""


class UnknownKey(InputError):
    """An environment file mentions a key that it does not have."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Die Umgebung nennt ${{{key}}}, aber diesen Schlüssel gibt es nicht.",
            "Korrigieren Sie den Namen in config/environments.",
        )
        self.key = key


def expand(value: Any, known: Mapping[str, Any]) -> Any:
    """Return ``value`` with every ``${key}`` replaced by the text of ``known`` at that dotted key.

    ``${operator}`` stays: it is no key.

    Raises:
        UnknownKey: ``known`` has no such key.
    """
    if isinstance(value, str):
        return _KEY.sub(lambda match: _text(match[1], known), value)
    if isinstance(value, Mapping):
        return {expand(key, known): expand(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [expand(item, known) for item in value]
    return value


def camel_case(value: Any) -> Any:
    """Return ``value`` with its keys as REST writes them; keys that are data stay."""
    if isinstance(value, Mapping):
        return {
            _camel(key): item if key in _WRITTEN_BY_PERSONS else camel_case(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [camel_case(item) for item in value]
    return value


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _text(key: str, known: Mapping[str, Any]) -> str:
    if key == "operator":
        return "${operator}"
    value: Any = known
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise UnknownKey(key)
        value = value[part]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
