"""What must exist before what: the order of a provisioning.

::

    InputError
    ├── DuplicateName          two resources are one and the same for their API
    ├── UnknownReference       a resource needs one that the environment does not have
    ├── DependencyCycle        resources wait for each other
    └── MisplacedPlaceholder   compared fields hold what only a creation can send
"""

import difflib
import graphlib
import heapq
from collections.abc import Collection, Mapping, Sequence

from leitstand.core.errors import InputError
from leitstand.core.kinds import Resource
from leitstand.core.references import find

__all__ = [
    "DependencyCycle",
    "DuplicateName",
    "MisplacedPlaceholder",
    "UnknownReference",
    "needs",
    "ordered",
]


class DuplicateName(InputError):
    """Two resources have one full name.

    Attributes:
        name: The full name.
        keys: ``kind/id`` of both.
    """

    def __init__(self, name: str, keys: tuple[str, str]) -> None:
        super().__init__(
            f"„{keys[0]}“ und „{keys[1]}“ sind dieselbe Ressource: {name}.",
            "Nehmen Sie eine der beiden aus der Umgebung, oder geben Sie ihr einen anderen Namen.",
        )
        self.name = name
        self.keys = keys


class UnknownReference(InputError):
    """Something names a resource that the environment does not have.

    Attributes:
        key: What was named, as ``kind/id``.
        by: ``kind/id`` of the resource that names it; empty where a parameter does.
    """

    def __init__(self, key: str, by: str, known: Collection[str]) -> None:
        where = f"„{by}“ verweist auf „{key}“" if by else f"Ersetzt werden soll „{key}“"
        close = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.6)
        super().__init__(
            f"{where}, aber das gibt es in der Umgebung nicht.",
            f"Meinten Sie „{close[0]}“?" if close else "Nehmen Sie es in die Umgebung auf.",
        )
        self.key = key
        self.by = by


class DependencyCycle(InputError):
    """Resources wait for each other, so that none can be the first.

    Attributes:
        keys: The cycle; each waits for the next, the last one is the first again.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(
            f"Diese Ressourcen warten im Kreis aufeinander: {' → '.join(keys)}.",
            "Nehmen Sie einen der Verweise aus der Umgebung.",
        )
        self.keys = keys


class MisplacedPlaceholder(InputError):
    """Fields that are compared hold a placeholder that only a creation can send.

    Attributes:
        key: ``kind/id`` of the resource.
        text: The placeholder.
    """

    def __init__(self, key: str, text: str) -> None:
        super().__init__(
            f"„{key}“ hält „{text}“ in einem Feld, das verglichen wird.",
            "Schreiben Sie das Feld in der Umgebung unter „initial“.",
        )
        self.key = key
        self.text = text


def needs(resource: Resource) -> tuple[str, ...]:
    """Return the keys of what a resource needs: its ``after``, and what its placeholders name."""
    named = (reference.key for reference in find([resource.body, resource.initial]))
    return tuple(dict.fromkeys((*resource.after, *filter(None, named))))


def ordered(resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """Return the resources so that each stands after all that it needs; within that, by step.

    Raises:
        DuplicateName: two resources are one and the same for their API.
        UnknownReference: a resource needs one that is not among them.
        DependencyCycle: resources wait for each other.
        MisplacedPlaceholder: compared fields hold what only a creation can send.
    """
    by_key = _by_key(resources)
    _check_placeholders(resources)
    place = {
        key: (resource.kind.step, position)
        for position, (key, resource) in enumerate(by_key.items())
    }
    sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    for key, resource in by_key.items():
        for needed in needs(resource):
            if needed not in by_key:
                raise UnknownReference(needed, key, by_key)
        sorter.add(key, *needs(resource))
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise DependencyCycle(tuple(reversed(error.args[1]))) from None
    result = []
    ready: list[tuple[tuple[int, int], str]] = []
    while sorter.is_active():
        for key in sorter.get_ready():
            heapq.heappush(ready, (place[key], key))
        _, first = heapq.heappop(ready)
        result.append(by_key[first])
        sorter.done(first)
    return tuple(result)


def _by_key(resources: Sequence[Resource]) -> Mapping[str, Resource]:
    """Return the resources by key.

    An API tells kinds apart that share a name only where one of them is a part of the other, such
    as a policy; such a part always exists and is never created.
    """
    by_key: dict[str, Resource] = {}
    taken: dict[tuple[str, str, str], Resource] = {}
    for resource in resources:
        kind = resource.kind
        part = "" if kind.create else kind.name
        before = taken.setdefault((kind.api, resource.name, part), resource)
        if before is not resource or resource.key in by_key:
            raise DuplicateName(resource.name, (before.key, resource.key))
        by_key[resource.key] = resource
    return by_key


def _check_placeholders(resources: Sequence[Resource]) -> None:
    for resource in resources:
        for reference in find(resource.body):
            if reference.only_initial:
                raise MisplacedPlaceholder(resource.key, reference.text)
