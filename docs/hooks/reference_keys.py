"""The tables of configuration keys for the reference, from the models that read the files."""

import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from page_parts import cell, table
from pydantic.fields import FieldInfo

from leitstand.core.environment import Environment
from leitstand.core.schedule.entries import Schedules
from leitstand.core.section import Section

__all__ = ["Key", "environment_keys", "keys_of", "meanings", "schedule_keys", "sections"]

TEXTS = Path(__file__).with_name("texts") / "keys.yaml"
ANY_NAME = "NAME"
"""Stands in a path for a name that the file chooses, such as a service's."""

PLAIN = {str: "Text", int: "ganze Zahl", float: "Zahl", bool: "`true` oder `false`"}
SIGNS = {"ge": "ab", "gt": "über", "le": "bis", "lt": "unter"}


@dataclass(frozen=True)
class Key:
    """A key of a configuration file that holds a value.

    Attributes:
        path: Dotted; ``NAME`` stands for any name, ``[]`` for the entries of a list.
        owner: Name of the model's class.
        field: Its last part.
        accepts: What it can be, in German.
        default: What holds when it is left out, in German; empty where it must be there.
    """

    path: str
    owner: str
    field: str
    accepts: str
    default: str


@cache
def keys_of(model: type[Section]) -> tuple[Key, ...]:
    """Return all keys of a section and of the sections in it, in their order."""
    return tuple(_walk(model, ""))


@cache
def meanings() -> Mapping[str, Mapping[str, str]]:
    """Return what each key means, by the model's class and the field."""
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(TEXTS.read_text("utf-8"))
    return found


def environment_keys(section: str) -> str:
    """Return the keys of one section of an environment; ``""`` for those outside a section."""
    whole = [key for key in keys_of(Environment) if _section(key) == section]
    return _table(whole, section)


def sections() -> tuple[str, ...]:
    """Return the sections of an environment, in their order; ``""`` is what lies outside them."""
    return tuple(dict.fromkeys(map(_section, keys_of(Environment))))


def schedule_keys() -> str:
    """Return the keys of the file of schedules."""
    return _table(keys_of(Schedules), "")


def _section(key: Key) -> str:
    first, dot, _ = key.path.partition(".")
    return first.removesuffix("[]") if dot else ""


def _table(keys: Iterable[Key], section: str) -> str:
    rows = []
    for key in keys:
        shown = key.path.removeprefix(section).removeprefix("[]").removeprefix(".")
        accepts = f"{key.accepts}; {key.default}" if key.default else key.accepts
        rows.append((f"`{shown}`", cell(accepts), meanings()[key.owner][key.field]))
    return table(("Schlüssel", "Wert", "Bedeutung"), rows)


def _walk(model: type[Section], above: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        path = f"{above}.{name}" if above else name
        kind, inner, place = _opened(field.annotation)
        if inner is None:
            yield Key(path, _owner(model, name), name, _accepts(kind, field), _default(field))
        else:
            yield from _walk(inner, path + place)


def _owner(model: type[Section], field: str) -> str:
    """Return the class that declares a field, which can be a parent."""
    owners = (c for c in reversed(model.__mro__) if field in getattr(c, "__annotations__", {}))
    return next(owners).__name__


def _opened(annotation: Any) -> tuple[Any, type[Section] | None, str]:
    """Return a type without None, the section inside it, and how a path goes on into it."""
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, annotation, ""
    arguments = get_args(annotation)
    inner = _bare(arguments[-1]) if get_origin(annotation) in (dict, list) else None
    if isinstance(inner, type) and issubclass(inner, Section):
        return annotation, inner, "[]" if get_origin(annotation) is list else f".{ANY_NAME}"
    return annotation, None, ""


def _bare(annotation: Any) -> Any:
    """Return a type without its notes and without None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        left = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _bare(left[0]) if len(left) == 1 else annotation
    return annotation


def _notes(annotation: Any) -> tuple[Any, ...]:
    """Return the limits that stand in a type itself."""
    if get_origin(annotation) is not Annotated:
        return ()
    return tuple(
        limit
        for note in get_args(annotation)[1:]
        for limit in (note.metadata if isinstance(note, FieldInfo) else (note,))
    )


def _accepts(kind: Any, field: FieldInfo) -> str:
    return _described(kind) + _limits((*field.metadata, *_notes(field.annotation)))


def _described(kind: Any) -> str:
    kind = _bare(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is list:
        inner = _bare(arguments[0])
        return "Liste" if inner is str else f"Liste: {_described(inner)}"
    if origin is dict:
        value = arguments[1]
        if get_origin(_bare(value)) is dict:
            return "Werte je Name"
        return f"{_described(value)}{_limits(_notes(value))} je Name"
    return PLAIN.get(kind, "Werte")


def _limits(notes: Iterable[Any]) -> str:
    words = [
        f"{SIGNS[name]} {getattr(note, name)}"
        for note in notes
        if isinstance(note, Ge | Gt | Le | Lt)
        for name in SIGNS
        if hasattr(note, name)
    ]
    return f" {' '.join(words)}" if words else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if value in (None, "", [], {}):
        return "darf fehlen"
    return f"Vorgabe `{str(value).lower() if isinstance(value, bool) else value}`"
