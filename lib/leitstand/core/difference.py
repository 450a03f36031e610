"""Comparing what is wanted with what was found: only over the fields that are stated.

How lists are compared stands in the column ``lists`` of a kind, see ``core/kinds.py``. Its keys may
name several fields, divided by commas; then all of them must be equal (``role,condition``).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from leitstand.core.kinds import Kind, is_reference

__all__ = [
    "BY_POSITION",
    "CONTAINED",
    "WHOLE_OBJECT",
    "Body",
    "Difference",
    "conflicts",
    "differences",
    "differs",
    "matching",
    "same",
]

Body = Mapping[str, Any]
"""A resource as JSON values, in the names of its API."""

CONTAINED = ""
"""Rule of a list whose stated members must be among those that are there."""
BY_POSITION = "#"
"""Rule of a list whose members are matched by position."""
WHOLE_OBJECT = "{}"
"""Rule of an object (a map, mostly) that an update mask names whole."""

_MEMBER = re.compile(r"\[[^\]]*\]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_DURATION = re.compile(r"(-?\d+(?:\.\d{1,9})?)s")
_COMPUTE = re.compile(r"https://(?:www|compute)\.googleapis\.com/compute/v1/")


@dataclass(frozen=True)
class Difference:
    """A stated field that is not as stated.

    Attributes:
        path: Dotted, with members of lists in brackets: ``template.containers[0].env[A].value``.
        wanted: What is stated; of a list whose stated members must be contained, those missing.
        found: What is there, or None; of such a list an empty list.
    """

    path: str
    wanted: Any
    found: Any

    @property
    def field(self) -> str:
        """The path without members of lists: ``template.containers.env.value``."""
        return _MEMBER.sub("", self.path)


def differences(kind: Kind, wanted: Body, found: Body) -> tuple[Difference, ...]:
    """Return the stated fields that are not as stated, in the order in which they are stated.

    Google's APIs leave zero values out, so that absent equals ``false``, 0, "", [] and {}; they
    may write 64-bit figures as text ("7" equals 7), durations with fractions ("900s" equals
    "900.000s"), and Compute Engine writes names as URLs of either of its hosts.
    A zero must be stated as a figure: the text "0" is not nothing.
    A placeholder differs from everything.
    """
    return tuple(_compared(kind, wanted, found, "", ""))


def conflicts(
    kind: Kind, wanted: Body, before: Mapping[str, Any], found: Body
) -> tuple[Difference, ...]:
    """Return the stated fields that are neither as wanted nor as they were when it was planned.

    Args:
        kind: The kind of the resource.
        wanted: The stated body.
        before: What was found then, by path of a difference.
        found: What is there now.
    """
    return tuple(
        difference
        for difference in differences(kind, wanted, found)
        if difference.path not in before
        or not _identical(before[difference.path], difference.found)
    )


def differs(kind: Kind, wanted: Any, found: Any, field: str) -> bool:
    """Return whether a value at the dotted path ``field`` of a body is not as stated."""
    return any(True for _ in _compared(kind, wanted, found, field, field))


def same(wanted: Any, found: Any) -> bool:
    """Return whether two plain values (no lists, no objects) mean the same."""
    if is_reference(wanted):
        return False
    if not wanted and not found:
        return True
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, str) and isinstance(found, str):
        return wanted == found or _written_out(wanted) == _written_out(found)
    one, other = _figure(wanted), _figure(found)
    return one is not None and one == other


def matching(kind: Kind, rule: str, members: Sequence[Any], member: Any, field: str) -> int | None:
    """Return the position of the member of a list that a stated member is about, or None.

    Args:
        kind: The kind of the resource.
        rule: The list's rule: ``CONTAINED``, or the fields that are the key.
        members: What is there.
        member: What is stated.
        field: Dotted path of the list.
    """
    for position, other in enumerate(members):
        if rule == CONTAINED or not isinstance(member, Mapping):
            if not differs(kind, member, other, field):
                return position
        elif isinstance(other, Mapping) and all(
            _identical(member.get(key), other.get(key)) for key in rule.split(",")
        ):
            return position
    return None


def _compared(kind: Kind, wanted: Any, found: Any, path: str, field: str) -> Iterator[Difference]:
    if isinstance(wanted, Mapping) and (found is None or isinstance(found, Mapping)):
        for name, value in wanted.items():
            there = None if found is None else found.get(name)
            yield from _compared(kind, value, there, _below(path, name), _below(field, name))
    elif isinstance(wanted, (list, tuple)) and (found is None or isinstance(found, (list, tuple))):
        yield from _compared_lists(kind, wanted, found or [], path, field)
    elif isinstance(wanted, (Mapping, list, tuple)) or isinstance(found, (Mapping, list, tuple)):
        if wanted or found:
            yield Difference(path, wanted, found)
    elif not same(wanted, found):
        yield Difference(path, wanted, found)


def _compared_lists(
    kind: Kind, wanted: Sequence[Any], found: Sequence[Any], path: str, field: str
) -> Iterator[Difference]:
    rule = kind.lists.get(field)
    if rule is None:
        if len(wanted) != len(found) or any(
            differs(kind, *pair, field) for pair in zip(wanted, found, strict=True)
        ):
            yield Difference(path, wanted, found)
    elif rule == CONTAINED:
        missing = [
            member for member in wanted if matching(kind, rule, found, member, field) is None
        ]
        if missing:
            yield Difference(path, missing, [])
    else:
        for position, member in enumerate(wanted):
            if rule == BY_POSITION:
                at = position if position < len(found) else None
                name = f"{path}[{position}]"
            else:
                at = matching(kind, rule, found, member, field)
                name = f"{path}[{_label(rule, member)}]"
            if at is None:
                yield Difference(name, member, None)
            else:
                yield from _compared(kind, member, found[at], name, field)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _label(rule: str, member: Any) -> str:
    """Return how a path names a member of a list that is matched by a key."""
    if not isinstance(member, Mapping):
        return str(member)
    parts = [member.get(key) for key in rule.split(",")]
    return ",".join(
        str(part.get("title", "…") if isinstance(part, Mapping) else part)
        for part in parts
        if part is not None
    )


def _identical(one: Any, other: Any) -> bool:
    """Return whether two values mean the same, whatever their rules and in both directions."""
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        if not (isinstance(one or {}, Mapping) and isinstance(other or {}, Mapping)):
            return False
        names = {*(one or {}), *(other or {})}
        return all(_identical((one or {}).get(name), (other or {}).get(name)) for name in names)
    if isinstance(one, (list, tuple)) or isinstance(other, (list, tuple)):
        if not (isinstance(one or [], (list, tuple)) and isinstance(other or [], (list, tuple))):
            return False
        return len(one or ()) == len(other or ()) and all(
            _identical(*pair) for pair in zip(one or (), other or (), strict=True)
        )
    return one == other if is_reference(one) else same(one, other)


def _written_out(text: str) -> Decimal | str:
    """Return what a text means: a duration's figure, or a name without the way to it."""
    duration = _DURATION.fullmatch(text)
    if duration:
        return Decimal(duration[1])
    return _COMPUTE.sub("", text, count=1) if text.startswith("https:") else text


def _figure(value: Any) -> Decimal | None:
    if isinstance(value, (int, float)):
        return Decimal(str(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    return None
