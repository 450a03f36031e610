"""The order of a provisioning, and what makes one impossible."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Resource, Step
from leitstand.core.order import (
    DependencyCycle,
    DuplicateName,
    MisplacedPlaceholder,
    UnknownReference,
    needs,
    ordered,
)
from tests.core.kinds import kind, resource

STEPS = [kind(f"test.step{int(step)}", step=step) for step in Step]


@st.composite
def graphs(draw: st.DrawFn) -> list[Resource]:
    """Resources that wait for any others, so that there may be cycles."""
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
    keys = [f"{each.name}/{position}" for position, each in enumerate(steps)]
    return [
        resource(
            str(position),
            each,
            after=tuple(draw(st.lists(st.sampled_from(keys), max_size=2, unique=True))),
        )
        for position, each in enumerate(steps)
    ]


def naive(resources: Sequence[Resource]) -> list[str]:
    """Again and again the first in step and position of those whose needs are met."""
    result: list[str] = []
    left = sorted(resources, key=lambda each: each.kind.step)
    while left:
        first = next(each for each in left if {*each.after} <= {*result})
        left.remove(first)
        result.append(first.key)
    return result


@given(resources=graphs())
def test_each_stands_after_what_it_needs_or_a_true_cycle_is_named(
    resources: list[Resource],
) -> None:
    by_key: Mapping[str, Resource] = {each.key: each for each in resources}
    result: list[str] = []
    cycle: tuple[str, ...] = ()
    try:
        result = [each.key for each in ordered(resources)]
    except DependencyCycle as error:
        cycle = error.keys
    assert bool(result) != bool(cycle)
    assert cycle[:1] == cycle[-1:]
    assert all(other in by_key[key].after for key, other in pairwise(cycle))
    if result:
        assert naive(resources) == result


def test_a_cycle_is_named_in_the_order_in_which_each_waits_for_the_next() -> None:
    one = resource("a", after=("test.things/b",))
    other = resource("b", body={"x": "${test.things/a#out}"})
    with pytest.raises(DependencyCycle) as caught:
        ordered([one, other])
    cycle = " → ".join(caught.value.keys)
    assert f"Diese Ressourcen warten im Kreis aufeinander: {cycle}." == caught.value.message
    assert {"test.things/a", "test.things/b"} == {*caught.value.keys}


def test_needs_are_what_is_stated_and_what_placeholders_name() -> None:
    needy = resource(
        after=("x.y/z",),
        body={"a": ["${a.b/c#d}", "${a.b/c#e}"]},
        initial={"b": "${secret:s/1} ${auth:r.i/m} ${generated:8} ${operator} ${image:i}"},
    )
    expected = ("x.y/z", "a.b/c", "secretmanager.versions/s/1", "r.i/m")
    assert expected == needs(needy)


def test_a_need_that_is_not_wanted_is_named_with_the_nearest() -> None:
    resources = [resource("main"), resource("a", after=("test.things/mian",))]
    with pytest.raises(UnknownReference) as caught:
        ordered(resources)
    assert (
        "„test.things/a“ verweist auf „test.things/mian“, aber das gibt es in der Umgebung nicht."
    ) == caught.value.message
    assert "Meinten Sie „test.things/main“?" == caught.value.advice


@pytest.mark.parametrize("ids", [("a", "b"), ("a", "a")])
def test_two_resources_with_one_name_are_refused(ids: tuple[str, str]) -> None:
    resources = [resource(each, name="things/one") for each in ids]
    with pytest.raises(DuplicateName) as caught:
        ordered(resources)
    assert tuple(f"test.things/{each}" for each in ids) == caught.value.keys


def test_a_policy_may_have_the_name_of_what_it_belongs_to() -> None:
    secret, policy = KINDS["secretmanager.secrets"], KINDS["secretmanager.policy"]
    named = [resource("a", each, name="projects/p/secrets/a") for each in (secret, policy)]
    assert 2 == len(ordered(named))


def test_one_name_in_two_apis_is_two_resources() -> None:
    kinds = [kind("test.ones", api="one.v1"), kind("test.others", api="other.v1")]
    assert 2 == len(ordered([resource("a", each, name="things/a") for each in kinds]))


@pytest.mark.parametrize("text", ["${generated:8}", "${secret:s/1}", "${operator}", "${now+1s}"])
def test_what_only_a_creation_sends_cannot_stand_in_compared_fields(text: str) -> None:
    with pytest.raises(MisplacedPlaceholder) as caught:
        ordered([resource("a", body={"x": [{"y": text}]})])
    assert ("test.things/a", text) == (caught.value.key, caught.value.text)
