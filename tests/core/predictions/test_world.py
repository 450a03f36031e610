"""What of an environment is made again, and how two looks at it are compared."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from leitstand.configuration import load_environment, read_layers
from leitstand.core.environment import Environment
from leitstand.core.layers import merge
from leitstand.core.predictions.fitting import foreign_images, overlay_like
from leitstand.core.predictions.words import words_of
from leitstand.core.predictions.world import (
    Change,
    ImageSeen,
    RevisionSeen,
    ServiceSeen,
    World,
    changes,
    image_place,
    to_be_made,
)
from leitstand.core.traffic import Share, Split
from tests.core.predictions.samples import DIGEST, THEIRS

IMAGE = f"{THEIRS.names['repository']}/web@{DIGEST}"
WEB = ImageSeen("web", "3.1.4", DIGEST, signed=True)


def service(*ready: bool, traffic: Split | None = None) -> ServiceSeen:
    revisions = tuple(
        RevisionSeen(f"web-{number:05d}-x", IMAGE, is_ready, {"secret": "value"})
        for number, is_ready in enumerate(ready, start=1)
    )
    return ServiceSeen("web", revisions, traffic or Split(()), revisions[-1].name)


def on(*numbers: int) -> Split:
    return Split(tuple(Share(f"web-{n:05d}-x", 100 // len(numbers)) for n in numbers))


def made(seen: ServiceSeen) -> list[int]:
    return [int(revision.name[4:9]) for revision in to_be_made(seen)]


def test_what_serves_is_made_with_what_is_newer_and_some_ways_back() -> None:
    assert [3, 4, 5, 6, 7] == made(service(*[True] * 7, traffic=on(6)))


def test_a_split_is_made_from_its_oldest_revision_on() -> None:
    assert [1, 2, 3] == made(service(True, True, True, traffic=on(1, 3)))


def test_revisions_that_never_were_ready_are_left_out() -> None:
    assert [1, 4] == made(service(True, False, False, True, traffic=on(4)))


def test_the_way_back_to_another_image_is_made_however_old_it_is() -> None:
    seen = service(*[True] * 8, traffic=on(7))
    first = replace(seen.revisions[0], image=f"{IMAGE[:-1]}0")
    second = replace(seen.revisions[1], image=f"{IMAGE[:-1]}1", ready=False)
    assert [1, 4, 5, 6, 7, 8] == made(replace(seen, revisions=(first, second, *seen.revisions[2:])))


def test_a_rotation_has_every_revision_that_was_replaced_only_lately() -> None:
    seen = service(*[True] * 5, False, True, True, traffic=on(8))
    days = [1, 2, 3, 10, 11, 12, 13, 14]
    aged = tuple(
        replace(revision, created=datetime(2026, 11, day, tzinfo=UTC))
        for revision, day in zip(seen.revisions, days, strict=True)
    )
    seen = replace(seen, revisions=aged)
    assert [4, 5, 7, 8] == made(seen)
    kept = replace(seen, kept_since=datetime(2026, 11, 9, tzinfo=UTC))
    assert [3, 4, 5, 7, 8] == made(kept)
    assert set(kept.summary()["revisions"]) == {f"web-0000{n}-x" for n in made(kept)}


def test_without_a_split_the_latest_serves() -> None:
    assert {"web-00002-x": 100} == service(True, True).summary()["traffic"]


def test_a_summary_holds_neither_names_of_the_environment_nor_variables() -> None:
    shown = str(World({"web": service(True)}).summary(THEIRS))
    assert "shop" not in shown
    assert "value" not in shown


def test_what_changed_is_named_by_its_path() -> None:
    before = World({"web": service(True, True, traffic=on(1))}).summary(THEIRS)
    now = World({"web": service(True, True, traffic=on(2))}).summary(THEIRS)
    assert [
        Change("services.web.traffic.web-00001-x", 100, "–"),
        Change("services.web.traffic.web-00002-x", "–", 100),
    ] == list(changes(before, now, "services"))
    assert () == changes(now, now)


def test_an_image_is_taken_apart() -> None:
    assert (THEIRS.names["repository"], "web", DIGEST) == image_place(IMAGE)
    assert ("gcr.io/cloudrun", "hello", "") == image_place("gcr.io/cloudrun/hello:1")


def test_images_of_other_repositories_are_named() -> None:
    world = World({"web": service(True)})
    assert () == foreign_images(world, THEIRS.names["repository"])
    assert (IMAGE,) == foreign_images(world, "other/place/x")


def test_the_sandbox_takes_over_what_is_stated_and_keeps_what_is_its_own() -> None:
    theirs = {
        "project": "shop-prod",
        "requires_second_person": True,
        "approvals": {"needed": 1},
        "release": {"stages": [50, 100], "reference": {"project": "shop-staging"}},
        "services": {"web": {"scaling": {"max_instance_count": 7}}},
    }
    sandbox = {
        "project": "leitstand-sandbox",
        "release": {"ready_deadline": 20},
        "sandbox": {"a": 1},
    }
    world = World({"web": service(True, True)}, jobs={"migrate": IMAGE})
    assert {
        "project": "leitstand-sandbox",
        "release": {"stages": [50, 100], "ready_deadline": 20},
        "services": {"web": {"scaling": {"max_instance_count": 7}}},
        "first_images": {"web": "web:3.1.4", "migrate": "web:3.1.4"},
        "locks": {"store": "/locks"},
        "sandbox": {
            "a": 1,
            "staging_revisions": [{"service": "web", "image": "web:3.1.4"}],
            "stand_ins": [{"image": "web:3.1.4", "digest": DIGEST, "signed": True}],
        },
    } == overlay_like(theirs, sandbox, world, [WEB], [("web", WEB)], "/locks")


def test_of_what_runs_only_digests_of_departures_are_kept() -> None:
    departures = {
        "run.jobs/migrate": {"template": {"env": [{"name": "A", "value": "hush"}]}},
        "dns.managedZones/main": {"description": "ours"},
        "pubsub.topics/a": None,
    }
    shown = World({}, departures=departures).summary(THEIRS)["resources"]
    assert "hush" not in str(shown)
    assert {"description": "ours"} == shown["dns.managedZones/main"]
    assert "missing" == shown["pubsub.topics/a"]


@pytest.mark.parametrize("name", ["prod", "staging", "sandbox"])
def test_a_sandbox_like_any_of_our_environments_is_a_valid_one(name: str) -> None:
    ours = words_of(load_environment("sandbox"))
    base, theirs = read_layers(name)
    stated = ours.filled(words_of(load_environment(name)).plain(theirs))
    _, sandbox = read_layers("sandbox")
    made = overlay_like(
        stated, sandbox, World({"web": service(True)}), [WEB], [("web", WEB)], "/locks"
    )
    environment = Environment.model_validate({**merge(base, made), "name": "sandbox"})
    own = load_environment("sandbox")
    assert (own.project, own.records.store, False) == (
        environment.project,
        environment.records.store,
        environment.requires_second_person,
    )
    assert own.release.reference == environment.release.reference
    assert "web:3.1.4" == environment.first_images["web"]


def test_nothing_stands_in_for_the_image_that_knows_its_migrations() -> None:
    world = World({"web": service(True)})
    made = overlay_like({}, {}, world, [WEB], [], "/locks", itself="web:3.1.4")
    assert [] == made["sandbox"]["stand_ins"]
    assert {"web": "web:3.1.4"} == made["first_images"]


def test_short_cuts_of_the_sandbox_that_plans_show_give_way() -> None:
    sandbox = {"scaling": {"drain_deadline": 60, "deadline": 30}, "jobs": {"maintenance": {}}}
    made = overlay_like({}, sandbox, World({}), [], [], "/locks")
    assert {"deadline": 30} == made["scaling"]
    assert "jobs" not in made
