"""Each rule of Memorystore goes red alone when the one thing it looks at is changed."""

from dataclasses import replace

import pytest

from leitstand.core.deviations import Agreement
from leitstand.core.hardening import Estate, examine
from tests.core.hardening.estate import changed, chosen, healthy, red, unlisted


def _export(**changes: object) -> Estate:
    estate = healthy()
    (job,) = estate.listed["cloudscheduler.jobs"]
    return replace(estate, listed={**estate.listed, "cloudscheduler.jobs": ({**job, **changes},)})


RED: list[tuple[str, Estate]] = [
    ("redis-highly-available", changed("redis.instances/main", "tier", "BASIC")),
    ("redis-auth-on", changed("redis.instances/main", "authEnabled", False)),
    (
        "redis-in-own-vpc",
        changed("redis.instances/main", "authorizedNetwork", "projects/p/global/networks/default"),
    ),
    ("redis-exported-weekly", chosen(snapshot_export="none")),
    ("redis-exported-weekly", _export(schedule="0 2 1 * *")),
    ("redis-exported-weekly", _export(state="PAUSED")),
]


@pytest.mark.parametrize(("rule", "estate"), RED, ids=[f"{n}-{r}" for n, (r, _) in enumerate(RED)])
def test_exactly_this_rule_goes_red(rule: str, estate: Estate) -> None:
    assert {rule} == red(estate)


def test_an_export_that_nobody_could_look_for_is_a_note() -> None:
    findings = [
        finding
        for finding in examine(unlisted("cloudscheduler.jobs"), Agreement())
        if finding.rule == "redis-exported-weekly"
    ]
    assert [("note", False)] == [(finding.severity, finding.observed) for finding in findings]


def test_a_job_that_exports_counts_as_well() -> None:
    uri = "https://run.googleapis.com/v2/projects/p/locations/r/jobs/redis-export:run"
    estate = _export(httpTarget={"uri": uri})
    assert {"redis-exported-weekly"} == red(estate)
    policy = replace(estate.policy, export_job="redis-export")
    assert set() == red(replace(estate, policy=policy))
