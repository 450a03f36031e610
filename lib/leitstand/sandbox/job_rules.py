"""What Cloud Run accepts for a job: names, templates, overrides, defaults, etags.

Everything here is pure: messages in, messages or an `ApiError` out. Limits: Cloud Run's pages on
task timeout (at most 168 hours), maximum retries (0 to 10) and tasks (1 to 10 000).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.cloud import run_v2
from google.protobuf import json_format

from leitstand.sandbox.errors import failed_precondition, invalid
from leitstand.sandbox.vpc_rules import check_vpc_access

__all__ = [
    "JobName",
    "check_job",
    "check_no_tokens",
    "etag_of",
    "execution_name",
    "fill_defaults",
    "overridden",
    "replaced",
    "same_wish",
    "task_name",
]

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_PARENT = re.compile(r"projects/([^/]+)/locations/([^/]+)")
_JOB = re.compile(r"projects/([^/]+)/locations/([^/]+)/jobs/([^/]+)")
_EXECUTION = re.compile(_JOB.pattern + r"/executions/([^/]+)")
_TASK = re.compile(_EXECUTION.pattern + r"/tasks/([^/]+)")
# The fields a caller may set; all others are output only and ignored on input.
_WISHES = ("labels", "annotations", "launch_stage", "binary_authorization", "template")
_CALLER = ("client", "client_version")
_LONGEST_TIMEOUT = timedelta(hours=168)
_RESERVED = {
    "CLOUD_RUN_JOB",
    "CLOUD_RUN_EXECUTION",
    "CLOUD_RUN_TASK_INDEX",
    "CLOUD_RUN_TASK_COUNT",
    "CLOUD_RUN_TASK_ATTEMPT",
}


@dataclass(frozen=True)
class JobName:
    """The parts of `projects/P/locations/L/jobs/J`."""

    project: str
    location: str
    job: str

    @classmethod
    def parse(cls, name: str) -> JobName:
        """Raises ApiError (INVALID_ARGUMENT) if `name` has another form."""
        if not (match := _JOB.fullmatch(name)):
            raise invalid(f"name: '{name}' is not the full name of a job.", "name")
        return cls(match[1], match[2], match[3])

    @classmethod
    def below(cls, parent: str, job_id: str) -> JobName:
        """The name `job_id` gets below `parent`; raises ApiError for another form."""
        if not (match := _PARENT.fullmatch(parent)):
            raise invalid(f"parent: '{parent}' is not projects/P/locations/L.", "parent")
        if not _LABEL.fullmatch(job_id) or len(job_id) > 63:
            raise invalid(
                f"job_id: '{job_id}' is not valid. Job names must use only lowercase letters, "
                "numbers and '-', begin with a letter, not end with a '-' and have at most 63 "
                "characters.",
                "job_id",
            )
        return cls(match[1], match[2], job_id)

    @property
    def parent(self) -> str:
        """`projects/P/locations/L`."""
        return f"projects/{self.project}/locations/{self.location}"

    def __str__(self) -> str:
        return f"{self.parent}/jobs/{self.job}"


def execution_name(name: str) -> JobName:
    """The job of an execution's full name; raises ApiError if `name` has another form."""
    if not (match := _EXECUTION.fullmatch(name)):
        raise invalid(f"name: '{name}' is not the full name of an execution.", "name")
    return JobName(match[1], match[2], match[3])


def task_name(name: str) -> None:
    """Raises ApiError if `name` is not the full name of a task."""
    if not _TASK.fullmatch(name):
        raise invalid(f"name: '{name}' is not the full name of a task.", "name")


def check_job(job: run_v2.Job) -> None:
    """The template of a job; raises ApiError (INVALID_ARGUMENT)."""
    execution = job.template
    task = execution.template
    if len(task.containers) != 1:
        raise invalid(
            "template.template.containers: exactly one container is expected in the sandbox, "
            f"but there are {len(task.containers)}.",
            "template.template.containers",
        )
    if not task.containers[0].image:
        raise invalid("template.template.containers[0].image: must not be empty.", "template")
    _check_environment(task.containers[0].env)
    check_vpc_access(task.vpc_access, "template.template.vpc_access")
    _check_timeout("template.template.timeout", task.timeout)
    _check_count("template.task_count", execution.task_count)
    if execution.parallelism < 0 or execution.parallelism > (execution.task_count or 1):
        raise invalid(
            f"template.parallelism: {execution.parallelism} must not be negative or greater than "
            f"template.task_count, which is {execution.task_count or 1}.",
            "template.parallelism",
        )
    if not 0 <= task.max_retries <= 10:
        raise invalid(
            f"template.template.max_retries: {task.max_retries} is not within 0–10.", "template"
        )


