"""Rules of Langfuse: keys from Secret Manager, few traces, no personal data."""

import json
from collections.abc import Iterator

from leitstand.core.hardening.containers import Variable, Workload, variables, workloads
from leitstand.core.hardening.estate import Estate, number
from leitstand.core.hardening.rule import Finding, Rule, rule
from leitstand.core.hardening.secrets import LANGFUSE, plain_secrets

__all__ = ["RULES"]

_LANGFUSE = "Produktion, Betrieb und Sicherheit: Langfuse"

SAMPLING = 0.05
"""Share of requests that is traced by default. Source: production page, row Langfuse."""

SAMPLE_RATE = "LANGFUSE_SAMPLE_RATE"
"""Variable that Langfuse's client reads; without it everything is traced."""

BY_TENANT = "LANGFUSE_SAMPLE_RATE_BY_TENANT"
"""Variable with the rates of single tenants as a JSON object."""

MASKING = "LANGFUSE_MASKING"
"""Variable that turns the masking rules on. Source: production page, ``masking_rules``."""

_OFF = ("", "0", "false", "none", "off")


@rule(
    "langfuse-keys-from-secret-manager", "Schlüssel für Langfuse kommen aus Secret Manager",
    "error",
    source=_LANGFUSE,
    why="Mit dem Schlüssel liest jeder die aufgezeichneten Gespräche der Kunden.",
)  # fmt: skip
def _keys(estate: Estate) -> Iterator[Finding]:
    return plain_secrets(estate, lambda name: name.startswith(LANGFUSE))


@rule(
    "langfuse-sampling", "Langfuse zeichnet höchstens 5 % auf, außer für vereinbarte Mandanten",
    "warning",
    source="Produktion, Ressourcen und Parameter: Langfuse, Sampling 5 %",
    why="Jede Aufzeichnung mehr kostet Geld und legt mehr Kundendaten bei einem Dritten ab.",
)  # fmt: skip
def _sampling(estate: Estate) -> Iterator[Finding]:
    agreed = estate.policy.tenant_sampling
    for workload, found in _traced(estate):
        rate = number(found[SAMPLE_RATE].value, 1.0) if SAMPLE_RATE in found else 1.0
        if not 0 <= rate <= SAMPLING:
            yield workload.item.finding(
                f"{workload.path}.containers.0.env.{SAMPLE_RATE}", rate, SAMPLING,
                f"{workload.item.id} zeichnet {rate:.0%} der Anfragen auf.",
            )  # fmt: skip
        for tenant, more in _by_tenant(found.get(BY_TENANT)).items():
            if more > max(SAMPLING, agreed.get(tenant, 0.0)):
                yield workload.item.finding(
                    f"{workload.path}.containers.0.env.{BY_TENANT}.{tenant}", more,
                    agreed.get(tenant, SAMPLING),
                    f"{workload.item.id} zeichnet beim Mandanten {tenant} {more:.0%} auf, "
                    "ohne dass es vereinbart ist.",
                )  # fmt: skip


@rule(
    "langfuse-masking-on", "Personenbezogene Daten werden vor dem Aufzeichnen geschwärzt", "error",
    source=f"{_LANGFUSE}, PII-Redaction (masking_rules)",
    why="Ungeschwärzt verlassen Namen und Adressen der Kunden das Projekt.",
)  # fmt: skip
def _masking(estate: Estate) -> Iterator[Finding]:
    for workload, found in _traced(estate):
        rules = found.get(MASKING)
        if rules is None or (not rules.secret and (rules.value or "").lower() in _OFF):
            yield workload.item.finding(
                f"{workload.path}.containers.0.env.{MASKING}", rules.value if rules else None,
                "true", f"{workload.item.id} schwärzt Aufzeichnungen nicht.",
            )  # fmt: skip


def _by_tenant(variable: Variable | None) -> dict[str, float]:
    """Return the rates of single tenants; what cannot be read counts as recording everything."""
    text = (variable.value or "{}") if variable else "{}"
    try:
        rates = json.loads(text)
    except ValueError:
        return {"?": 1.0}
    return {str(key): number(rate, 1.0) for key, rate in dict(rates).items()}


def _traced(estate: Estate) -> Iterator[tuple[Workload, dict[str, Variable]]]:
    """Yield what records to Langfuse, with its variables."""
    for workload in workloads(estate):
        found = {
            variable.name: variable
            for variable in variables(workload)
            if variable.name.startswith(LANGFUSE)
        }
        if found:
            yield workload, found


RULES: tuple[Rule, ...] = (_keys, _sampling, _masking)
