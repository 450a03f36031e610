"""From an entry to the resources that Google Cloud gets."""

from typing import Any

from leitstand.core.schedule.expansion import scheduled
from tests.core.schedule.samples import ENVIRONMENTS, checked, entry

IMAGE = "europe-west3-docker.pkg.dev/p/r/leitstand@sha256:1"


def resources(*entries: dict[str, Any], environment: str = "sandbox") -> dict[str, Any]:
    found = scheduled(
        ENVIRONMENTS[environment], checked(*entries), number="7", image=IMAGE,
        time_zone="Europe/Berlin",
    )  # fmt: skip
    return {resource.key: resource for resource in found}


def test_an_entry_becomes_a_job_the_right_to_start_it_and_what_starts_it():
    found = resources(entry(parameters={"share": 5, "tables": ["a", "b"], "apply": True}, tasks=3))
    job = found["run.jobs/schedule-daily-look"]
    task = job.body["template"]["template"]
    assert {"leitstand-schedule": "daily-look"} == job.body["labels"]
    assert (3, "1800s", 0) == (
        job.body["template"]["taskCount"], task["timeout"], task["maxRetries"],
    )  # fmt: skip
    assert "run-maintenance@leitstand-sandbox.iam.gserviceaccount.com" == task["serviceAccount"]
    (container,) = task["containers"]
    assert IMAGE == container["image"]
    assert [
        "run", "deviations", "-p", "share=5", "-p", 'tables=["a", "b"]', "-p", "apply=true",
        "-p", "env=sandbox",
    ] == container["args"]  # fmt: skip
    assert [{"name": "LEITSTAND_SCHEDULE", "value": "daily-look"}] == container["env"]
    (binding,) = found["run.jobPolicy/schedule-daily-look"].body["bindings"]
    scheduler = "scheduler@leitstand-sandbox.iam.gserviceaccount.com"
    assert ("roles/run.invoker", [f"serviceAccount:{scheduler}"]) == (
        binding["role"], binding["members"],
    )  # fmt: skip
    trigger = found["cloudscheduler.jobs/schedule-daily-look"]
    assert ("15 5 * * *", "Europe/Berlin") == (trigger.body["schedule"], trigger.body["timeZone"])
    target = trigger.body["httpTarget"]
    assert (
        "https://run.googleapis.com/v2/projects/leitstand-sandbox/locations/europe-west3/jobs/"
        "schedule-daily-look:run"
    ) == target["uri"]
    assert scheduler == target["oauthToken"]["serviceAccountEmail"]
    assert {"run.jobs/schedule-daily-look", "run.jobPolicy/schedule-daily-look"} == {*trigger.after}


def test_an_environment_gets_only_the_entries_that_name_it():
    found = resources(entry(), entry(name="other", environments={"staging": {}}))
    assert {"schedule-daily-look"} == {resource.id for resource in found.values()}


def test_nothing_but_the_schedules_own_resources_is_planned():
    waits = {key for resource in resources(entry()).values() for key in resource.after}
    assert {"run.jobs/schedule-daily-look", "run.jobPolicy/schedule-daily-look"} == waits
