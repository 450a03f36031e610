"""Deviations and plans, and what applying a plan comes to."""

from collections.abc import Mapping
from typing import Any

import pytest

from leitstand.core.difference import Difference
from leitstand.core.kinds import Kind, Resource, Step
from leitstand.core.order import UnknownReference
from leitstand.core.plan import Plan
from leitstand.core.reconcile import (
    Found,
    Provisioning,
    Unreadable,
    compare,
    plan_provision,
)
from tests.core.kinds import kind, resource

THING = kind(immutable=("fixed",))
DATA = kind("test.data", immutable=("fixed",), holds_data=True)
ONCE = kind("test.onces", update="")
PART = kind("test.parts", create="", delete="", whole=True)
DENIED = Unreadable("Ihnen fehlt das Recht test.get.")


def planned(
    resources: list[Resource], found: Mapping[str, Found], replace: tuple[str, ...] = ()
) -> Provisioning:
    return plan_provision(resources, found, environment="staging", project="p", replace=replace)


def actions(provisioning: Provisioning) -> list[tuple[str, str]]:
    return [(action.kind, action.id) for action in provisioning.plan.actions]


def withheld(provisioning: Provisioning) -> list[tuple[str, str]]:
    return [(each.change, each.key) for each in provisioning.withheld]


@pytest.mark.parametrize(
    ("of", "found", "change"),
    [
        (THING, None, "create"),
        (THING, {"fixed": 1, "a": 2}, "update"),
        (THING, {"fixed": 2, "a": 1}, "replace"),
        (THING, {"fixed": 1, "a": 1, "more": 1}, None),
        (ONCE, {"fixed": 1, "a": 2}, "replace"),
        (PART, None, "update"),
        (PART, {}, "update"),
        (THING, DENIED, "unreadable"),
    ],
)
def test_what_was_found_decides_the_change(of: Kind, found: Found, change: str | None) -> None:
    wanted = resource("a", of, body={"fixed": 1, "a": 1})
    changes = [each.change for each in compare([wanted], {wanted.key: found})]
    assert ([change] if change else []) == changes


def test_below_an_immutable_field_nothing_can_be_changed_in_place() -> None:
    of = kind(immutable=("a.b", "list"), lists={"list": "name"})
    one = resource("a", of, body={"a": {"b": {"c": 1}}})
    other = resource("b", of, body={"list": [{"name": "x", "v": 1}]})
    near = resource("c", of, body={"a": {"bb": 1}})
    found: dict[str, Found] = {each.key: {} for each in (one, other, near)}
    changes = [each.change for each in compare([one, other, near], found)]
    assert ["replace", "replace", "update"] == changes


def test_what_was_not_observed_is_unreadable_and_never_missing() -> None:
    assert ["unreadable"] == [each.change for each in compare([resource()], {})]
    assert [] == actions(planned([resource()], {}))


def test_outputs_of_what_was_found_are_compared_as_values() -> None:
    address = resource("a")
    rule = resource("b", body={"ip": "${test.things/a#ips.0}"})
    found: dict[str, Found] = {address.key: {"ips": ["10.0.0.1"]}, rule.key: {"ip": "10.0.0.1"}}
    assert () == compare([address, rule], found)
    found[rule.key] = {"ip": "10.0.0.2"}
    (deviation,) = compare([address, rule], found)
    assert (Difference("ip", "10.0.0.1", "10.0.0.2"),) == deviation.differences


def test_a_creation_knows_what_is_stated_and_what_only_it_sends() -> None:
    of = kind(lists={"containers": "#"}, slow=True, step=Step.SERVICES)
    wanted = resource(
        "a",
        of,
        body={"containers": [{"cpu": "1"}], "zero": 0},
        initial={"containers": [{"image": "${image:web:1}"}], "password": "${secret:s/1}"},
    )
    secret = resource("s/1", kind("secretmanager.versions"))
    provisioning = planned([wanted, secret], {wanted.key: None, secret.key: {}})
    (action,) = provisioning.plan.actions
    assert {
        "kind": "test.things",
        "id": "a",
        "after": [],
        "step": 5,
        "slow": True,
        "wanted": {"containers": [{"cpu": "1"}], "zero": 0},
        "initial": {"containers": [{"image": "${image:web:1}"}], "password": "${secret:s/1}"},
    } == action.arguments
    assert ("create_resource", "test.things/a", wanted.name) == (
        action.kind,
        action.id,
        action.target,
    )


