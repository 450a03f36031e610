"""An environment as a typed value, and the rule by which overlays deviate from the base."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from leitstand.core import resources
from leitstand.core.approvals.policy import ApprovalPolicy
from leitstand.core.layers import merge
from leitstand.core.lock_settings import LockSettings
from leitstand.core.predictions.settings import RehearsalSettings, StandIn
from leitstand.core.records.settings import RecordStore
from leitstand.core.section import Section
from leitstand.core.triage.policy import Triage
from leitstand.core.workloads import Job, ScalingPolicy, Service

__all__ = [
    "Analysis",
    "Database",
    "Environment",
    "Reference",
    "ReleasePolicy",
    "Sandbox",
    "SandboxService",
    "SmokeTest",
    "merge",
    "repeated",
]

Name = Literal["sandbox", "staging", "prod"]
Percent = Annotated[int, Field(ge=1, le=100)]
Seconds = Annotated[float, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, le=1)]
Body = dict[str, Any]
Bodies = dict[str, dict[str, Body | None]]
ImageName = Annotated[str, Field(pattern=r"^[a-z0-9-]+:[\w.-]+$")]


class Analysis(Section):
    """When a revision counts as healthy.

    Attributes:
        window: Seconds over which candidate and stable revision are compared.
        deadline: Seconds after which a stage without enough evidence pauses.
        ingest_delay: Seconds until Cloud Monitoring shows a request.
        sample_period: Seconds of one sample of Cloud Monitoring; the first one of a stage still
            holds requests of the split before, and is left out.
        interval: Seconds between two looks.
        min_requests: Requests that the candidate needs before it is judged.
        max_error_rate: Share of 5xx answers that is allowed in any case.
        max_error_rate_increase: Share of 5xx answers allowed above the stable revision's.
        max_latency_p95_ms: 95th percentile of latency that is allowed in any case, milliseconds.
        max_latency_ratio: 95th percentile allowed, as a multiple of the stable revision's.
        latency_floor_ms: 95th percentile that is never too slow, whatever the ratio says.
    """

    window: Seconds
    deadline: Seconds
    ingest_delay: Annotated[float, Field(ge=0)]
    sample_period: Seconds
    interval: Seconds
    min_requests: Annotated[int, Field(ge=1)]
    max_error_rate: Rate
    max_error_rate_increase: Rate
    max_latency_p95_ms: Annotated[float, Field(gt=0)]
    max_latency_ratio: Annotated[float, Field(ge=1)]
    latency_floor_ms: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _deadline_after_window(self) -> Self:
        if self.deadline < self.full_window:
            raise ValueError("deadline is shorter than window, ingest_delay and sample_period")
        return self

    @property
    def full_window(self) -> float:
        """Seconds from the start of a stage until Cloud Monitoring shows its whole window."""
        return self.window + self.ingest_delay + self.sample_period


class SmokeTest(Section):
    """Which pages of the candidate must answer 200 before it gets traffic."""

    paths: Annotated[list[Annotated[str, Field(pattern=r"^/")]], Field(min_length=1)]
    timeout: Seconds
    attempts: Annotated[int, Field(ge=1, le=20)]


class Reference(Section):
    """The project in which an image must have run before it may be released here."""

    project: str
    region: str


class ReleasePolicy(Section):
    """How a release proceeds: stages in percent of traffic, analysis, smoke tests."""

    stages: Annotated[list[Percent], Field(min_length=1)]
    analysis: Analysis
    smoke_test: SmokeTest
    candidate_tag: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,45}$")]
    ready_deadline: Seconds
    reference: Reference | None = None

    @field_validator("stages")
    @classmethod
    def _stages_rise_to_100(cls, stages: list[int]) -> list[int]:
        if any(later <= earlier for earlier, later in pairwise(stages)):
            raise ValueError(f"stages must rise: {stages}")
        if stages[-1] != 100:
            raise ValueError(f"stages must end at 100: {stages}")
        return stages


class Database(Section):
    """Where the application keeps its data, and who may reach it.

    Attributes:
        instance: Short name of the Cloud SQL instance.
        name: Name of the database.
        url_secret: Secret whose versions hold the application's URL (``DATABASE_URL``).
        administrator_url_secret: Secret with the administrator's URL.
        roles: Database roles of the application; they are locked out when it is fenced.
        schema_app: Django app whose migrations number the schema versions.
        moves_with: Services that read the URL, in the order in which they come back.
        keep_days: Days for which a replaced instance is kept.
        operation_deadline: Seconds that a clone or a backup may take.
    """

    instance: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,96}$")]
    name: str
    url_secret: str
    administrator_url_secret: str
    roles: Annotated[list[str], Field(min_length=1)]
    schema_app: str
    moves_with: list[str]
    keep_days: Annotated[int, Field(ge=1)]
    operation_deadline: Seconds


class AgreedDeviation(Section):
    """A deviation from the base that was agreed.

    Attributes:
        path: Dotted path in the environment file at which the overlay deviates; what lies below
            it is meant too.
        reason: Why, as a German sentence.
        excuses: Ids of hardening rules that it makes acceptable.
    """

    path: str
    reason: Annotated[str, Field(min_length=10)]
    excuses: list[str] = Field(default_factory=list)


class SandboxService(Section):
    """A revision that has run on staging: name of its service and image reference."""

    service: str
    image: Annotated[str, Field(pattern=r"^[a-z0-9-]+:[\w.-]+$")]


class Sandbox(Section):
    """What the rehearsal environment starts with.

    Attributes:
        port: Port of the APIs on 127.0.0.1; 0 takes a free one.
        staging_revisions: Images that count as having run on staging.
        load_requests_per_second: Load during a rollout, so that the analysis has requests.
        start_timeout: Seconds that a container may take to answer its first probe.
        sample_documents: Documents that each of the sample tenants starts with.
        stand_ins: Images of another environment that the sandbox has stand-ins for.
    """

    port: Annotated[int, Field(ge=0, le=65535)] = 0
    staging_revisions: list[SandboxService]
    load_requests_per_second: Annotated[float, Field(ge=0)]
    start_timeout: Seconds
    sample_documents: Annotated[int, Field(ge=0)]
    stand_ins: list[StandIn] = Field(default_factory=list)


class Environment(Section):
    """One environment: everything that is desired, and how runbooks proceed in it.

    ``resources`` and ``initial`` hold bodies by kind and id, in the API's field names.
    ``provision_deadline`` bounds the creation or change of one resource, in seconds.
    """

    name: Name
    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
    region: Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+\d+$")]
    requires_ticket: bool
    requires_second_person: bool
    services: dict[str, Service]
    jobs: dict[str, Job]
    scaling: ScalingPolicy
    litellm: resources.LiteLlm
    rag_store: resources.RagStore
    memorystore: resources.Memorystore
    artifact_registry: resources.ArtifactRegistry
    langfuse: resources.Langfuse
    load_balancer: resources.LoadBalancer
    log_retention: resources.LogRetention
    pipeline: resources.Pipeline
    tenancy: resources.Tenancy
    release: ReleasePolicy
    triage: Triage
    provision_deadline: Seconds
    first_images: dict[str, ImageName] = Field(default_factory=dict)
    resources: Bodies = Field(default_factory=dict)
    initial: Bodies = Field(default_factory=dict)
    deviations: list[AgreedDeviation] = Field(default_factory=list)
    approvals: ApprovalPolicy | None = None
    records: RecordStore = Field(default_factory=RecordStore)
    locks: LockSettings = Field(default_factory=LockSettings)
    rehearsal: RehearsalSettings = Field(default_factory=RehearsalSettings)
    database: Database | None = None
    sandbox: Sandbox | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_taken_out(cls, data: Any) -> Any:
        """Leave out what an overlay takes out of the base by giving it no value."""
        if not isinstance(data, Mapping):
            return data
        kept = dict(data)
        for section in ("services", "jobs", "first_images"):
            if isinstance(kept.get(section), Mapping):
                kept[section] = {k: v for k, v in kept[section].items() if v is not None}
        return kept

    @model_validator(mode="after")
    def _sandbox_only_in_sandbox(self) -> Self:
        if (self.sandbox is not None) != (self.name == "sandbox"):
            raise ValueError(
                "the section sandbox belongs to the environment sandbox, and only there"
            )
        return self

    @model_validator(mode="after")
    def _sandbox_keeps_records_and_locks_on_this_machine(self) -> Self:
        for key, in_bucket in ("records", self.records.in_bucket), ("locks", self.locks.in_bucket):
            if self.name == "sandbox" and in_bucket:
                raise ValueError(f"{key}.store of the sandbox is a directory, never a bucket")
        return self

    @model_validator(mode="after")
    def _service_names_are_valid(self) -> Self:
        for name in self.services:
            if not re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", name):
                raise ValueError(f"{name!r} is no name for a Cloud Run service")
        return self

    def instance_settings(self, instance: str) -> Body:
        """Return the stated settings of a Cloud SQL instance, in snake case."""
        body = self.resources.get("sql.instances", {}).get(instance) or {}
        settings: Body = body.get("settings", {})
        return settings

    def service_name(self, service: str) -> str:
        """Return the full resource name of a Cloud Run service."""
        return f"projects/{self.project}/locations/{self.region}/services/{service}"

    def job_name(self, job: str) -> str:
        """Return the full resource name of a Cloud Run job."""
        return f"projects/{self.project}/locations/{self.region}/jobs/{job}"


def repeated(base: Mapping[str, Any], overlay: Mapping[str, Any], path: str = "") -> list[str]:
    """Return the dotted paths at which ``overlay`` only repeats the value of ``base``."""
    found: list[str] = []
    for key, value in overlay.items():
        here = f"{path}.{key}" if path else key
        if key not in base:
            continue
        if isinstance(value, Mapping) and isinstance(base[key], Mapping):
            found += repeated(base[key], value, here)
        elif base[key] == value:
            found.append(here)
    return found
