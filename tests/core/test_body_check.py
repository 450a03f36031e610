"""Checking bodies against the discovery documents that Google's client ships."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import pytest

from leitstand.core.body_check import check_body, schema_refs
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind
from tests.core.kinds import kind, resource

SCHEMAS: dict[str, Any] = {
    "Thing": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "tier": {"type": "string", "enum": ["BASIC", "STANDARD_HA"]},
            "sizeGb": {"type": "integer", "format": "int32"},
            "bytes": {"type": "string", "format": "int64"},
            "rate": {"type": "number", "format": "double"},
            "enabled": {"type": "boolean"},
            "timeout": {"type": "string", "format": "google-duration"},
            "time": {"type": "string", "format": "google-datetime"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "parts": {"type": "array", "items": {"$ref": "Part"}},
            "empty": {"$ref": "Empty"},
            "anything": {"type": "any"},
        },
    },
    "Part": {"type": "object", "properties": {"name": {"type": "string"}}},
    "Empty": {"type": "object", "properties": {}},
    "Request": {"type": "object", "properties": {"password": {"type": "string"}}},
}
LIMITED = kind(ranges={"sizeGb": (1, 300), "bytes": (0, 10)})


def problems(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    wanted = resource(of=LIMITED, body=body)
    return [(each.fault, each.path) for each in check_body(wanted, SCHEMAS, "Thing")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "a", "tier": "BASIC", "sizeGb": 5, "enabled": False, "rate": 1},
        {"bytes": "7", "timeout": "900s", "time": "2026-01-31T12:00:00.5Z", "rate": 0.5},
        {"bytes": 7, "sizeGb": 5.0, "name": None},
        {"labels": {"any-key": "a", "snake_key": "b"}, "anything": {"x": [1]}, "empty": {}},
        {"parts": [{"name": "a"}, {}]},
        {"name": "${a.b/c}", "sizeGb": "${a.b/c#d}", "enabled": "${a.b/c#d}", "tier": "${a.b/c#d}"},
        {"parts": "${a.b/c#d}", "labels": {"a": "${operator}"}, "time": "${now+1s}"},
    ],
)
def test_what_the_api_accepts_has_no_problem(body: dict[str, Any]) -> None:
    assert [] == problems(body)


@pytest.mark.parametrize(
    ("body", "fault", "path"),
    [
        ({"nmae": "a"}, "unknown_field", "nmae"),
        ({"size_gb": 5}, "unknown_field", "size_gb"),
        ({"parts": [{}, {"nam": "a"}]}, "unknown_field", "parts[1].nam"),
        ({"empty": {"a": 1}}, "unknown_field", "empty.a"),
        ({"tier": "STANDARD"}, "unknown_value", "tier"),
        ({"sizeGb": 0}, "out_of_range", "sizeGb"),
        ({"sizeGb": 301}, "out_of_range", "sizeGb"),
        ({"bytes": "11"}, "out_of_range", "bytes"),
        ({"sizeGb": "5"}, "wrong_type", "sizeGb"),
        ({"sizeGb": 5.5}, "wrong_type", "sizeGb"),
        ({"sizeGb": True}, "wrong_type", "sizeGb"),
        ({"rate": float("inf"), "sizeGb": float("inf")}, "wrong_type", "sizeGb"),
        ({"bytes": "7 GB"}, "wrong_type", "bytes"),
        ({"name": 5}, "wrong_type", "name"),
        ({"enabled": "yes"}, "wrong_type", "enabled"),
        ({"timeout": "15m"}, "wrong_type", "timeout"),
        ({"timeout": 900}, "wrong_type", "timeout"),
        ({"time": "tomorrow"}, "wrong_type", "time"),
        ({"parts": {"name": "a"}}, "wrong_type", "parts"),
        ({"parts": ["a"]}, "wrong_type", "parts[0]"),
        ({"labels": ["a"]}, "wrong_type", "labels"),
        ({"labels": {"a": 1}}, "wrong_type", "labels.a"),
    ],
)
def test_what_the_api_would_refuse_is_found(body: dict[str, Any], fault: str, path: str) -> None:
    assert [(fault, path)] == problems(body)


@pytest.mark.parametrize(
    ("body", "message", "advice"),
    [
        (
            {"size_gb": 5},
            "Das Feld „size_gb“ von „test.things/a“ gibt es nicht.",
            "Meinten Sie „sizeGb“?",
        ),
        (
            {"empty": {"a": 1}},
            "Das Feld „empty.a“ von „test.things/a“ gibt es nicht.",
            "Nehmen Sie es heraus.",
        ),
        (
            {"tier": "STANDARD_HAH"},
            "Das Feld „tier“ von „test.things/a“ kennt den Wert „STANDARD_HAH“ nicht.",
            "Meinten Sie „STANDARD_HA“? Möglich sind: BASIC, STANDARD_HA.",
        ),
        (
            {"sizeGb": 500},
            "Das Feld „sizeGb“ von „test.things/a“ liegt mit 500 außerhalb des erlaubten Bereichs.",
            "Geben Sie einen Wert von 1 bis 300 an.",
        ),
        (
            {"timeout": "15m"},
            "Das Feld „timeout“ von „test.things/a“ erwartet eine Dauer wie „900s“, nicht „15m“.",
            "Geben Sie eine Dauer wie „900s“ an.",
        ),
    ],
)
def test_a_problem_says_what_is_wrong_and_what_to_do(
    body: dict[str, Any], message: str, advice: str
) -> None:
    (problem,) = check_body(resource(of=LIMITED, body=body), SCHEMAS, "Thing")
    assert (message, advice) == (problem.message, problem.advice)


def test_a_figure_must_fit_its_format_where_the_kind_sets_no_range() -> None:
    (problem,) = check_body(resource(body={"sizeGb": 2**31}), SCHEMAS, "Thing")
    assert ("out_of_range", "sizeGb") == (problem.fault, problem.path)


def test_what_only_a_creation_sends_is_checked_against_what_the_creation_takes() -> None:
    wanted = resource(body={"name": "a"}, initial={"password": "${secret:s/1}", "passwort": "x"})
    (problem,) = check_body(wanted, SCHEMAS, "Thing", "Request")
    assert ("unknown_field", "passwort") == (problem.fault, problem.path)


@cache
def document(api: str) -> Mapping[str, Any]:
    package = resources.files("googleapiclient.discovery_cache.documents")
    loaded: Mapping[str, Any] = json.loads((package / f"{api}.json").read_text("utf-8"))
    return loaded


def at(of: Kind, path: str) -> bool:
    """Return whether a kind's body has a field at a dotted path."""
    schemas = document(of.api)["schemas"]
    fields = schemas[schema_refs(document(of.api), of)[0]].get("properties", {})
    for part in path.split("."):
        if part not in fields:
            return False
        inner = fields[part].get("items", fields[part])
        inner = schemas[inner["$ref"]] if "$ref" in inner else inner
        fields = inner.get("properties", {})
    return True


