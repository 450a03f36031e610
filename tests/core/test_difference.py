"""Comparing what is wanted with what was found."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.difference import Difference, conflicts, differences
from leitstand.core.kind_table import KINDS
from tests.core.kinds import kind

PLAIN = kind()
LISTS = kind(
    lists={
        "keyed": "name",
        "members": "",
        "places": "#",
        "places.keyed": "name",
        "bindings": "role,condition",
        "bindings.members": "",
    }
)
NETWORK = "projects/p/global/networks/main"


@pytest.mark.parametrize(
    ("why", "wanted", "found"),
    [
        ("false is left out", {"a": False}, {}),
        ("0 is left out", {"a": 0}, {}),
        ("an empty text is left out", {"a": ""}, {}),
        ("an empty list is left out", {"a": []}, {}),
        ("an empty object is left out", {"a": {}}, {}),
        ("an object of zero values is left out", {"a": {"b": False}}, {}),
        ("null wants nothing there", {"a": None}, {}),
        ("null wants nothing there, or zero", {"a": None}, {"a": False}),
        ("64-bit figures come as text", {"a": 7}, {"a": "7"}),
        ("64-bit figures are stated as text", {"a": "7"}, {"a": 7}),
        ("64-bit figures are exact", {"a": 2**53 + 1}, {"a": str(2**53 + 1)}),
        ("a zero may be text", {"a": 0}, {"a": "0"}),
        ("1 is 1.0", {"a": 1}, {"a": 1.0}),
        ("fractions may be text", {"a": 0.05}, {"a": "0.05"}),
        ("durations have fractions", {"a": "900s"}, {"a": "900.000s"}),
        (
            "names may be URLs",
            {"a": NETWORK},
            {"a": f"https://www.googleapis.com/compute/v1/{NETWORK}"},
        ),
        (
            "URLs have two hosts",
            {"a": f"https://compute.googleapis.com/compute/v1/{NETWORK}"},
            {"a": f"https://www.googleapis.com/compute/v1/{NETWORK}"},
        ),
        ("unstated fields are not compared", {"a": 1}, {"a": 1, "b": 2}),
        ("unstated fields of objects are not compared", {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
        ("lists may be equal", {"a": [1, "x"]}, {"a": [1, "x"]}),
        (
            "members of lists have unstated fields",
            {"a": [{"b": 1}]},
            {"a": [{"b": 1, "c": 2}]},
        ),
        (
            "further members are not compared where members are matched by a key",
            {"keyed": [{"name": "b", "value": 2}]},
            {"keyed": [{"name": "a"}, {"name": "b", "value": 2, "more": 3}]},
        ),
        (
            "stated members are among others in any order",
            {"members": ["b", "a"]},
            {"members": ["a", "x", "b"]},
        ),
        (
            "a stated object is among others with fewer fields",
            {"members": [{"role": "WRITER", "who": "a"}]},
            {"members": [{"role": "OWNER", "who": "a"}, {"role": "WRITER", "who": "a", "x": 1}]},
        ),
        (
            "further places are not compared",
            {"places": [{"keyed": [{"name": "a"}]}]},
            {"places": [{"keyed": [{"name": "b"}, {"name": "a"}]}, {"other": 1}]},
        ),
    ],
    ids=lambda value: value.replace(" ", "_") if isinstance(value, str) else "",
)
def test_is_as_stated(why: str, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    assert () == differences(LISTS, wanted, found), why


@pytest.mark.parametrize(
    ("why", "wanted", "found", "expected"),
    [
        ("another value", {"a": 1}, {"a": 2}, ("a", 1, 2)),
        ("true is missing", {"a": True}, {}, ("a", True, None)),
        ("false is wanted", {"a": False}, {"a": True}, ("a", False, True)),
        ("true is not 1", {"a": True}, {"a": 1}, ("a", True, 1)),
        ("a figure is no duration", {"a": 900}, {"a": "900s"}, ("a", 900, "900s")),
        ("texts are not figures", {"a": "07"}, {"a": "7"}, ("a", "07", "7")),
        ("\"0\" is a text, not nothing", {"a": "0"}, {}, ("a", "0", None)),
        ("null wants nothing there", {"a": None}, {"a": 1}, ("a", None, 1)),
        ("below an object", {"a": {"b": {"c": 1}}}, {"a": {"d": 1}}, ("a.b.c", 1, None)),
        ("an object is not a text", {"a": {"b": 1}}, {"a": "b"}, ("a", {"b": 1}, "b")),
        ("a list is shorter", {"a": [1]}, {"a": [1, 2]}, ("a", [1], [1, 2])),
        ("a list has another order", {"a": [1, 2]}, {"a": [2, 1]}, ("a", [1, 2], [2, 1])),
        ("a list is empty", {"a": [1]}, {}, ("a", [1], [])),
        (
            "a member is missing",
            {"keyed": [{"name": "a", "value": 1}]},
            {"keyed": [{"name": "b"}]},
            ("keyed[a]", {"name": "a", "value": 1}, None),
        ),
        (
            "a member differs",
            {"keyed": [{"name": "a", "value": 1}]},
            {"keyed": [{"name": "b"}, {"name": "a", "value": 2}]},
            ("keyed[a].value", 1, 2),
        ),
        ("members are missing", {"members": ["a", "b"]}, {"members": ["b", "c"]},
         ("members", ["a"], [])),
        ("a place is missing", {"places": [{}, {"x": 1}]}, {"places": [{}]},
         ("places[1]", {"x": 1}, None)),
        (
            "a member in a place differs",
            {"places": [{"keyed": [{"name": "a", "value": 1}]}]},
            {"places": [{"keyed": [{"name": "a", "value": 2}]}]},
            ("places[0].keyed[a].value", 1, 2),
        ),
        (
            "a binding with a condition is another binding",
            {"bindings": [{"role": "r", "members": ["a"]}]},
            {"bindings": [{"role": "r", "members": ["a"], "condition": {"title": "t"}}]},
            ("bindings[r]", {"role": "r", "members": ["a"]}, None),
        ),
        ("a placeholder differs from everything", {"a": "${x.y/z#f}"}, {"a": "${x.y/z#f}"},
         ("a", "${x.y/z#f}", "${x.y/z#f}")),
    ],
    ids=lambda value: value.replace(" ", "_") if isinstance(value, str) else "",
)  # fmt: skip
def test_is_not_as_stated(
    why: str, wanted: dict[str, Any], found: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    assert (Difference(*expected),) == differences(LISTS, wanted, found), why


def test_a_condition_picks_its_binding() -> None:
    policy = KINDS["project.policy"]
    condition = {"title": "nights", "expression": "request.time.getHours() > 20"}
    found = {
        "bindings": [
            {"role": "r", "members": ["user:a"]},
            {"role": "r", "members": ["user:b"], "condition": condition},
        ]
    }
    wanted = {"bindings": [{"role": "r", "members": ["user:a"], "condition": condition}]}
    assert (Difference("bindings[r,nights].members", ["user:a"], []),) == differences(
        policy, wanted, found
    )


def test_a_field_is_named_without_members_of_lists() -> None:
    difference = Difference("template.containers[0].env[A].value", 1, 2)
    assert "template.containers.env.value" == difference.field


@pytest.mark.parametrize(
    ("now", "conflicting"),
    [
        ({"a": 1}, []),
        ({"a": 2}, []),
        ({"a": "1"}, []),
        ({"a": 1, "unstated": 5}, []),
        ({"a": 3}, ["a"]),
        ({}, ["a"]),
        ({"a": 1, "b": 6}, ["b"]),
    ],
)
def test_only_what_is_neither_as_planned_nor_as_wanted_was_changed_by_hand(
    now: dict[str, Any], conflicting: list[str]
) -> None:
    wanted, before = {"a": 2, "b": 5}, {"a": 1}
    found = {"b": 5, **now}
    assert conflicting == [each.path for each in conflicts(PLAIN, wanted, before, found)]


def test_a_member_that_appeared_meanwhile_was_changed_by_hand() -> None:
    wanted = {"keyed": [{"name": "a", "value": 1}]}
    before = {each.path: each.found for each in differences(LISTS, wanted, {})}
    assert () == conflicts(LISTS, wanted, before, {"keyed": [{"name": "b"}]})
    now = {"keyed": [{"name": "a", "value": 9}]}
    assert (Difference("keyed[a].value", 1, 9),) == conflicts(LISTS, wanted, before, now)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("as0.", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=50)
@given(body=st.dictionaries(st.text("ab", min_size=1, max_size=2), values, max_size=3))
def test_everything_is_as_itself(body: dict[str, Any]) -> None:
    assert () == differences(PLAIN, body, body)
