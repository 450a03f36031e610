"""What an update sends, against a model of what Google's APIs make of it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.difference import differences
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind
from leitstand.core.patching import Patch, laid, patch
from tests.core import google
from tests.core.kinds import kind

NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class Shape:
    """What values of a field look like.

    Attributes:
        type: ``int``, ``text``, ``bool``, ``object``, ``map`` or ``list``.
        fields: Of an object.
        items: Of a list.
        rule: Of a list; None where it is compared whole.
    """

    type: str
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    items: "Shape | None" = None
    rule: str | None = None


def objects(fields: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    return st.dictionaries(st.sampled_from(NAMES), fields, min_size=1).map(
        lambda given: Shape("object", given)
    )


def shapes_with(inner: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    matched = objects(inner).map(lambda shape: Shape("list", items=shape, rule="key"))
    others = st.builds(
        lambda items, rule: Shape("list", items=items, rule=rule),
        inner,
        st.sampled_from([None, "", "#"]),
    )
    return objects(inner) | matched | others


plain = st.sampled_from(["int", "text", "bool", "map"]).map(Shape)
shapes = st.recursive(plain, shapes_with, max_leaves=8)
texts = st.sampled_from(["", "x", "y", "0", "60s", "60.0s", "projects/p/x",
                         "https://www.googleapis.com/compute/v1/projects/p/x"])  # fmt: skip
figures = st.integers(0, 3)


def keyed(members: st.SearchStrategy[Any], key: str) -> st.SearchStrategy[Any]:
    return members.map(lambda member: {**member, "key": key})


def values(shape: Shape, wanted: bool) -> st.SearchStrategy[Any]:
    """Values of a shape; where wanted, an object may state a field as null."""
    if shape.type == "object":
        optional = {
            name: values(each, wanted) | st.none() if wanted else values(each, wanted)
            for name, each in shape.fields.items()
        }
        return st.fixed_dictionaries({}, optional=optional)
    if shape.type == "map":
        return st.dictionaries(st.sampled_from(["k.x", "l[0]", "m"]), texts, max_size=2)
    if shape.type == "list":
        assert shape.items is not None
        members = values(shape.items, wanted)
        if shape.rule != "key":
            return st.lists(members, max_size=3)
        keys = st.lists(st.sampled_from("uvw"), unique=True, max_size=3)
        return keys.flatmap(
            lambda found: st.tuples(*(keyed(members, key) for key in found)).map(list)
        )
    read = figures if wanted else figures | figures.map(str)
    return {"int": read, "text": texts, "bool": st.booleans()}[shape.type]


def marked(shape: Shape, path: str = "") -> Iterator[tuple[str, str, str | None]]:
    """Path, type and rule of each list and map."""
    if shape.type in ("list", "map"):
        yield path, shape.type, shape.rule
    if shape.items is not None:
        yield from marked(shape.items, path)
    for name, inner in shape.fields.items():
        yield from marked(inner, f"{path}.{name}" if path else name)


def rules(shape: Shape) -> dict[str, str] | None:
    """The column ``lists``, or None where two lists have one path, as lists in lists have."""
    result: dict[str, str] = {}
    paths = [path for path, _, _ in marked(shape)]
    if len(set(paths)) != len(paths):
        return None
    for path, type_, rule in marked(shape):
        if type_ == "map":
            result[path] = "{}"
        elif rule is not None:
            result[path] = rule
    return result


@dataclass(frozen=True)
class Case:
    shape: Shape
    kind: Kind
    wanted: dict[str, Any]
    found: dict[str, Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    shape = draw(objects(shapes).filter(lambda each: rules(each) is not None))
    ways: list[dict[str, Any]] = [{}, {"masked": True}, {"whole": True}]
    way = draw(st.sampled_from(ways))
    found = draw(values(shape, wanted=False))
    if draw(st.booleans()):
        found = google.without_zeros(found)
    found["unstated"] = {"kept": [1]}
    chosen = kind(lists=rules(shape), **way)
    return Case(shape, chosen, draw(values(shape, wanted=True)), found)


def updated(case: Case) -> dict[str, Any]:
    sent = patch(case.kind, case.wanted, case.found)
    body = json.loads(json.dumps(sent.body))
    result: dict[str, Any]
    if case.kind.whole:
        result = google.put(body)
    elif case.kind.masked:
        opaque = {path for path, _, _ in marked(case.shape)}
        result = google.masked(case.found, body, sent.paths, opaque)
    else:
        result = google.merged(case.found, body)
    return result


def check_unstated(shape: Shape, wanted: Any, found: Any, after: Any) -> None:
    """Fail where something changed that ``wanted`` does not state."""
    if shape.type in ("object", "map"):
        for name in {*found, *(after or {})} - {*wanted}:
            assert found.get(name) == (after or {}).get(name)
        for name in {*found} & {*wanted}:
            if wanted[name] is not None and name in shape.fields:
                inner = shape.fields[name]
                check_unstated(inner, wanted[name], found[name], (after or {}).get(name))
    elif shape.type == "list" and shape.rule is not None:
        after = after or []
        assert shape.items is not None
        if shape.rule == "":
            assert found == after[: len(found)]
            return
        assert len(after) >= len(found)
        for position, member in enumerate(found):
            if shape.rule == "#":
                stated = wanted[position] if position < len(wanted) else {}
            else:
                stated = next((each for each in wanted if each["key"] == member["key"]), {})
            if stated:
                check_unstated(shape.items, stated, member, after[position])
            elif shape.rule == "key" or position >= len(wanted):
                assert member == after[position]


@settings(max_examples=120)
@given(case=cases())
def test_an_update_reaches_what_is_wanted_and_changes_nothing_else(case: Case) -> None:
    after = updated(case)
    assert () == differences(case.kind, case.wanted, after)
    assert () == differences(case.kind, case.wanted, google.without_zeros(after))
    check_unstated(case.shape, case.wanted, case.found, after)
    expected = laid(case.kind, case.found, case.wanted)
    assert google.without_zeros(expected) == google.without_zeros(after)


@settings(max_examples=40)
@given(case=cases())
def test_what_is_as_wanted_is_sent_no_more(case: Case) -> None:
    after = laid(case.kind, case.found, case.wanted)
    assert () == differences(case.kind, case.wanted, after)
    assert after == laid(case.kind, after, case.wanted)
    expected = Patch(after if case.kind.whole else {}, ())
    assert expected == patch(case.kind, case.wanted, after)


RUN = KINDS["run.services"]
SERVICE = {
    "scaling": {"minInstanceCount": 2, "maxInstanceCount": 10},
    "template": {
        "revision": "web-00001-start",
        "labels": {"run.app/x": "1"},
        "containers": [
            {"image": "web:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
        ],
    },
    "etag": "e",
}


@pytest.mark.parametrize(
    ("wanted", "body", "paths"),
    [
        (
            {"scaling": {"maxInstanceCount": 20}},
            {"scaling": {"maxInstanceCount": 20}},
            ("scaling.maxInstanceCount",),
        ),
        (
            {"template": {"containers": [{"env": [{"name": "B", "value": "3"}]}]}},
            {
                "template": {
                    "containers": [
                        {
                            "image": "web:1",
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}],
                        }
                    ]
                }
            },
            ("template.containers", "template.revision"),
        ),
        (
            {"template": {"labels": {"run.app/y": "2"}}},
            {"template": {"labels": {"run.app/x": "1", "run.app/y": "2"}}},
            ("template.labels", "template.revision"),
        ),
        ({"scaling": {"minInstanceCount": 2}}, {}, ()),
    ],
)
def test_a_mask_names_what_changes_and_what_the_api_must_forget(
    wanted: dict[str, Any], body: dict[str, Any], paths: tuple[str, ...]
) -> None:
    assert Patch(body, paths) == patch(RUN, wanted, SERVICE)


def test_a_whole_body_keeps_what_was_found_and_does_not_send_back_what_must_be_forgotten() -> None:
    whole = kind(whole=True, forget_on_update=("template.revision",))
    sent = patch(whole, {"scaling": {"maxInstanceCount": 20}}, SERVICE)
    assert {"minInstanceCount": 2, "maxInstanceCount": 20} == sent.body["scaling"]
    assert {"labels", "containers"} == {*sent.body["template"]}
    assert "e" == sent.body["etag"]


def test_a_policy_keeps_the_members_and_bindings_that_nobody_stated() -> None:
    condition = {"expression": "true"}
    found = {
        "bindings": [
            {"role": "r", "members": ["user:x"], "condition": condition},
            {"role": "r", "members": ["user:a"]},
            {"role": "other", "members": ["user:b"]},
        ],
        "etag": "e",
    }
    wanted = {"bindings": [{"role": "r", "members": ["user:c", "user:a"]}]}
    expected = json.loads(json.dumps(found))
    expected["bindings"][1]["members"] = ["user:a", "user:c"]
    assert Patch(expected, ()) == patch(KINDS["project.policy"], wanted, found)


def test_a_merge_sends_the_stated_fields_of_what_changes_only() -> None:
    found = {"settings": {"tier": "a", "backup": {"enabled": False, "days": 7}, "x": 1}, "y": 1}
    wanted = {"settings": {"tier": "a", "backup": {"enabled": True}}, "y": 1}
    expected = {"settings": {"tier": "a", "backup": {"enabled": True}}}
    assert Patch(expected, ()) == patch(kind(), wanted, found)


def test_in_a_list_that_is_compared_whole_members_that_are_as_stated_stay_as_they_are() -> None:
    found = {"a": [{"b": 1, "x": 1}, {"b": 2, "x": 2}]}
    wanted = {"a": [{"b": 2}, {"b": 3}]}
    assert {"a": [{"b": 2, "x": 2}, {"b": 3}]} == laid(kind(), found, wanted)
