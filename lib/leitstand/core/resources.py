"""Desired state of the production environment, in the field names of Google's APIs.

Each class is one section of an environment file.
The figures stand in ``config/environments/base.yaml``; this module only says which are possible.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "ArtifactRegistry",
    "Container",
    "EnvVar",
    "Job",
    "Langfuse",
    "LiteLlm",
    "LoadBalancer",
    "Memorystore",
    "Pipeline",
    "RagStore",
    "Section",
    "Service",
    "Template",
    "Tenancy",
    "VpcAccess",
]

Duration = Annotated[str, Field(pattern=r"^\d+s$")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])$")]


class Section(BaseModel):
    """A part of an environment file; unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    command: list[str] = []
    args: list[str] = []
    env: list[EnvVar] = []


class NetworkInterface(Section):
    """Direct VPC egress: where in the VPC the instances stand."""

    network: str
    subnetwork: str


class VpcAccess(Section):
    """The way into the VPC: through a connector, or directly; one of the two."""

    connector: str | None = None
    network_interfaces: list[NetworkInterface] = []
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


class Job(Section):
    """A Cloud Run job; ``timeout`` holds for each attempt, not for the whole execution."""

    timeout: Duration
    max_retries: Annotated[int, Field(ge=0, le=10)]
    requires_approval: bool
    service_account: str | None = None
    vpc_access: VpcAccess | None = None


class LiteLlm(Section):
    """Who reaches LiteLLM and how much it may ask of its upstream."""

    access: Literal["iap_group", "vpc_only"]
    iap_group: str
    request_logging: bool
    rate_limit_variable: str
    rate_limit_quota: Annotated[int, Field(ge=1)]


class Ivfflat(Section):
    """Index options of IVFFLAT; the source document's ``k`` is ``lists``."""

    lists: Annotated[int, Field(ge=1, le=32768)]


class Hnsw(Section):
    """Search options of HNSW."""

    ef_search: Annotated[int, Field(ge=1, le=1000)]


class RagStore(Section):
    """The vector store inside the Cloud SQL instance."""

    schemas: list[str]
    extension: Literal["vector"]
    ivfflat: Ivfflat
    hnsw: Hnsw
    maintenance: Literal["weekly", "monthly"]


class Memorystore(Section):
    """What Memorystore cannot say of itself: how often its content is exported."""

    snapshot_export: Literal["daily", "weekly", "none"]


class ArtifactRegistry(Section):
    """Where images come from; staging and prod read the same repository."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[a-z0-9-]+/[a-z0-9-]+$")]
    require_signature: bool


class Langfuse(Section):
    """Tracing of model calls."""

    hosting: Literal["saas", "self_hosted"]
    secret_prefix: str
    sampling_rate: Annotated[float, Field(ge=0, le=1)]
    sampling_rate_by_tenant: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    masking: bool


class LoadBalancer(Section):
    """The only door from outside: its DNS zone, the application's host and the GUI's of LiteLLM."""

    zone: Host
    domain: Host
    gui_domain: Host


class Pipeline(Section):
    """Who counts as the pipeline: numbers of repository and owner, since names are given anew."""

    repository_id: Annotated[str, Field(pattern=r"^\d+$")]
    repository_owner_id: Annotated[str, Field(pattern=r"^\d+$")]
    ref: Annotated[str, Field(pattern=r"^refs/(heads|tags)/")]


class Tenancy(Section):
    """How tenants are kept apart."""

    model: Literal["schema_per_tenant", "row_level_security"]
