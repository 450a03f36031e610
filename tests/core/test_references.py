"""Placeholders: finding them, and putting values in their place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.nested import value_at
from leitstand.core.references import (
    MalformedPlaceholder,
    Reference,
    Source,
    find,
    name_of,
    resolve,
)

plain = st.text(alphabet="ab-/.: $}{", max_size=8).filter(lambda text: "${" not in text)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("${compute.networks/main}", {"source": Source.NAME, "key": "compute.networks/main"}),
        (
            "${sql.instances/main#ipAddresses.0.ipAddress}",
            {
                "source": Source.OUTPUT,
                "key": "sql.instances/main",
                "field": "ipAddresses.0.ipAddress",
            },
        ),
        (
            "${dns.resourceRecordSets/main/app.example.org./A#ttl}",
            {
                "source": Source.OUTPUT,
                "key": "dns.resourceRecordSets/main/app.example.org./A",
                "field": "ttl",
            },
        ),
        (
            "${secret:database-url/12}",
            {"source": Source.SECRET, "key": "secretmanager.versions/database-url/12"},
        ),
        ("${auth:redis.instances/main}", {"source": Source.AUTH, "key": "redis.instances/main"}),
        ("${generated:24}", {"source": Source.GENERATED, "amount": 24}),
        ("${now+3600s}", {"source": Source.NOW, "amount": 3600}),
        ("${image:host/p/r/web:1.0#a.b/c}", {"source": Source.IMAGE, "image": "host/p/r/web:1.0",
                                             "label": "a.b/c"}),
        ("${operator}", {"source": Source.OPERATOR}),
    ],
)  # fmt: skip
def test_each_form_of_placeholder_is_read(text: str, reference: dict[str, Any]) -> None:
    assert (Reference(text, **reference),) == find(text)


@pytest.mark.parametrize(
    "text",
    [
        "${",
        "${}",
        "a ${open",
        "${compute.networks}",
        "${compute.networks/}",
        "${compute.networks/main#}",
        "${compute.networks/main#a..b}",
        "${secret:name}",
        "${secret:name/latest}",
        "${generated:0}",
        "${generated:many}",
        "${now-1s}",
        "${person}",
    ],
)
def test_what_is_no_placeholder_is_refused_and_named(text: str) -> None:
    with pytest.raises(MalformedPlaceholder) as caught:
        find({"a": [text]})
    assert text.removeprefix("a ") == caught.value.text
    with pytest.raises(MalformedPlaceholder):
        resolve(text, lambda _: "x")


def test_placeholders_are_found_at_any_depth_and_each_once() -> None:
    body = {"a": [{"b": "x ${operator} ${generated:8}"}], "c": "${operator}", "d": 1}
    assert ["${operator}", "${generated:8}"] == [reference.text for reference in find(body)]


def test_only_values_of_secrets_are_confidential() -> None:
    texts = ["${secret:a/1}", "${auth:redis.instances/a}", "${generated:8}"]
    others = ["${now+1s}", "${operator}", "${image:a}", "${a.b/c}", "${a.b/c#d}"]
    assert [True] * 3 + [False] * 5 == [each.confidential for each in find([*texts, *others])]


NAMES = {"a.b/c": "projects/p/c", "sql.databases/m/d": "projects/p/instances/m/databases/d"}


@pytest.mark.parametrize(
    ("placeholder", "expected"),
    [
        ("${a.b/c}", "projects/p/c"),
        ("${sql.databases/m/d#@id}", "d"),
        ("${a.b/unknown}", None),
        ("${a.b/c#out}", None),
        ("${operator}", None),
    ],
)
def test_a_placeholder_for_a_name_gives_the_full_or_the_short_one(
    placeholder: str, expected: str | None
) -> None:
    assert expected == name_of(find(placeholder)[0], NAMES)


@pytest.mark.parametrize("value", ["text", 7, False, 0.5, ["a"], {"b": 1}])
def test_a_body_that_is_one_placeholder_becomes_the_value_with_its_type(value: Any) -> None:
    assert {"a": value} == resolve({"a": "${x.y/z#f}"}, lambda _: value)


def test_within_a_longer_text_values_are_written_out() -> None:
    given: dict[str, Any] = {"host": "10.0.0.3", "port": 6379, "tls": True}
    text = "redis://${r.i/m#host}:${r.i/m#port}/?tls=${r.i/m#tls}"
    assert "redis://10.0.0.3:6379/?tls=true" == resolve(text, lambda it: given[it.field])


def test_a_list_cannot_be_written_into_a_text() -> None:
    with pytest.raises(MalformedPlaceholder):
        resolve("a ${x.y/z#f}", lambda _: ["b"])


def test_what_is_not_known_stays_and_the_rest_is_resolved() -> None:
    def lookup(reference: Reference) -> Any:
        return "10.0.0.3" if reference.field == "host" else None

    assert "10.0.0.3:${r.i/m#port}" == resolve("${r.i/m#host}:${r.i/m#port}", lookup)


def test_a_value_that_looks_like_a_placeholder_is_not_resolved_again() -> None:
    assert "a ${operator}" == resolve("a ${secret:b/1}", lambda _: "${operator}")


@given(value=values)
def test_what_holds_no_placeholder_is_left_as_it_is(value: Any) -> None:
    assert () == find(value)
    assert value == resolve(value, lambda _: "x")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.0.b", 1),
        ("a.1", "x"),
        ("a.2", None),
        ("a.b", None),
        ("c", None),
        ("a.0", {"b": 1}),
    ],
)
def test_a_value_is_taken_at_a_path_in_which_figures_index_lists(path: str, value: Any) -> None:
    assert value == value_at({"a": [{"b": 1}, "x"]}, path)
