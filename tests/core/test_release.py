"""Checks, differences and the plan of a release."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from leitstand.configuration import load_environment
from leitstand.core.desired import desired_template
from leitstand.core.environment import ReleasePolicy
from leitstand.core.release import (
    Difference,
    Image,
    Observation,
    SecretVersion,
    differences,
    plan_release,
)
from leitstand.core.release_checks import check_release
from leitstand.core.schema import SchemaRange
from leitstand.core.service import RevisionState, ServiceState
from leitstand.core.traffic import Share, Split

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
REPOSITORY = "europe-west3-docker.pkg.dev/p/leitstand"
NAME = "projects/p/locations/europe-west3/services/web"


def template(**changes: Any) -> dict[str, Any]:
    made = desired_template(load_environment("sandbox"), "web")
    made["containers"][0]["image"] = f"{REPOSITORY}/web@{OLD}"
    made["service_account"] = "run-web@leitstand-sandbox.iam.gserviceaccount.com"
    return {**made, **changes}


def observation(**changes: Any) -> Observation:
    traffic = Split.of(Share("web-00001-aaa", 100))
    seen = Observation(
        service=ServiceState(
            name=NAME,
            etag='"1"',
            generation=1,
            settled=True,
            traffic=traffic,
            statuses=(),
            latest_ready_revision="web-00001-aaa",
            template=template(revision="web-00001-aaa"),
        ),
        stable=RevisionState("web-00001-aaa", f"{REPOSITORY}/web@{OLD}", True, "", template()),
        image=Image("web:1.1.0", REPOSITORY, NEW, True, ("1.0.0", "1.1.0")),
        reference_digests=(OLD, NEW),
        secrets=(SecretVersion("KEY", "key", "1", "ENABLED"),),
        desired=desired_template(load_environment("sandbox"), "web"),
    )
    return replace(seen, **changes)


def service(**changes: Any) -> Mapping[str, Any]:
    return {"service": replace(observation().service, **changes)}


CASES: list[tuple[str, Mapping[str, Any], set[str]]] = [
    ("all is well", {}, set()),
    (
        "the tag does not exist",
        {"image": Image("web:9", REPOSITORY, "", False)},
        {"image_exists", "image_signed", "image_ran_on_reference"},
    ),
    ("the image is unsigned", {"image": Image("web:1", REPOSITORY, NEW, False)}, {"image_signed"}),
    ("staging ran another digest", {"reference_digests": (OLD,)}, {"image_ran_on_reference"}),
    ("no reference is configured", {"reference_digests": None}, set()),
    ("the service reconciles", service(settled=False), {"service_settled"}),
    (
        "traffic is split",
        {**service(traffic=Split.of(Share("a", 90), Share("b", 10))), "stable": None},
        {"one_revision_serves"},
    ),
    ("the image runs already", {"image": Image("web:1", REPOSITORY, OLD, True)}, {"image_is_new"}),
    (
        "a secret version is disabled",
        {"secrets": (SecretVersion("KEY", "key", "1", "DISABLED"),)},
        {"secrets_pinned"},
    ),
]


@pytest.mark.parametrize(("case", "changes", "red"), CASES, ids=[c[0] for c in CASES])
def test_exactly_the_checks_that_concern_a_case_are_red(
    case: str, changes: Mapping[str, Any], red: set[str]
) -> None:
    checks = check_release(observation(**changes), require_signature=True)
    assert red == {check.id for check in checks if not check.passed}


def test_an_unsigned_image_passes_where_no_signature_is_required() -> None:
    unsigned = observation(image=Image("web:1", REPOSITORY, NEW, False))
    checks = check_release(unsigned, require_signature=False)
    assert all(check.passed for check in checks)


def test_only_the_image_differs_when_the_configuration_is_the_same() -> None:
    expected = (
        Difference("containers.0.image", f"{REPOSITORY}/web@{OLD}", f"{REPOSITORY}/web@{NEW}"),
    )
    assert expected == differences(observation())


def test_a_variable_set_by_hand_is_shown_as_removed() -> None:
    running = template()
    running["containers"][0] = {
        **running["containers"][0],
        "env": [*running["containers"][0]["env"], {"name": "DEBUG", "value": "1"}],
    }
    seen = observation(stable=RevisionState("web-00001-aaa", f"w@{OLD}", True, "", running))
    assert Difference("containers.0.env.DEBUG.value", "1", None) in differences(seen)


def policy(**changes: Any) -> ReleasePolicy:
    return load_environment("sandbox").release.model_copy(update=changes)


def test_traffic_moves_stage_by_stage_and_ends_without_tags() -> None:
    plan = plan_release(observation(), policy(), runbook="release", environment="sandbox")
    candidate = plan.basis["candidate"]
    splits = {a.id: Split.from_data(a.arguments["traffic"]) for a in plan.actions}
    assert ["candidate", "traffic-10", "traffic-50", "traffic-100", "tags"] == list(splits)
    assert {"web-00001-aaa": 100} == splits["candidate"].serving()
    assert {"web-00001-aaa": 90, candidate: 10} == splits["traffic-10"].serving()
    assert {candidate: 100} == splits["tags"].serving()
    assert {} == splits["tags"].tags()
    assert {"web-00001-aaa": 100} == Split.from_data(
        plan.way_back[0].arguments["traffic"]
    ).serving()


@pytest.mark.parametrize("stages", [[100], [1, 2, 3, 100], [10, 50, 100]])
def test_every_split_sums_to_100_and_names_its_revisions(stages: list[int]) -> None:
    plan = plan_release(
        observation(), policy(stages=stages), runbook="release", environment="sandbox"
    )
    for action in (*plan.actions, *plan.way_back):
        split = Split.from_data(action.arguments["traffic"])
        assert 100 == sum(share.percent for share in split.shares)
        assert not split.follows_latest


def test_fields_that_the_environment_file_does_not_state_stay_as_they_are() -> None:
    plan = plan_release(observation(), policy(), runbook="release", environment="sandbox")
    made = plan.action("candidate").arguments["template"]
    assert "run-web@leitstand-sandbox.iam.gserviceaccount.com" == made["service_account"]
    assert "web-00002-bbbbbbbb" == made["revision"]


def test_the_same_observation_gives_the_same_digest() -> None:
    plans = [
        plan_release(observation(), policy(), runbook="release", environment="sandbox")
        for _ in range(2)
    ]
    assert plans[0].digest == plans[1].digest


def test_there_is_no_plan_while_traffic_is_split() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        plan_release(observation(stable=None), policy(), runbook="release", environment="sandbox")


@pytest.mark.parametrize(
    ("candidate", "stable", "live", "red"),
    [
        ((1, 3), (1, 3), 3, set()),
        ((4, 6), (1, 3), 3, {"schema_understood"}),
        ((4, 6), (1, 3), 4, {"way_back_understood"}),
        (None, (1, 3), 3, {"schema_understood"}),
        ((1, 3), None, 3, {"way_back_understood"}),
    ],
)
def test_both_revisions_must_understand_the_live_schema(
    candidate: tuple[int, int] | None,
    stable: tuple[int, int] | None,
    live: int,
    red: set[str],
) -> None:
    seen = observation(schema_version=live)
    image = replace(seen.image, schema=SchemaRange(*candidate) if candidate else None)
    annotations = SchemaRange(*stable).as_annotations() if stable else {}
    assert seen.stable is not None
    running = replace(seen.stable, template={**seen.stable.template, "annotations": annotations})
    checks = check_release(replace(seen, image=image, stable=running), require_signature=True)
    assert red == {check.id for check in checks if not check.passed}
