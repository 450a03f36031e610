"""Rules of Memorystore: where each alone goes red, for ``test_rules``, and where none does."""

from dataclasses import replace

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


def test_an_export_that_nobody_could_look_for_is_a_note() -> None:
    findings = [
        finding
        for finding in examine(unlisted("cloudscheduler.jobs"), Agreement())
        if finding.rule == "redis-exported-weekly"
    ]
    assert [("note", False)] == [(finding.severity, finding.observed) for finding in findings]


_BOTH = ("true", "false")
URI = "https://run.googleapis.com/v2/projects/p/locations/r/jobs/schedule-redis-snapshot:run"


def _run_job(*args: str) -> Estate:
    """An estate whose schedule starts a Cloud Run job with these arguments."""
    body = {
        "name": "projects/p/locations/r/jobs/schedule-redis-snapshot",
        "template": {"template": {"containers": [{"args": list(args)}]}},
    }
    estate = _export(httpTarget={"uri": URI})
    return replace(estate, listed={**estate.listed, "run.jobs": (body,)})


def test_a_schedule_of_something_else_is_no_export() -> None:
    assert {"redis-exported-weekly"} == red(_export(httpTarget={"uri": URI}))
    assert "redis-exported-weekly" in red(_run_job("run", "deviations", "-p", "apply=true"))


def test_a_schedule_of_the_runbook_is_an_export_where_it_may_change_something() -> None:
    applied, shown = (("run", "snapshot_redis", "-p", f"apply={apply}") for apply in _BOTH)
    assert "redis-exported-weekly" not in red(_run_job(*applied))
    assert "redis-exported-weekly" in red(_run_job(*shown))
