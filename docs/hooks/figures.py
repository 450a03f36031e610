"""Single figures of the environment files, as the pages about the architecture name them."""

from collections.abc import Callable, Mapping

from page_parts import listed

from leitstand.core.environment import Environment
from leitstand.core.kinds import Resource

__all__ = ["figures", "on", "percent"]

OFTEN = {"daily": "täglich", "weekly": "wöchentlich", "monthly": "monatlich", "none": "nie"}
TENANCY = {
    "row_level_security": "das gemeinsame Schema mit Row-Level Security",
    "schema_per_tenant": "ein Schema je Mandant",
}
LITELLM_ACCESS = {
    "iap_group": "die IAP-Gruppe `{group}`",
    "vpc_only": "nur Dienste in der VPC",
}
HOSTING = {"saas": "als SaaS", "self_hosted": "auf eigenen Rechnern"}
SECONDS_PER_DAY = 86400

Figures = dict[str, Callable[[], str]]


def figures(environment: Environment, resources: Mapping[str, Resource]) -> Figures:
    """Return everything that takes one value of production, by name.

    Args:
        environment: Production.
        resources: What it wants to exist, by key.
    """
    return {
        **_of_images(environment),
        **_of_litellm(environment),
        **_of_data(environment),
        **_of_scaling(environment),
        **_of_secrets(environment, resources),
        **_of_langfuse(environment),
    }


def percent(rate: float) -> str:
    """Return a share as Germans write it: ``12,5 %``."""
    return f"{rate * 100:g}".replace(".", ",") + " %"


def on(value: object) -> str:
    """Return whether something is on."""
    return "an" if value else "aus"


def _of_images(environment: Environment) -> Figures:
    registry, release = environment.artifact_registry, environment.release
    smoke, analysis = release.smoke_test, release.analysis
    return {
        "projekt": lambda: f"`{environment.project}`",
        "stufen": lambda: listed(f"{stage} %" for stage in release.stages),
        "aufteilung": lambda: listed(f"{stage}/{100 - stage}" for stage in release.stages),
        "ablage": lambda: f"`{registry.repository}`",
        "signatur": lambda: (
            "nur signierte Tags" if registry.require_signature else "auch unsignierte Tags"
        ),
        "zweig": lambda: environment.pipeline.ref.rpartition("/")[2],
        "referenz": lambda: f"`{release.reference.project}`" if release.reference else "–",
        "kandidat": lambda: f"`{release.candidate_tag}`",
        "smoke-seiten": lambda: listed(f"`{path}`" for path in smoke.paths),
        "smoke-frist": lambda: f"{smoke.timeout:g} s",
        "smoke-versuche": lambda: str(smoke.attempts),
        "fenster": lambda: f"{analysis.window:g} s",
        "mindest-anfragen": lambda: str(analysis.min_requests),
        "fehler-erlaubt": lambda: percent(analysis.max_error_rate),
        "latenz-erlaubt": lambda: f"{analysis.max_latency_p95_ms:g} ms",
        "migrate-frist": lambda: f"{environment.jobs['migrate'].timeout.removesuffix('s')} s",
        "migrate-wiederholungen": lambda: str(environment.jobs["migrate"].max_retries),
    }


def _of_litellm(environment: Environment) -> Figures:
    litellm = environment.litellm
    return {
        "litellm-zugriff": lambda: LITELLM_ACCESS[litellm.access].format(group=litellm.iap_group),
        "litellm-protokoll": lambda: on(litellm.request_logging),
        "litellm-grenze": lambda: str(litellm.rate_limit_quota),
        "litellm-hoechstens": lambda: str(litellm.rate_limit_maximum),
        "litellm-variable": lambda: f"`{litellm.rate_limit_variable}`",
    }


def _of_data(environment: Environment) -> Figures:
    vectors, redis = environment.rag_store, environment.memorystore
    database, triage = environment.database, environment.triage
    return {
        "rag-erweiterung": lambda: f"`{vectors.extension}`",
        "rag-schemas": lambda: listed(f"`{name}`" for name in vectors.schemas),
        "rag-wartung": lambda: OFTEN[vectors.maintenance.every],
        "lists": lambda: str(vectors.ivfflat.lists),
        "ef-search": lambda: str(vectors.hnsw.ef_search),
        "export": lambda: OFTEN[redis.snapshot_export],
        "export-speicher": lambda: percent(redis.memory_share),
        "redis-alarm": lambda: percent(triage.redis_share),
        "platte-alarm": lambda: percent(triage.disk_share),
        "verbindungen-alarm": lambda: percent(triage.connection_share),
        "mandanten": lambda: TENANCY[environment.tenancy.model],
        "ersetzt-bleibt": lambda: f"{database.keep_days} Tage" if database else "–",
    }


def _of_scaling(environment: Environment) -> Figures:
    scaling, triage = environment.scaling, environment.triage
    return {
        "schlange": lambda: f"`{scaling.queue}`",
        "schlange-messen": lambda: f"{scaling.sample:g} s",
        "schlange-abarbeiten": lambda: f"{scaling.clear_within:g} s",
        "schlange-je-instanz": lambda: str(scaling.tasks_per_instance),
        "schlange-verkleinern": lambda: percent(scaling.shrink_below),
        "schlange-frist": lambda: f"{scaling.deadline:g} s",
        "schlange-leeren": lambda: f"{scaling.drain_deadline:g} s",
        "schlange-alarm": lambda: str(triage.queue_length),
        "schlange-alarm-nach": lambda: f"{triage.queue_seconds:g} s",
        "verbindungen-frei": lambda: str(scaling.connection_reserve),
    }


def _of_secrets(environment: Environment, resources: Mapping[str, Resource]) -> Figures:
    secrets = [r for r in resources.values() if r.kind.name == "secretmanager.secrets"]
    topics = {topic["name"].rpartition("/")[2] for r in secrets for topic in r.body["topics"]}
    periods = {r.body["rotation"]["rotationPeriod"] for r in secrets}
    days = sorted(int(period.removesuffix("s")) // SECONDS_PER_DAY for period in periods)
    return {
        "rotation": lambda: listed(map(str, days)),
        "rotation-thema": lambda: listed(f"`{topic}`" for topic in sorted(topics)),
        "domain": lambda: f"`{environment.load_balancer.domain}`",
        "gui-domain": lambda: f"`{environment.load_balancer.gui_domain}`",
    }


def _of_langfuse(environment: Environment) -> Figures:
    langfuse = environment.langfuse
    return {
        "langfuse-betrieb": lambda: HOSTING[langfuse.hosting],
        "langfuse-geheim": lambda: f"`{langfuse.secret_prefix}*`",
        "langfuse-maskierung": lambda: on(langfuse.masking),
        "stichprobe": lambda: percent(langfuse.sampling_rate),
    }
