"""What an update must send, and what a resource looks like afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leitstand.core.difference import (
    BY_POSITION,
    CONTAINED,
    WHOLE_OBJECT,
    Body,
    Difference,
    differences,
    differs,
    matching,
)
from leitstand.core.kinds import Kind

__all__ = ["Patch", "laid", "mask", "patch"]


@dataclass(frozen=True)
class Patch:
    """What an update sends.

    Attributes:
        body: The body of the request (before the wrapper and the version).
        paths: Entries of the ``updateMask``, dotted, never into a list or a map; empty where the
            kind takes no mask.
    """

    body: Body
    paths: tuple[str, ...]


def patch(kind: Kind, wanted: Body, found: Body) -> Patch:
    """Return what an update must send to make ``found`` as ``wanted``.

    Where the kind expects the whole body: all that was found, with what is wanted laid in.
    Otherwise, of the top fields in which something differs, the stated fields; lists and maps
    there whole, since a mask names them whole and a merge replaces lists.
    What must not be sent back is named by the mask when something beside it changes, so that the
    API forgets it (a Cloud Run service that keeps ``template.revision`` answers 409).
    """
    after = _without(laid(kind, found, wanted), kind.forget_on_update)
    if kind.whole:
        return Patch(after, ())
    different = differences(kind, wanted, found)
    tops = dict.fromkeys(_top(difference) for difference in different)
    body = {top: _stated(kind, wanted[top], after.get(top), top) for top in tops}
    body = _without(body, kind.forget_on_update)
    if not kind.masked:
        return Patch(body, ())
    return Patch(body, mask(kind, [difference.path for difference in different]))


def mask(kind: Kind, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the entries of an ``updateMask`` for what differs at ``paths``, each once.

    None reaches into a list, or into a map that is changed whole; what the API must forget stands
    after them.

    Args:
        kind: The kind of the resource.
        paths: As ``Difference.path`` has them.
    """
    named = tuple(dict.fromkeys(_named(kind, path) for path in paths))
    return (*named, *_forgotten(kind, named))


def laid(kind: Kind, found: Body, wanted: Body) -> dict[str, Any]:
    """Return what ``found`` looks like after ``wanted`` was laid in.

    What is not stated stays, members of lists and fields of their members included; what is as
    stated stays as it was written; a field that is stated as null goes.
    In a list that is compared whole, members that are as stated stay, others become as stated.
    """
    result: dict[str, Any] = _laid(kind, found, wanted, "")
    return result


def _laid(kind: Kind, found: Any, wanted: Any, field: str) -> Any:
    if isinstance(wanted, Mapping):
        result = dict(found) if isinstance(found, Mapping) else {}
        for name, value in wanted.items():
            if value is None:
                result.pop(name, None)
            else:
                below = f"{field}.{name}" if field else name
                result[name] = _laid(kind, result.get(name), value, below)
        return result
    if isinstance(wanted, (list, tuple)):
        there = found if isinstance(found, (list, tuple)) else ()
        return _laid_list(kind, there, wanted, field)
    return wanted if found is None or differs(kind, wanted, found, field) else found


def _laid_list(kind: Kind, found: Sequence[Any], wanted: Sequence[Any], field: str) -> list[Any]:
    rule = kind.lists.get(field)
    if rule is None:
        return _laid_whole(kind, found, wanted, field)
    result = list(found)
    for position, member in enumerate(wanted):
        if rule == BY_POSITION:
            at = position if position < len(result) else None
        else:
            at = matching(kind, rule, result, member, field)
        if at is None:
            result.append(_laid(kind, None, member, field))
        elif rule != CONTAINED:
            result[at] = _laid(kind, result[at], member, field)
    return result


def _laid_whole(kind: Kind, found: Sequence[Any], wanted: Sequence[Any], field: str) -> list[Any]:
    left = list(enumerate(found))
    result = []
    for position, member in enumerate(wanted):
        fitting = [entry for entry in left if not differs(kind, member, entry[1], field)]
        if fitting:
            kept = min(fitting, key=lambda entry: abs(entry[0] - position))
            left.remove(kept)
            result.append(kept[1])
        else:
            result.append(_laid(kind, None, member, field))
    return result


def _stated(kind: Kind, wanted: Any, after: Any, field: str) -> Any:
    """Return of ``after`` what a merge needs: stated fields of objects, lists and maps whole."""
    if not isinstance(wanted, Mapping) or kind.lists.get(field) == WHOLE_OBJECT:
        return after
    there = after if isinstance(after, Mapping) else {}
    return {
        name: _stated(kind, value, there.get(name), f"{field}.{name}")
        for name, value in wanted.items()
    }


def _top(difference: Difference) -> str:
    return difference.path.partition("[")[0].partition(".")[0]


def _named(kind: Kind, path: str) -> str:
    bare = path.partition("[")[0]
    parts = bare.split(".")
    above = (".".join(parts[:length]) for length in range(1, len(parts)))
    return next((name for name in above if kind.lists.get(name) == WHOLE_OBJECT), bare)


def _forgotten(kind: Kind, paths: Sequence[str]) -> list[str]:
    return [
        forgotten
        for forgotten in kind.forget_on_update
        if any(path.startswith(f"{forgotten.rpartition('.')[0]}.") for path in paths)
    ]


def _without(body: Body, paths: Sequence[str]) -> dict[str, Any]:
    """Return the body without the fields at these dotted paths."""
    result = dict(body)
    for path in paths:
        name, _, rest = path.partition(".")
        if not rest:
            result.pop(name, None)
        elif isinstance(result.get(name), Mapping):
            result[name] = _without(result[name], [rest])
    return result
