"""How a journal's fields are masked: what may change, what must not, and what is refused."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from leitstand.core.errors import GateRefused

if TYPE_CHECKING:
    from leitstand.audit.run_redactor import RunRedactor

__all__ = [
    "Masked",
    "SecretInPlan",
    "names_people",
    "plain_value",
    "redacted_fields",
    "show_people",
]

_NAMES: Final = frozenset(
    {"run", "id", "operation", "digest", "template_digest", "project", "world"}
)
"""Fields that a resume goes by: masked only where they hold a value that the run read."""
_PEOPLE: Final = ("operator", "by")
"""Fields that name the operator and those who approved; a record must tell who they were."""


@dataclass(frozen=True)
class Masked:
    """A field in which secrets are masked already: written as it is.

    Attributes:
        value: JSON data.
    """

    value: object


class SecretInPlan(GateRefused):
    """A plan holds a secret; it was not journalled, so it can be neither approved nor applied.

    Attributes:
        places: Where in the plan, without any value.
    """

    def __init__(self, places: tuple[str, ...]) -> None:
        super().__init__(
            f"Der Plan enthält ein Geheimnis: {', '.join(places[:3])}. Er gilt nicht.",
            "Legen Sie den Wert in Secret Manager ab, und verweisen Sie im Plan nur auf ihn.",
        )
        self.places = places


def redacted_fields(
    redactor: "RunRedactor", event: str, fields: Mapping[str, object]
) -> dict[str, object]:
    """Return the fields of an event as JSON data with marks in the place of secrets.

    Raises:
        SecretInPlan: the event is a plan that holds a secret; personal data in it stays.
    """
    plain = {name: _as_data(value) for name, value in fields.items()}
    show_people(redactor, {"event": event, **plain})
    if event == "plan.made":
        if redactor.tells(plain.get("plan")):
            raise SecretInPlan(tuple(_telling(redactor, plain.get("plan"))) or ("plan",))
        return plain
    shown = redactor.data({name: item for name, item in plain.items() if name not in _NAMES})
    assert isinstance(shown, dict)
    named = {
        name: redactor.known(item) if isinstance(item, str) else item
        for name, item in plain.items()
        if name not in shown
    }
    return {name: named[name] if name in named else shown[name] for name in plain} | {
        name: item for name, item in shown.items() if name not in plain
    }


def names_people(event: Mapping[str, object]) -> bool:
    """Return whether an event may say who the operator is, or who approved."""
    return str(event.get("event", "")).startswith(("run.", "approval."))


def show_people(redactor: "RunRedactor", event: Mapping[str, object]) -> None:
    """Leave the addresses readable of the operator and of those who approved."""
    if names_people(event):
        fields = (event.get(name) for name in _PEOPLE)
        # Several who approved stand in one field.
        redactor.show([one for text in fields if isinstance(text, str) for one in text.split(", ")])


def _telling(redactor: "RunRedactor", value: object, place: str = "") -> Iterator[str]:
    """Yield where data holds a secret: the innermost places that show it."""
    if isinstance(value, dict):
        parts = [(name, item, {name: item}) for name, item in value.items()]
    elif isinstance(value, list):
        parts = [(_label(item, index), item, item) for index, item in enumerate(value)]
    else:
        return
    for name, item, alone in parts:
        if redactor.tells(alone):
            below = f"{place}.{redactor.text(str(name))}".lstrip(".")
            yield from tuple(_telling(redactor, item, below)) or (below,)


def _label(item: object, index: int) -> object:
    return item.get("id", index) if isinstance(item, dict) else index


def _as_data(value: object) -> object:
    """Return a field as JSON data, so that nothing is encoded that was not looked at."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # of an enumeration its value, as JSON has it
    if isinstance(value, Mapping):
        return {_name(key): _as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_data(item) for item in value]
    return _as_data(plain_value(value))


def _name(key: object) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    (name,) = json.loads(json.dumps({key: 0}))
    return str(name)


def plain_value(value: object) -> object:
    """Return a time, a path, an enumeration or a set as JSON data.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    raise TypeError(f"a journal cannot hold a {type(value).__name__}")
