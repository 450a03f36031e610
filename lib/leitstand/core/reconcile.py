"""From wanted and found resources to deviations and to a plan.

What is planned of a resource that deviates depends on what it needs:

==========================  =======================  =========================================
a resource that it needs    missing, would be made   existing, would be changed in place
==========================  =======================  =========================================
is there, or is planned     planned                  planned
is there but deviates       planned                  planned
is missing and withheld     withheld                 withheld: its update may name what is not
cannot be read              withheld: nobody knows   planned, since what exists was made with
                            whether it is there      it; withheld where it takes an output of it
==========================  =======================  =========================================
"""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leitstand.core.difference import Body, Difference, differences
from leitstand.core.kinds import Kind, Resource, is_reference
from leitstand.core.nested import value_at
from leitstand.core.order import UnknownReference, needs, ordered
from leitstand.core.patching import laid
from leitstand.core.plan import Action, Plan
from leitstand.core.reconcile_types import Change, Deviation, Found, Provisioning, Unreadable
from leitstand.core.references import Reference, Source, find, name_of, resolve

__all__ = [
    "Change",
    "Deviation",
    "Found",
    "Provisioning",
    "Unreadable",
    "compare",
    "plan_provision",
]

_NOT_OBSERVED = Unreadable("Sie wurde nicht gelesen.")


def compare(resources: Sequence[Resource], found: Mapping[str, Found]) -> tuple[Deviation, ...]:
    """Return which resources are not as wanted, in the order of ``resources``.

    A resource that ``found`` does not know counts as unreadable, never as missing.
    ``blocked`` says what holds whatever is agreed to: data, an operator's value, no permission.
    """
    names = {resource.key: resource.name for resource in resources}
    known = {key: body for key, body in found.items() if isinstance(body, Mapping)}
    judged = (
        _judged(resource, found.get(resource.key, _NOT_OBSERVED), _outputs(resource, names, known))
        for resource in resources
    )
    return tuple(deviation for deviation in judged if deviation)


def plan_provision(
    resources: Sequence[Resource],
    found: Mapping[str, Found],
    *,
    environment: str,
    project: str,
    replace: Collection[str] = (),
) -> Provisioning:
    """Return the plan that makes everything as wanted, as far as it can be planned.

    Args:
        resources: What is wanted.
        found: What was observed, by key.
        environment: Name of the environment.
        project: Id of the project.
        replace: Keys of what may be deleted and made anew where it cannot be changed in place;
            what holds data is not replaced even so.

    Raises:
        DuplicateName: two resources are one and the same for their API.
        UnknownReference: a resource or ``replace`` names one that is not wanted.
        DependencyCycle: resources wait for each other.
        MisplacedPlaceholder: compared fields hold what only a creation can send.
    """
    planning = _Planning({resource.key: resource.name for resource in resources})
    for key in replace:
        if key not in planning.names:
            raise UnknownReference(key, "", planning.names)
    for resource in ordered(resources):
        planning.take(resource, found.get(resource.key, _NOT_OBSERVED), resource.key in replace)
    plan = Plan(
        runbook="provision",
        environment=environment,
        target=f"projects/{project}",
        basis={"observed": _fingerprint(compare(resources, found))},
        actions=tuple(planning.actions.values()),
        returns_by_itself=False,
    )
    return Provisioning(plan, tuple(planning.withheld))


@dataclass
class _Planning:
    """What is decided so far.

    Attributes:
        names: Full names by key.
        known: By key: the body that a resource will have, where that is known.
        missing: Keys of what will not exist.
        unreadable: Keys of what may or may not exist.
        waits: By key: the nearest actions before it.
        actions: By key.
        withheld: What is not planned.
    """

    names: Mapping[str, str]
    known: dict[str, Body] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    waits: dict[str, set[str]] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    withheld: list[Deviation] = field(default_factory=list)

    def take(self, resource: Resource, found: Found, consent: bool) -> None:
        """Decide on one resource; all that it needs has been decided on."""
        key = resource.key
        wanted = _outputs(resource, self.names, self.known)
        deviation = _judged(resource, found, wanted)
        self.waits[key] = self._before(resource)
        if deviation and not deviation.blocked:
            obstacle = self._obstacle(resource, deviation, consent)
            deviation = dataclasses.replace(deviation, blocked=obstacle)
        if deviation and not deviation.blocked:
            self.actions[key] = _action(
                resource, wanted, deviation, sorted(self.waits[key]), missing=found is None
            )
            if deviation.change == "update" and isinstance(found, Mapping):
                self.known[key] = laid(resource.kind, found, wanted)
            return
        if deviation:
            self.withheld.append(deviation)
        if isinstance(found, Unreadable):
            self.unreadable.add(key)
        elif found is not None:
            self.known[key] = found
        elif deviation:
            self.missing.add(key)

    def _before(self, resource: Resource) -> set[str]:
        before: set[str] = set()
        for needed in needs(resource):
            before |= {needed} if needed in self.actions else self.waits[needed]
        return before

    def _obstacle(self, resource: Resource, deviation: Deviation, consent: bool) -> str:
        if deviation.change == "replace" and not consent:
            return (
                "Das geht nur, indem die Ressource gelöscht und neu angelegt wird. "
                f"Nennen Sie „{resource.key}“ unter „replace“, wenn Sie das wollen."
            )
        for needed in needs(resource):
            if needed in self.missing:
                return (
                    f"Sie braucht „{needed}“, das fehlt und in diesem Plan nicht angelegt wird. "
                    "Beheben Sie zuerst, was dort genannt ist."
                )
        asked = self.unreadable & (
            {reference.key for difference in deviation.differences
             for reference in find(difference.wanted)}
            if deviation.change == "update"
            else {*needs(resource)}
        )  # fmt: skip
        for needed in sorted(asked):
            return (
                f"Sie braucht „{needed}“, das nicht gelesen werden konnte. "
                "Verschaffen Sie sich das Recht, es zu lesen, und planen Sie erneut."
            )
        return ""


