"""Whether what exists can be used, by the state that it shows."""

from collections.abc import Mapping, Sequence
from typing import Any

from leitstand.core.difference import Difference
from leitstand.core.kinds import Kind, Resource
from leitstand.core.nested import value_at
from leitstand.core.reconcile_types import Deviation, Found

__all__ = ["broken", "ready", "unready"]


def ready(kind: Kind, body: Mapping[str, Any]) -> bool:
    """Return whether a resource shows one of the values that mean that it can be used."""
    if not kind.state:
        return True
    field, *values = kind.state
    return value_at(body, field) in values


def broken(kind: Kind, body: Mapping[str, Any]) -> str:
    """Return the state of a resource that will never be ready; else an empty text."""
    state = str(value_at(body, kind.state[0])) if kind.state else ""
    return state if "FAIL" in state or "ERROR" in state else ""


def unready(resources: Sequence[Resource], found: Mapping[str, Found]) -> tuple[Deviation, ...]:
    """Return what is there and does not work, which no change of its fields would mend."""
    return tuple(
        _unready(resource, body)
        for resource in resources
        if isinstance(body := found.get(resource.key), Mapping) and not ready(resource.kind, body)
    )


def _unready(resource: Resource, body: Mapping[str, Any]) -> Deviation:
    field, wanted, *_ = resource.kind.state
    state = value_at(body, field)
    return Deviation(
        resource.key,
        resource.kind,
        resource.id,
        resource.name,
        "update",
        (Difference(field, wanted, state),),
        f"Sie ist da, aber nicht bereit: {field} ist {state or 'leer'}. "
        "Warten Sie, falls noch etwas läuft; sonst sehen Sie bei Google Cloud nach.",
    )
