"""A plan is the same wherever it does the same, and differs where it does something else."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.plan import Action, Plan
from leitstand.core.predictions.plans import ABSENT, Departure, departures, digest, normalised
from leitstand.core.rotation.planning import plan_rotation
from tests.core.predictions.samples import OURS, THEIRS, release
from tests.core.rotation import estate

HERE = normalised(release(THEIRS), THEIRS)


@settings(max_examples=40)
@given(
    generation=st.integers(1, 99999),
    other=st.integers(1, 99999),
    etags=st.tuples(st.text(max_size=8), st.text(max_size=8)),
    stages=st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True).map(tuple),
)
def test_names_versions_and_generations_make_no_difference(
    generation: int, other: int, etags: tuple[str, str], stages: tuple[int, ...]
) -> None:
    one = release(THEIRS, generation=generation, etag=etags[0], stages=stages)
    two = release(OURS, generation=other, etag=etags[1], stages=stages)
    first, second = normalised(one, THEIRS), normalised(two, OURS)
    assert () == departures(first, second)
    assert digest(first) == digest(second)


@settings(max_examples=40)
@given(stable=st.from_regex(r"web-\d{5}-[0-9a-f]{8}", fullmatch=True))
def test_the_revision_that_serves_makes_a_difference(stable: str) -> None:
    found = departures(HERE, normalised(release(THEIRS, stable=stable), THEIRS))
    assert (stable != "web-00007-aaaa1111") == bool(found)
    assert {d.part for d in found} <= {"action", "way_back"}


def test_another_image_makes_a_difference() -> None:
    other = normalised(release(THEIRS, digest="sha256:" + "9" * 64), THEIRS)
    paths = {d.path for d in departures(HERE, other) if d.id == "candidate"}
    assert "arguments.template.containers.0.image" in paths


def test_the_same_plan_departs_nowhere() -> None:
    assert () == departures(HERE, HERE)


def test_an_action_that_is_missing_or_new_is_named() -> None:
    other = normalised(release(THEIRS, stages=(50, 100)), THEIRS)
    assert [
        Departure("action", "traffic-10", "", "set_traffic", ABSENT),
        Departure("action", "traffic-50", "", ABSENT, "set_traffic"),
    ] == list(departures(HERE, other))


def test_another_order_is_named() -> None:
    plan = release(THEIRS)
    turned = replace(plan, actions=tuple(reversed(plan.actions)))
    (found,) = departures(HERE, normalised(turned, THEIRS))
    assert ("plan", "order.action") == (found.part, found.path)


def test_a_missing_way_back_is_named() -> None:
    other = normalised(replace(release(THEIRS), way_back=()), THEIRS)
    assert [("way_back", "back")] == [(d.part, d.id) for d in departures(HERE, other)]


def test_another_target_is_named() -> None:
    other = normalised(replace(release(THEIRS), target="projects/other"), THEIRS)
    assert ["target"] == [d.path for d in departures(HERE, other)]


def plan_with(**arguments: object) -> Plan:
    return Plan("x", "prod", "t", {}, (Action("a", "k", "t", arguments),))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"n": 1}, {"n": True}, False),
        ({"n": 1}, {"n": "1"}, False),
        ({"n": None}, {}, False),
        ({"etag": "a"}, {"etag": "b"}, True),
        ({"password": "[geheim:01234567]"}, {"password": "[geheim:89abcdef]"}, True),
        ({"directory": "/a/rescue"}, {"directory": "/b/rescue"}, True),
    ],
)
def test_values_are_compared_exactly_and_volatile_ones_not(
    one: dict[str, object], other: dict[str, object], same: bool
) -> None:
    first, second = (normalised(plan_with(**a), THEIRS) for a in (one, other))
    assert same == (() == departures(first, second))


def test_the_id_of_the_run_makes_no_difference() -> None:
    one = normalised(plan_with(description="backup of 2026-r1"), THEIRS, "2026-r1")
    two = normalised(plan_with(description="backup of 2026-r2"), THEIRS, "2026-r2")
    assert one == two


def test_a_revision_that_was_there_before_keeps_its_number() -> None:
    plan = plan_with(traffic=[{"revision": "web-00001-aaaa1111"}])
    shown = normalised(plan, THEIRS)["actions"][0]["arguments"]["traffic"]
    assert [{"revision": "web-00001-aaaa1111"}] == shown


def migration(**migrations: str) -> Plan:
    job = Action("migrate", "run_job", "projects/shop-prod/jobs/migrate", {"args": ["migrate"]})
    basis = {"image": "web@1", "migrations": migrations}
    return Plan("migrate/schema", "prod", "main", basis, (job,), returns_by_itself=False)


def test_what_a_migration_applies_is_compared_although_the_job_is_told_the_stage_only() -> None:
    before = normalised(migration(one="a1", two="b2"), THEIRS)
    assert () == departures(before, before)
    assert (
        Departure("plan", "", "migrations.one", "a1", ABSENT),
        Departure("plan", "", "migrations.two", "b2", "c3"),
    ) == departures(before, normalised(migration(two="c3"), THEIRS))


def test_which_pages_a_program_answers_when_a_rotation_is_planned_makes_no_difference() -> None:
    web = estate.service("web", estate.revision("web-4", {"key": "1"}, 100))
    one, two = (
        plan_rotation(
            estate.situation(replace(web, paths=paths)),
            environment="prod", project="p", tag="candidate", disable_old=True,
        )
        for paths in (("/healthz", "/login"), ("/healthz",))
    )  # fmt: skip
    assert one.action("probe-web") != two.action("probe-web")
    first, second = normalised(one, THEIRS), normalised(two, THEIRS)
    assert {"tag": "candidate"} == first["actions"][3]["arguments"]
    assert () == departures(first, second)


@pytest.mark.parametrize("generation", [9, 12])
def test_the_generation_of_a_template_that_the_way_back_makes_counts_as_little(
    generation: int,
) -> None:
    name = f"web-{generation:05d}-abcd1234"
    again = Action("template", "restore_template", "web", {"revision": name, "template": {}})
    plan = replace(release(THEIRS), way_back=(again,))
    (back,) = normalised(plan, THEIRS)["way_back"]
    assert "web-${generation}-abcd1234" == back["arguments"]["revision"]