def _outputs(resource: Resource, names: Mapping[str, str], known: Mapping[str, Body]) -> Body:
    """Return the stated body with what is known of other resources in its place."""

    def lookup(reference: Reference) -> Any:
        if name := name_of(reference, names):
            return name
        value = value_at(known.get(reference.key), reference.field)
        return None if is_reference(value) else value

    body: Body = resolve(resource.body, lookup)
    return body


def _judged(resource: Resource, found: Found, wanted: Body) -> Deviation | None:
    kind = resource.kind

    def deviation(
        change: Change, different: tuple[Difference, ...] = (), blocked: str = ""
    ) -> Deviation:
        return Deviation(resource.key, kind, resource.id, resource.name, change, different, blocked)

    if isinstance(found, Unreadable):
        return deviation("unreadable", (), found.reason)
    if found is None and kind.create and resource.id not in kind.built_in:
        return deviation("create", (), _by_operator(resource))
    different = differences(kind, wanted, found or {})
    if not different:
        return None
    if found is None or (kind.update and not _fixed(kind, different)):
        return deviation("update", different)
    return deviation("replace", different, _irreplaceable(kind) or _by_operator(resource))


def _fixed(kind: Kind, different: Sequence[Difference]) -> bool:
    return any(
        difference.field == path or difference.field.startswith(f"{path}.")
        for difference in different
        for path in kind.immutable
    )


def _irreplaceable(kind: Kind) -> str:
    if kind.holds_data:
        return (
            "Das geht nur durch eine neue Ressource, und mit der alten gingen Daten verloren. "
            "Passen Sie die Umgebung dem Bestand an, oder ziehen Sie die Daten von Hand um."
        )
    if not kind.create or not kind.delete:
        return (
            "Das lässt sich über die API weder ändern noch ersetzen. "
            "Passen Sie die Umgebung dem Bestand an."
        )
    return ""


def _by_operator(resource: Resource) -> str:
    if any(reference.source is Source.OPERATOR for reference in find(resource.initial)):
        return (
            "Diesen Wert kann nur eine Person bringen. "
            f"Legen Sie „{resource.name}“ von Hand an, und planen Sie erneut."
        )
    return ""


def _action(
    resource: Resource, wanted: Body, deviation: Deviation, after: Sequence[str], *, missing: bool
) -> Action:
    arguments: dict[str, Any] = {
        "kind": resource.kind.name,
        "id": resource.id,
        "after": list(after),
        "step": int(resource.kind.step),
        "slow": resource.kind.slow,
        "wanted": wanted,
    }
    if deviation.change != "update" and resource.initial:
        arguments["initial"] = dict(resource.initial)
    # What is built in and was not seen, since its API is still off, has some unknown value.
    if deviation.change != "create" and not (missing and resource.kind.create):
        arguments["before"] = {
            difference.path: difference.found for difference in deviation.differences
        }
    return Action(resource.key, f"{deviation.change}_resource", resource.name, arguments)


def _fingerprint(deviations: Sequence[Deviation]) -> str:
    """Return a SHA-256 over what was observed of the stated fields, in hexadecimal.

    What is as stated need not be named: as soon as it is not, it is a deviation.
    """
    observed = {
        deviation.key: [
            deviation.change,
            {difference.path: difference.found for difference in deviation.differences},
        ]
        for deviation in deviations
    }
    text = json.dumps(observed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
