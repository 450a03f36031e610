"""Rules of LiteLLM: behind IAP or inside the VPC only, logged, limited."""

from collections.abc import Iterator

from leitstand.core.hardening.containers import Variable, variables, workloads
from leitstand.core.hardening.estate import Estate, Item
from leitstand.core.hardening.front import backends_of
from leitstand.core.hardening.rule import Finding, Rule, rule

__all__ = ["RULES"]

_GUI = "Produktion, Architekturunterschiede: LiteLLM GUI"
_TABLE = "Produktion, Ressourcen und Parameter: LiteLLM"

RATE_LIMIT = "AI_CORE_RATE_LIMIT_QUOTA"
"""Variable that limits what LiteLLM asks of its upstream. Source: production page, row LiteLLM."""

LOG_REQUESTS = "LITELLM_LOG_REQUESTS"
"""Variable that makes LiteLLM log every request. Source: production page, row LiteLLM."""

_IAP_ROLE = "roles/iap.httpsResourceAccessor"


@rule(
    "litellm-access-limited", "LiteLLM ist nur über IAP oder nur aus der VPC erreichbar", "error",
    source=_TABLE,
    why="Ohne IAP genügt der Master-Key, um Modelle auf Kosten der Firma zu nutzen.",
)  # fmt: skip
def _access(estate: Estate) -> Iterator[Finding]:
    backends = backends_of(estate, estate.policy.litellm)
    if estate.policy.litellm_access == "iap_group":
        for item in backends:
            if not item.get("iap.enabled", False):
                yield item.finding(
                    "iap.enabled", False, True, f"Vor dem Backend {item.id} steht kein IAP."
                )
        return
    for item in backends:
        yield item.finding(
            "backends", item.id, None, f"Das Backend {item.id} veröffentlicht LiteLLM."
        )
    service = _service(estate)
    if service is not None and service.get("ingress") == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER":
        yield service.finding(
            "ingress", service.get("ingress"), "INGRESS_TRAFFIC_INTERNAL_ONLY",
            "LiteLLM nimmt Anfragen vom Load Balancer an.",
        )  # fmt: skip


@rule(
    "iap-groups-only", "Über IAP kommt nur eine benannte Gruppe zu LiteLLM", "error",
    source=f"{_TABLE}, Zugriff via IAP-Gruppe",
    why="Einzelne Konten und ganze Domains bleiben stehen, wenn jemand das Team verlässt.",
)  # fmt: skip
def _groups(estate: Estate) -> Iterator[Finding]:
    names = {item.id for item in backends_of(estate, estate.policy.litellm)}
    for item in estate.all("iap.policy"):
        members = [
            member
            for binding in item.get("bindings", ())
            if binding.get("role") == _IAP_ROLE
            for member in binding.get("members", ())
        ]
        if item.id in names and not (members and all(m.startswith("group:") for m in members)):
            yield item.finding(
                f"bindings.{_IAP_ROLE}", members, "group:…",
                f"Zugang zu {item.id} über IAP ist nicht auf Gruppen beschränkt.",
            )  # fmt: skip


@rule(
    "iap-in-one-place", "IAP sitzt am Load Balancer und nicht zusätzlich am Dienst", "error",
    source="Google Cloud, Identity-Aware Proxy: Cloud Run hinter einem Load Balancer",
    why="An beiden Stellen zugleich weist IAP jede Anfrage ab.",
)  # fmt: skip
def _one_place(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("run.services"):
        guarded = any(backend.get("iap.enabled") for backend in backends_of(estate, item.id))
        if guarded and item.get("iapEnabled", False):
            yield item.finding(
                "iapEnabled", True, False, f"IAP ist am Dienst {item.id} und an seinem Backend an."
            )


@rule(
    "litellm-logs-requests", "LiteLLM protokolliert jede Anfrage", "error",
    source=f"{_TABLE}, Logging aktiv",
    why="Ohne Protokoll lässt sich nicht klären, wer welches Modell womit gefragt hat.",
)  # fmt: skip
def _logging(estate: Estate) -> Iterator[Finding]:
    for item in backends_of(estate, estate.policy.litellm):
        if not item.get("logConfig.enable", False):
            yield item.finding(
                "logConfig.enable", False, True,
                f"Das Backend {item.id} protokolliert keine Anfragen.",
            )  # fmt: skip
    service, switch = _service(estate), _variable(estate, LOG_REQUESTS)
    value = switch.value if switch else None
    if service is not None and (value or "").lower() not in ("true", "1"):
        yield service.finding(
            f"template.containers.0.env.{LOG_REQUESTS}", value, "true",
            f"{LOG_REQUESTS} ist bei LiteLLM nicht eingeschaltet.",
        )  # fmt: skip


@rule(
    "litellm-rate-limited", "LiteLLM hat ein Kontingent", "error",
    source=f"{_TABLE}, Rate-Limits",
    why="Ohne Kontingent verbraucht ein Fehler in einer Schleife das Budget aller Mandanten.",
)  # fmt: skip
def _limit(estate: Estate) -> Iterator[Finding]:
    service, quota = _service(estate), _variable(estate, RATE_LIMIT)
    if service is not None and (quota is None or not (quota.value or quota.secret)):
        yield service.finding(
            f"template.containers.0.env.{RATE_LIMIT}", None, "Anfragen je Zeit",
            f"{RATE_LIMIT} ist bei LiteLLM nicht gesetzt.",
        )  # fmt: skip


def _service(estate: Estate) -> Item | None:
    return estate.get("run.services", estate.policy.litellm)


def _variable(estate: Estate, name: str) -> Variable | None:
    return next(
        (
            variable
            for workload in workloads(estate)
            if workload.item.key == f"run.services/{estate.policy.litellm}"
            for variable in variables(workload)
            if variable.name == name
        ),
        None,
    )


RULES: tuple[Rule, ...] = (_access, _groups, _one_place, _logging, _limit)
