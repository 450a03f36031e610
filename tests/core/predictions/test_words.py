"""The names of two environments are exchanged, and nothing else is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.configuration import load_environment
from leitstand.core.predictions.words import Words, words_of
from tests.core.predictions.samples import OURS, THEIRS

PLACEHOLDERS = [f"${{{name}}}" for name in THEIRS.names]
SEPARATORS = st.sampled_from(["/", "@", ":", " ", "/projects/", "://", ".", "-records/"])
TEXTS = st.lists(st.tuples(st.sampled_from(["", *PLACEHOLDERS]), SEPARATORS), max_size=4).map(
    lambda parts: "".join(text for part in parts for text in part)
)
DATA = st.recursive(
    st.one_of(TEXTS, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)

CASES = [
    ("a project", "projects/shop-prod/secrets/a", "projects/${project}/secrets/a"),
    ("an account", "run@shop-prod.iam.gserviceaccount.com",
     "run@${project}.iam.gserviceaccount.com"),
    ("a bucket", "shop-prod-records", "${project}-records"),
    ("an image", "europe-west3-docker.pkg.dev/shop-staging/apps/web@sha256:1",
     "${repository}/web@sha256:1"),
    ("a host below the zone", "https://app.example.com/x", "https://${domain}/x"),
    ("the zone", "api.example.com.", "api.${zone}."),
    ("a project number", "service-987654321012@x", "service-987654321012@x"),
    ("another project", "myshop-prod", "myshop-prod"),
    ("a longer name", "shop-production", "shop-production"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_name_becomes_its_placeholder(text: str, expected: str) -> None:
    assert expected == THEIRS.plain(text)


def test_the_number_of_the_project_is_a_name_where_it_stands_alone() -> None:
    assert "projects/${number}/x" == THEIRS.plain("projects/987654321012/x")


@settings(max_examples=40)
@given(DATA)
def test_what_is_filled_in_is_found_again(data: object) -> None:
    assert OURS.plain(OURS.filled(data)) == THEIRS.plain(THEIRS.filled(data))


@settings(max_examples=40)
@given(DATA)
def test_plain_data_stays_as_it_is(data: object) -> None:
    once = THEIRS.plain(THEIRS.filled(data))
    assert once == THEIRS.plain(once)


def test_an_unknown_placeholder_stays() -> None:
    assert "${secret:a/1} ${number}" == Words({"project": "p"}).filled("${secret:a/1} ${number}")


def test_keys_are_exchanged_too() -> None:
    assert {"${project}-x": [1, True, None]} == THEIRS.plain({"shop-prod-x": [1, True, None]})


@pytest.mark.parametrize("name", ["prod", "staging", "sandbox"])
def test_every_environment_has_its_names(name: str) -> None:
    environment = load_environment(name)
    words = words_of(environment, "123456789012")
    assert environment.project == words.names["project"]
    assert f"{environment.artifact_registry.repository}/web" == words.filled("${repository}/web")