def test_an_update_carries_what_is_stated_and_what_was_there() -> None:
    wanted = resource(body={"a": 1, "b": {"c": [2]}})
    (action,) = planned([wanted], {wanted.key: {"a": 1, "b": {}}}).plan.actions
    assert ({"a": 1, "b": {"c": [2]}}, {"b.c": []}) == (
        action.arguments["wanted"],
        action.arguments["before"],
    )


def test_the_plan_is_about_the_project_and_has_no_way_back() -> None:
    plan = planned([resource()], {"test.things/a": None}).plan
    assert ("provision", "staging", "projects/p", (), False) == (
        plan.runbook,
        plan.environment,
        plan.target,
        plan.way_back,
        plan.returns_by_itself,
    )
    assert plan == Plan.from_data(plan.as_data())


def test_the_basis_changes_with_stated_fields_only() -> None:
    wanted = resource(body={"a": 1, "b": "7"})

    def basis(found: Found) -> Any:
        return planned([wanted], {wanted.key: found}).plan.basis["observed"]

    assert basis({"a": 1, "b": 7}) == basis({"a": "1", "b": "7", "c": 9})
    others = [{"a": 1, "b": 7}, {"a": 2, "b": 7}, {"a": 3, "b": 7}, {}, None, DENIED]
    assert len(others) == len({basis(each) for each in others})


def test_steps_keep_their_order_where_nothing_else_decides() -> None:
    late, early = kind("test.lates", step=Step.OPERATIONS), kind("test.earlies")
    resources = [resource("x", late), resource("y", early), resource("z", early)]
    found: dict[str, Found] = {each.key: None for each in resources}
    assert ["test.earlies/y", "test.earlies/z", "test.lates/x"] == [
        action.id for action in planned(resources, found).plan.actions
    ]


def test_an_action_waits_for_the_nearest_actions_before_it() -> None:
    first = resource("a")
    between = resource("b", after=(first.key,))
    last = resource("c", after=(between.key,))
    found: dict[str, Found] = {first.key: None, between.key: {}, last.key: None}
    plan = planned([last, between, first], found).plan
    assert [[], [first.key]] == [action.arguments["after"] for action in plan.actions]
    found[between.key] = None
    plan = planned([last, between, first], found).plan
    assert [between.key] == plan.action(last.key).arguments["after"]


def test_an_immutable_field_is_withheld_without_consent() -> None:
    wanted = resource("a", THING, body={"fixed": 1})
    provisioning = planned([wanted], {wanted.key: {"fixed": 2}})
    assert ([], [("replace", wanted.key)]) == (actions(provisioning), withheld(provisioning))
    assert (
        "Das geht nur, indem die Ressource gelöscht und neu angelegt wird. "
        "Nennen Sie „test.things/a“ unter „replace“, wenn Sie das wollen."
    ) == provisioning.withheld[0].blocked


def test_an_immutable_field_is_replaced_with_consent() -> None:
    wanted = resource("a", THING, body={"fixed": 1}, initial={"b": "${generated:8}"})
    provisioning = planned([wanted], {wanted.key: {"fixed": 2}}, (wanted.key,))
    (action,) = provisioning.plan.actions
    assert "replace_resource" == action.kind
    assert {"fixed": 1} == action.arguments["wanted"]
    assert {"fixed": 2} == action.arguments["before"]
    assert {"b": "${generated:8}"} == action.arguments["initial"]
    assert () == provisioning.withheld


def test_what_holds_data_is_never_replaced() -> None:
    wanted = resource("a", DATA, body={"fixed": 1})
    provisioning = planned([wanted], {wanted.key: {"fixed": 2}}, (wanted.key,))
    assert ([], [("replace", wanted.key)]) == (actions(provisioning), withheld(provisioning))
    assert "gingen Daten verloren" in provisioning.withheld[0].blocked
    assert (
        provisioning.withheld[0].blocked == compare([wanted], {wanted.key: {"fixed": 2}})[0].blocked
    )


def test_consent_to_replace_what_is_not_wanted_is_refused() -> None:
    with pytest.raises(UnknownReference, match=r"Meinten Sie „test\.things/a“"):
        planned([resource()], {"test.things/a": None}, ("test.things/b",))


