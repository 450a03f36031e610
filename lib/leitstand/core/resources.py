"""Desired state of the production environment, in the field names of Google's APIs.

Each class is one section of an environment file.
The figures stand in ``config/environments/base.yaml``; this module only says which are possible.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from leitstand.core.section import Section

__all__ = [
    "ArtifactRegistry",
    "Langfuse",
    "LiteLlm",
    "LoadBalancer",
    "LogRetention",
    "Maintenance",
    "Memorystore",
    "Pipeline",
    "RagStore",
    "Recall",
    "Tenancy",
]

Identifier = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
SlugPattern = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*\{slug\}$")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])$")]


class LiteLlm(Section):
    """Who reaches LiteLLM and how much it may ask of its upstream."""

    access: Literal["iap_group", "vpc_only"]
    iap_group: str
    request_logging: bool
    rate_limit_variable: str
    rate_limit_quota: Annotated[int, Field(ge=1)]
    rate_limit_maximum: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.rate_limit_quota > self.rate_limit_maximum:
            raise ValueError("rate_limit_quota is above rate_limit_maximum")
        return self


class Ivfflat(Section):
    """Options of IVFFLAT; the source document's ``k`` is ``lists``.

    Attributes:
        lists: At least so many; a table of many rows has more.
        probes: Lists that a query looks into.
        iterative_scan: Whether a query goes on where filters left it too few rows.
    """

    lists: Annotated[int, Field(ge=1, le=32768)]
    probes: Annotated[int, Field(ge=1, le=32768)]
    iterative_scan: Literal["off", "relaxed_order"]


class Hnsw(Section):
    """Options of HNSW: two of the index, and two of a query.

    Attributes:
        m: Connections of each row.
        ef_construction: Candidates that a build looks at.
        ef_search: Candidates that a query looks at.
        iterative_scan: Whether a query goes on where filters left it too few rows.
    """

    m: Annotated[int, Field(ge=2, le=100)]
    ef_construction: Annotated[int, Field(ge=4, le=1000)]
    ef_search: Annotated[int, Field(ge=1, le=1000)]
    iterative_scan: Literal["off", "strict_order", "relaxed_order"]

    @model_validator(mode="after")
    def _enough_candidates(self) -> Self:
        if self.ef_construction < 2 * self.m:
            raise ValueError("ef_construction must be at least twice m")
        return self


class Recall(Section):
    """How good searches must be.

    Attributes:
        k: Nearest rows that a query asks for.
        sample: Queries of one measurement.
        minimum: Share of the true nearest rows that must be found, on average.
    """

    k: Annotated[int, Field(ge=1, le=1000)]
    sample: Annotated[int, Field(ge=10)]
    minimum: Annotated[float, Field(gt=0, le=1)]


class Maintenance(Section):
    """When and how indexes of the vector store are rebuilt.

    Attributes:
        every: How often each index is rebuilt, whatever its state.
        window_minutes: Minutes that one run may take.
        jobs: Indexes that are rebuilt at the same time.
        lock_seconds: Seconds to wait for open transactions before a rebuild gives up.
        dead_share: Share of dead rows from which on VACUUM is due.
        bloat: An index is rebuilt when it is so many times larger than expected.
    """

    every: Literal["weekly", "monthly"]
    window_minutes: Annotated[int, Field(ge=1)]
    jobs: Annotated[int, Field(ge=1, le=32)]
    lock_seconds: Annotated[float, Field(gt=0)]
    dead_share: Annotated[float, Field(gt=0, lt=1)]
    bloat: Annotated[float, Field(gt=1)]


class RagStore(Section):
    """The vector store inside the Cloud SQL instance.

    Attributes:
        schemas: Its schemas; ``*`` stands for any text.
        minimum_version: Oldest version of the extension that is accepted.
        index: The kind of index that tables get.
        index_from_rows: Below so many rows a table needs no index: exact search is as fast.
    """

    schemas: Annotated[list[str], Field(min_length=1)]
    extension: Literal["vector"]
    minimum_version: Annotated[str, Field(pattern=r"^\d+(\.\d+)+$")]
    index: Literal["ivfflat", "hnsw"]
    index_from_rows: Annotated[int, Field(ge=0)]
    ivfflat: Ivfflat
    hnsw: Hnsw
    recall: Recall
    maintenance: Maintenance


class Memorystore(Section):
    """What Memorystore cannot say of itself: how often its content is exported, and how.

    Attributes:
        snapshot_export: How often.
        instance: Short name of the instance.
        url_secret: Secret whose newest version holds the URL (``REDIS_URL``).
        bucket: Where exports lie; ``${project}`` stands for the environment's.
        memory_share: Share of the memory up to which it may be used before an export: that can
            double what is used while the application writes.
        export_deadline: Seconds that an export may take.
        sample_keys: Keys whose types are compared with the source.
        tolerance: Share of the keys by which an export may differ from its source.
    """

    snapshot_export: Literal["daily", "weekly", "none"]
    instance: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
    url_secret: str
    bucket: str
    memory_share: Annotated[float, Field(gt=0, le=1)]
    export_deadline: Annotated[float, Field(gt=0)]
    sample_keys: Annotated[int, Field(ge=1, le=10_000)]
    tolerance: Annotated[float, Field(ge=0, lt=1)]


class LogRetention(Section):
    """How the export of logs is watched.

    Attributes:
        newest_row_hours: Hours after which an export without a new row counts as standing still.
        probe_deadline: Seconds that a probe entry may take until it is a row in BigQuery.
    """

    newest_row_hours: Annotated[float, Field(gt=0)]
    probe_deadline: Annotated[float, Field(gt=0)]


class ArtifactRegistry(Section):
    """Where images come from; staging and prod read the same repository."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[a-z0-9-]+/[a-z0-9-]+$")]
    require_signature: bool


class Langfuse(Section):
    """Tracing of model calls."""

    hosting: Literal["saas", "self_hosted"]
    secret_prefix: str
    sampling_rate: Annotated[float, Field(ge=0, le=1)]
    sampling_rate_by_tenant: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict
    )
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
    """How tenants are kept apart.

    Attributes:
        registry: Table of all tenants, with the columns ``id`` (UUID) and ``name``.
        column: Column that names the tenant in shared tables.
        setting: Setting of a transaction that names the tenant it works for.
        role: Role that requests work as under row-level security; owns nothing.
        migration_setting: Setting with which the owner of forced tables sees all rows: ``on``.
        schema_name: Schema of one tenant's tables; ``{slug}`` stands for the tenant.
        rag_schema: Schema of one tenant's embeddings.
        tenant_role: Role that requests of one tenant work as, with a schema per tenant.
    """

    model: Literal["schema_per_tenant", "row_level_security"]
    registry: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")]
    column: Identifier
    setting: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$")]
    role: Identifier
    migration_setting: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$")]
    schema_name: SlugPattern
    rag_schema: SlugPattern
    tenant_role: SlugPattern