@pytest.mark.parametrize("of", KINDS.values(), ids=KINDS)
def test_every_kind_has_schemas_and_every_path_of_the_table_is_in_them(of: Kind) -> None:
    schemas = document(of.api)["schemas"]
    assert {*schema_refs(document(of.api), of)} <= {*schemas}
    paths = [*of.immutable, *of.lists, *of.ranges, *of.forget_on_update, *of.state[:1]]
    assert [] == [path for path in (*paths, *filter(None, [of.version])) if not at(of, path)]


def maps(of: Kind, ref: str, path: str = "", above: tuple[str, ...] = ()) -> list[str]:
    schemas = document(of.api)["schemas"]
    found = []
    for name, schema in schemas[ref].get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        if "additionalProperties" in schema:
            found.append(below)
        if "$ref" in schema and schema["$ref"] not in above:
            found += maps(of, schema["$ref"], below, (*above, ref))
    return found


@pytest.mark.parametrize("name", [each.name for each in KINDS.values() if each.masked])
def test_a_mask_never_looks_into_a_map_that_somebody_may_state(name: str) -> None:
    of = KINDS[name]
    never_stated = (
        "tags",
        "buildConfig.",
        "inlineCertificateIssuanceConfig.",
        "inlineTrustConfig.",
    )
    every = maps(of, schema_refs(document(of.api), of)[0])
    marked = [path for path, rule in of.lists.items() if rule == "{}"]
    assert sorted(path for path in every if not path.startswith(never_stated)) == sorted(marked)