def test_a_replacement_makes_what_takes_its_outputs_wait_for_the_new_ones() -> None:
    address = resource("a", THING, body={"fixed": 1})
    rule = resource("b", THING, body={"ip": "${test.things/a#ip}"})
    found: dict[str, Found] = {address.key: {"fixed": 2, "ip": "old"}, rule.key: {"ip": "old"}}
    assert [] == actions(planned([address, rule], found))
    plan = planned([address, rule], found, (address.key,)).plan
    assert {"ip": "${test.things/a#ip}"} == plan.action(rule.key).arguments["wanted"]
    assert [address.key] == plan.action(rule.key).arguments["after"]


def test_an_update_hands_on_the_values_that_it_will_bring() -> None:
    one = resource("a", body={"size": 2})
    other = resource("b", body={"size": "${test.things/a#size}"})
    found: dict[str, Found] = {one.key: {"size": 1}, other.key: {"size": 1}}
    plan = planned([one, other], found).plan
    assert {"size": 2} == plan.action(other.key).arguments["wanted"]


OPERATOR = {"payload": "${operator}"}


def test_what_only_a_person_can_bring_is_withheld_with_all_that_depends_on_it() -> None:
    value = resource("a", initial=OPERATOR)
    uses = resource("b", body={"x": 1}, after=(value.key,))
    below = resource("c", after=(uses.key,))
    apart = resource("d")
    resources = [value, uses, below, apart]
    found: dict[str, Found] = dict.fromkeys((each.key for each in resources), None)
    provisioning = planned(resources, found)
    assert [("create_resource", apart.key)] == actions(provisioning)
    assert [("create", each.key) for each in resources[:3]] == withheld(provisioning)
    assert "Diesen Wert kann nur eine Person bringen." in provisioning.withheld[0].blocked
    assert f"Sie braucht „{value.key}“, das fehlt" in provisioning.withheld[1].blocked
    found[uses.key] = {"x": 2}
    provisioning = planned(resources, found)
    assert [("create", value.key), ("update", uses.key)] == withheld(provisioning)
    assert ("create_resource", below.key) in actions(provisioning)


def test_what_a_person_has_brought_holds_nothing_up() -> None:
    value = resource("a", initial=OPERATOR)
    uses = resource("b", after=(value.key,))
    provisioning = planned([value, uses], {value.key: {}, uses.key: None})
    assert [("create_resource", uses.key)] == actions(provisioning)


def test_what_deviates_but_is_there_does_not_hold_up_what_depends_on_it() -> None:
    data = resource("a", DATA, body={"fixed": 1})
    uses = resource("b", body={"x": "${test.data/a#out}"}, after=(data.key,))
    provisioning = planned([data, uses], {data.key: {"fixed": 2, "out": "o"}, uses.key: None})
    assert [("create_resource", uses.key)] == actions(provisioning)
    assert {"x": "o"} == provisioning.plan.actions[0].arguments["wanted"]


def test_an_unreadable_resource_holds_up_what_would_be_made_with_it_and_nothing_else() -> None:
    hidden = resource("a")
    new = resource("b", after=(hidden.key,))
    there = resource("c", body={"x": 1}, after=(hidden.key,))
    takes = resource("d", body={"x": "${test.things/a#out}"})
    below = resource("e", after=(there.key,))
    apart = resource("f")
    found: dict[str, Found] = {
        hidden.key: DENIED, new.key: None, there.key: {"x": 2}, takes.key: {"x": "o"},
        below.key: None, apart.key: None,
    }  # fmt: skip
    provisioning = planned([hidden, new, there, takes, below, apart], found)
    assert [
        ("update_resource", there.key),
        ("create_resource", below.key),
        ("create_resource", apart.key),
    ] == actions(provisioning)
    assert [("unreadable", hidden.key), ("create", new.key), ("update", takes.key)] == withheld(
        provisioning
    )
    assert DENIED.reason == provisioning.withheld[0].blocked
    assert f"Sie braucht „{hidden.key}“, das nicht gelesen" in provisioning.withheld[1].blocked


def test_a_part_of_something_new_is_set_after_it() -> None:
    whole = resource("a")
    part = resource("a", PART, body={"members": ["x"]}, after=(whole.key,))
    provisioning = planned([part, whole], {whole.key: None, part.key: None})
    assert [("create_resource", whole.key), ("update_resource", part.key)] == actions(provisioning)