def check_no_tokens(job: run_v2.Job) -> None:
    """Refuse the fields that would run a job while it is written; raises ApiError."""
    if job.start_execution_token or job.run_execution_token:
        raise failed_precondition(
            "The sandbox does not support start_execution_token and run_execution_token; "
            "call RunJob."
        )


def fill_defaults(job: run_v2.Job) -> None:
    """Changes `job`: sets what Cloud Run sets where nothing was given."""
    if not job.launch_stage:
        job.launch_stage = 4  # GA of google.api.LaunchStage
    execution, task = job.template, job.template.template
    execution.task_count = execution.task_count or 1
    if "max_retries" not in task:
        task.max_retries = 3
    task.timeout = task.timeout or timedelta(seconds=600)
    for container in task.containers:
        for resource, amount in (("cpu", "1000m"), ("memory", "512Mi")):
            if resource not in container.resources.limits:
                container.resources.limits[resource] = amount


def replaced(current: run_v2.Job, wanted: run_v2.Job) -> run_v2.Job:
    """`current` with every settable field of `wanted`: UpdateJob has no mask."""
    source, copy = run_v2.Job.pb(wanted), type(run_v2.Job.pb(current))()
    copy.CopyFrom(run_v2.Job.pb(current))
    for field in (*_WISHES, *_CALLER):
        copy.ClearField(field)
    document = json_format.MessageToDict(source, preserving_proto_field_name=True)
    kept = {name: document[name] for name in (*_WISHES, *_CALLER) if name in document}
    json_format.ParseDict(kept, copy)
    job: run_v2.Job = run_v2.Job.wrap(copy)
    return job


def overridden(
    template: run_v2.ExecutionTemplate, overrides: run_v2.RunJobRequest.Overrides
) -> run_v2.ExecutionTemplate:
    """A copy of the job's template for one execution; the image cannot be overridden.

    Raises:
        ApiError: INVALID_ARGUMENT for what RunJob does not accept.
    """
    copy = run_v2.ExecutionTemplate(template)
    container = copy.template.containers[0]
    if len(overrides.container_overrides) > 1:
        raise invalid("overrides.container_overrides: there is one container.", "overrides")
    for override in overrides.container_overrides:
        if override.name and override.name != container.name:
            raise invalid(
                f"overrides.container_overrides[0].name: no container is named '{override.name}'.",
                "overrides",
            )
        if override.args and override.clear_args:
            raise invalid(
                "overrides.container_overrides[0]: args and clear_args exclude each other.",
                "overrides",
            )
        if override.args or override.clear_args:
            container.args = list(override.args)
        _check_environment(override.env)
        named = {variable.name for variable in override.env}
        kept = [variable for variable in container.env if variable.name not in named]
        container.env = [*kept, *override.env]
    _check_count("overrides.task_count", overrides.task_count)
    _check_timeout("overrides.timeout", overrides.timeout)
    if overrides.task_count:
        copy.task_count = overrides.task_count
        copy.parallelism = min(copy.parallelism, overrides.task_count)
    if overrides.timeout:
        copy.template.timeout = overrides.timeout
    return copy


def same_wish(one: run_v2.Job, other: run_v2.Job) -> bool:
    """Whether both want the same job, whoever wrote them."""
    return _wish(one) == _wish(other)


def etag_of(job: run_v2.Job) -> str:
    """Fingerprint over what is wanted and the generation; times and executions do not change it."""
    text = json.dumps([job.uid, int(job.generation), _wish(job)], sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def _wish(job: run_v2.Job) -> dict[str, Any]:
    document = json_format.MessageToDict(run_v2.Job.pb(job), preserving_proto_field_name=True)
    return {name: document[name] for name in _WISHES if name in document}


def _check_environment(variables: Any) -> None:
    seen: set[str] = set()
    for variable in variables:
        if not variable.name or variable.name in seen or variable.name in _RESERVED:
            raise invalid(
                f"env: the name '{variable.name}' is empty, reserved or given twice.", "template"
            )
        seen.add(variable.name)


def _check_timeout(field: str, timeout: timedelta | None) -> None:
    if timeout is not None and not timedelta() <= timeout <= _LONGEST_TIMEOUT:
        raise invalid(f"{field}: must be between 1 second and 168 hours.", field)


def _check_count(field: str, count: int) -> None:
    if not 0 <= count <= 10_000:
        raise invalid(f"{field}: {count} is not within 1–10000.", field)
