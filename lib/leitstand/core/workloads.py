"""Desired state of what runs on Cloud Run, in the field names of its API."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from leitstand.core.section import Section

__all__ = [
    "Container",
    "EnvVar",
    "Job",
    "Scaling",
    "ScalingPolicy",
    "Service",
    "Template",
    "VpcAccess",
]

Duration = Annotated[str, Field(pattern=r"^\d+s$")]


class SecretKeyRef(Section):
    """A pinned version of a secret; ``latest`` is refused, since it would break a rollback."""

    secret: str
    version: Annotated[str, Field(pattern=r"^[1-9]\d*$")]


class ValueSource(Section):
    """Where an environment variable takes its value from."""

    secret_key_ref: SecretKeyRef


class EnvVar(Section):
    """One environment variable of a container: a plain value or a pinned secret version."""

    name: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]
    value: str | None = None
    value_source: ValueSource | None = None


class Limits(Section):
    """CPU in cores and memory as Kubernetes quantities."""

    cpu: Annotated[str, Field(pattern=r"^\d+(\.\d+)?$|^\d+m$")]
    memory: Annotated[str, Field(pattern=r"^\d+(Mi|Gi)$")]


class Resources(Section):
    """What a container gets; ``cpu_idle=False`` keeps the CPU between requests."""

    limits: Limits
    cpu_idle: bool = True


class Container(Section):
    """A container of a revision; the image is decided by a release, not by this file."""

    resources: Resources
    command: list[str] = Field(default_factory=list)
    args: list[str] = Field(default_factory=list)
    env: list[EnvVar] = Field(default_factory=list)


class NetworkInterface(Section):
    """Direct VPC egress: where in the VPC the instances stand."""

    network: str
    subnetwork: str


class VpcAccess(Section):
    """The way into the VPC: through a connector, or directly; one of the two."""

    connector: str | None = None
    network_interfaces: list[NetworkInterface] = Field(default_factory=list)
    egress: Literal["ALL_TRAFFIC", "PRIVATE_RANGES_ONLY"]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.connector is None) == (not self.network_interfaces):
            raise ValueError("state either connector or network_interfaces")
        return self


class Template(Section):
    """What every new revision of a service is made from."""

    service_account: str | None = None
    vpc_access: VpcAccess | None = None
    max_instance_request_concurrency: Annotated[int, Field(ge=1, le=1000)]
    containers: Annotated[list[Container], Field(min_length=1, max_length=1)]


class Scaling(Section):
    """Limits on the instances of a service, over all its revisions."""

    min_instance_count: Annotated[int, Field(ge=0)]
    max_instance_count: Annotated[int, Field(ge=1)]


class ScalingPolicy(Section):
    """How many workers the task queue gets, and what the database can bear.

    Attributes:
        queue: Name of the queue.
        sample: Seconds for which the queue is watched before it is decided.
        clear_within: Seconds in which a backlog should be worked off.
        tasks_per_instance: So many waiting tasks are worth an instance while the throughput is
            not known.
        shrink_below: Only when no more than this share of the instances is needed are there fewer.
        deadline: Seconds until instances must be there, or gone, and the queue no longer grows.
        drain_deadline: Seconds until a queue that is drained must be empty.
        connections_per_instance: Connections to the database that an instance holds, by service.
        connection_reserve: Connections that stay free.
    """

    queue: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    sample: Annotated[float, Field(gt=0)]
    clear_within: Annotated[float, Field(gt=0)]
    tasks_per_instance: Annotated[int, Field(ge=1)]
    shrink_below: Annotated[float, Field(ge=0, lt=1)]
    deadline: Annotated[float, Field(gt=0)]
    drain_deadline: Annotated[float, Field(gt=0)]
    connections_per_instance: dict[str, Annotated[int, Field(ge=1)]]
    connection_reserve: Annotated[int, Field(ge=0)]


class Service(Section):
    """A Cloud Run service."""

    ingress: Literal[
        "INGRESS_TRAFFIC_ALL",
        "INGRESS_TRAFFIC_INTERNAL_ONLY",
        "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    ]
    scaling: Scaling
    template: Template
    manual_scaling_signal: Literal["queue_length"] | None = None


class JobLimits(Section):
    """What the container of a job may use at most."""

    limits: Limits


class Job(Section):
    """A Cloud Run job.

    Attributes:
        timeout: Holds for each attempt, not for the whole execution.
        task_count: Tasks of one execution; each is told its number and how many there are.
        command: Of the container, instead of its image's own.
        args: Of the container.
        env: Variables of the container.
        reads: Secrets that its program asks Secret Manager for by itself.
    """

    timeout: Duration
    max_retries: Annotated[int, Field(ge=0, le=10)]
    requires_approval: bool
    task_count: Annotated[int, Field(ge=1, le=10_000)] = 1
    service_account: str | None = None
    vpc_access: VpcAccess | None = None
    command: list[str] = Field(default_factory=list)
    args: list[str] = Field(default_factory=list)
    env: list[EnvVar] = Field(default_factory=list)
    resources: JobLimits | None = None
    reads: list[str] = Field(default_factory=list)
