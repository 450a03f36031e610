"""From entries to resources: for each its Cloud Run job, who may start it, and what starts it."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leitstand.core.desired import desired
from leitstand.core.environment import Environment
from leitstand.core.errors import InputError
from leitstand.core.kinds import Resource
from leitstand.core.schedule.checking import Checked
from leitstand.core.wanted import Wanted

__all__ = [
    "JOB",
    "LABEL",
    "POLICY",
    "TRIGGER",
    "NoMaintenanceJob",
    "image_of",
    "scheduled",
    "starter_binding",
]

LABEL = "leitstand-schedule"
"""Label of every Cloud Run job of a schedule; its value is the schedule's name."""
JOB = "run.jobs"
POLICY = "run.jobPolicy"
TRIGGER = "cloudscheduler.jobs"

_MODEL = "maintenance"
"""The job whose account, network and image the jobs of schedules have too."""
_START = "https://run.googleapis.com/v2/projects/${project}/locations/${region}/jobs"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_STARTER = "scheduler@${project}.iam.gserviceaccount.com"


class NoMaintenanceJob(InputError):
    """The environment has no job whose image and account a schedule could use."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"In {environment} fehlt der Job {_MODEL}; nach ihm richten sich die Zeitpläne.",
            f"Tragen Sie jobs.{_MODEL} und first_images.{_MODEL} in config/environments ein.",
        )
        self.environment = environment


def starter_binding(project: str) -> dict[str, Any]:
    """Return the binding that lets Cloud Scheduler's account of a project start a job."""
    member = f"serviceAccount:scheduler@{project}.iam.gserviceaccount.com"
    return {"role": "roles/run.invoker", "members": [member]}


def image_of(environment: Environment) -> str:
    """Return the image of the environment's jobs as ``package:tag``.

    Raises:
        NoMaintenanceJob: the environment has none.
    """
    try:
        return environment.first_images[_MODEL]
    except KeyError:
        raise NoMaintenanceJob(environment.name) from None


def scheduled(
    environment: Environment,
    entries: Sequence[Checked],
    *,
    number: str,
    image: str,
    time_zone: str,
) -> tuple[Resource, ...]:
    """Return the resources of all entries that run in an environment.

    What they need and do not make (accounts, network, APIs) comes from the provisioning.

    Args:
        environment: Where.
        entries: All entries.
        number: The number that Google gave the project.
        image: The image by its digest.
        time_zone: IANA name of the zone of the cron expressions.

    Raises:
        NoMaintenanceJob: the environment has no job to take account and network from.
    """
    if _MODEL not in environment.jobs:
        raise NoMaintenanceJob(environment.name)
    wanted = [
        part
        for checked in entries
        if environment.name in checked.values
        for part in _parts(environment, checked, image, time_zone)
    ]
    keys = {f"{part.kind}/{part.id}" for part in wanted}
    return tuple(
        dataclasses.replace(resource, after=tuple(key for key in resource.after if key in keys))
        for resource in desired(environment, number, wanted)
        if resource.key in keys
    )


def _parts(
    environment: Environment, checked: Checked, image: str, time_zone: str
) -> Iterator[Wanted]:
    entry, name = checked.entry, checked.entry.job
    model = environment.jobs[_MODEL].model_dump(mode="json", exclude_none=True)
    container: dict[str, Any] = {
        "image": image,
        "args": list(_arguments(entry.runbook, checked.values[environment.name])),
        "env": [{"name": "LEITSTAND_SCHEDULE", "value": entry.name}],
    }
    if "resources" in model:
        container["resources"] = model["resources"]
    task: dict[str, Any] = {
        "timeout": entry.deadline,
        "max_retries": 0,  # a run that found something would only find it again
        "containers": [container],
    }
    if "service_account" in model:
        task["service_account"] = model["service_account"]
    if "vpc_access" in model:
        task["vpc_access"] = {key: part for key, part in model["vpc_access"].items() if part}
    yield Wanted(
        JOB,
        name,
        {
            "labels": {LABEL: entry.name},
            "template": {"task_count": entry.tasks, "template": task},
        },
    )
    yield Wanted(POLICY, name, {"bindings": [starter_binding("${project}")]})
    yield Wanted(
        TRIGGER,
        name,
        {
            "$after": [f"{JOB}/{name}", f"{POLICY}/{name}"],
            "description": f"Leitstand: Runbook {entry.runbook}",
            "schedule": entry.cron,
            "time_zone": time_zone,
            "http_target": {
                "uri": f"{_START}/{name}:run",
                "http_method": "POST",
                "oauth_token": {"service_account_email": _STARTER, "scope": _SCOPE},
            },
        },
        {"name": f"projects/${{project}}/locations/${{region}}/jobs/{name}"},
    )


def _arguments(runbook: str, values: Mapping[str, object]) -> Iterator[str]:
    """Yield the arguments of ``leitstand`` that start a run with these parameters."""
    yield from ("run", runbook)
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield from ("-p", f"{name}={text}")
