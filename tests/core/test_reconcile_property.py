"""Random environments: what applying a plan comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.kinds import Resource, Step
from leitstand.core.nested import value_at
from leitstand.core.patching import patch
from leitstand.core.plan import Plan
from leitstand.core.reconcile import Found, Provisioning, Unreadable, compare, plan_provision
from leitstand.core.references import Reference, Source, resolve
from tests.core import google
from tests.core.kinds import kind, resource

DENIED = Unreadable("Ihnen fehlt das Recht test.get.")
KINDS = {
    each.name: each
    for each in (
        kind(immutable=("fixed",)),
        kind("test.data", immutable=("fixed",), holds_data=True),
        kind("test.onces", update=""),
        kind("test.parts", create="", delete="", whole=True),
        kind("test.masked", masked=True, immutable=("fixed",), lists={"list": ""}),
        kind("test.merged", immutable=("fixed",), step=Step.SERVICES),
    )
}
numbers = st.integers(0, 2)
figures = st.integers(1, 2)


@dataclass
class World:
    """Resources as they really are; each has an output ``out`` that is new whenever it is made."""

    bodies: dict[str, dict[str, Any]]
    made: int = 0

    def lookup(self, reference: Reference) -> Any:
        if reference.source is Source.OPERATOR:
            raise AssertionError("nobody is there to bring a value")
        return value_at(self.bodies[reference.key], reference.field)

    def apply(self, plan: Plan, wanted: Mapping[str, Resource]) -> None:
        done: set[str] = set()
        for action in plan.actions:
            assert {*action.arguments["after"]} <= done
            assert all(key in self.bodies for key in wanted[action.id].after)
            done.add(action.id)
            self._apply(action.kind, action.id, action.arguments)

    def _apply(self, change: str, key: str, arguments: Mapping[str, Any]) -> None:
        if change == "update_resource" and key in self.bodies:
            of, found = KINDS[arguments["kind"]], self.bodies[key]
            stated = resolve(arguments["wanted"], self.lookup)
            sent = patch(of, stated, found)
            if of.whole:
                self.bodies[key] = google.put(sent.body)
            elif of.masked:
                self.bodies[key] = google.masked(found, sent.body, sent.paths)
            else:
                self.bodies[key] = google.merged(found, sent.body)
            assert all(found.get(path) == self.bodies[key].get(path) for path in of.immutable)
            return
        self.made += 1
        body = resolve(arguments.get("body") or arguments["wanted"], self.lookup)
        self.bodies[key] = {**google.without_zeros(body), "out": f"new-{self.made}"}


@dataclass(frozen=True)
class Case:
    resources: list[Resource]
    found: dict[str, Found]
    world: World


@st.composite
def cases(draw: st.DrawFn, *, hindered: bool) -> Case:
    resources: list[Resource] = []
    found: dict[str, Found] = {}
    world = World({})
    kinds = [each for each in KINDS.values() if hindered or not each.holds_data]
    for position in range(draw(st.integers(2, 6))):
        of = draw(st.sampled_from(kinds))
        before = [each.key for each in resources]
        after = draw(st.lists(st.sampled_from(before), unique=True, max_size=2)) if before else []
        stated: dict[str, st.SearchStrategy[Any]] = {
            "b": st.fixed_dictionaries({}, optional={"c": numbers, "d": numbers}),
            "list": st.lists(numbers, max_size=2),
            "fixed": numbers,
        }
        if after:
            outputs = [f"${{{key}#{name}}}" for key in after for name in ("out", "a")]
            stated["ref"] = st.sampled_from([each for each in outputs if each.endswith("out}")])
            if of.immutable:
                stated["fixed"] = numbers | st.sampled_from(outputs)
        body = draw(st.fixed_dictionaries({"a": figures}, optional=stated))
        initial = {}
        if hindered and draw(st.booleans()):
            initial = {"secret": "${operator}"}
        made = resource(str(position), of, body=body, initial=initial, after=tuple(after))
        resources.append(made)
        state = draw(st.sampled_from(["there", "there", "missing", *(["hidden"] * hindered)]))
        if state != "missing":
            fixed = stated.pop("fixed")
            there = draw(st.fixed_dictionaries({"a": figures, "fixed": fixed}, optional=stated))
            values = resolve(there, lambda _: "old")
            world.bodies[made.key] = {**values, "out": f"old-{position}", "unstated": 1}
        body_found: Found = world.bodies.get(made.key)
        found[made.key] = DENIED if state == "hidden" else body_found
    return Case(draw(st.permutations(resources)), found, world)


def planned(case: "Case", found: Mapping[str, Found], replace: tuple[str, ...]) -> Provisioning:
    return plan_provision(
        case.resources, found, environment="staging", project="p", replace=replace
    )


@settings(max_examples=80)
@given(case=cases(hindered=False))
def test_applying_a_plan_reaches_what_is_wanted_and_the_next_plan_is_empty(case: Case) -> None:
    by_key = {each.key: each for each in case.resources}
    keys = tuple(by_key)
    first = planned(case, case.found, keys)
    assert () == first.withheld
    case.world.apply(first.plan, by_key)
    found: dict[str, Found] = {key: case.world.bodies.get(key) for key in by_key}
    assert () == compare(case.resources, found)
    assert () == planned(case, found, keys).plan.actions


@settings(max_examples=80)
@given(case=cases(hindered=True), consent=st.booleans())
def test_whatever_hinders_what_is_planned_can_be_applied_and_is_never_a_loss(
    case: Case, consent: bool
) -> None:
    by_key = {each.key: each for each in case.resources}
    keys = tuple(by_key) if consent else ()
    first = planned(case, case.found, keys)
    for action in first.plan.actions:
        allowed = ["create_resource", "update_resource"]
        if consent and not by_key[action.id].kind.holds_data:
            allowed.append("replace_resource")
        assert action.kind in allowed
    decided = [*(each.id for each in first.plan.actions), *(each.key for each in first.withheld)]
    assert len(decided) == len({*decided})
    deviating = {each.key for each in compare(case.resources, case.found)}
    assert deviating <= {*decided}
    case.world.apply(first.plan, by_key)
    # What was withheld may have waited for an output that is known only now.
    withheld = {each.key for each in first.withheld}
    for _ in case.resources:
        found: dict[str, Found] = {
            key: before if isinstance(before, Unreadable) else case.world.bodies.get(key)
            for key, before in case.found.items()
        }
        again = planned(case, found, keys)
        assert {action.id for action in again.plan.actions} <= withheld
        withheld = {each.key for each in again.withheld}
        case.world.apply(again.plan, by_key)
        if not again.plan.actions:
            break
    assert () == again.plan.actions
