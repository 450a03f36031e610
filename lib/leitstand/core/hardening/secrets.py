"""Rules of secrets: only from Secret Manager, by version, rotated, read by named accounts."""

import re
from collections.abc import Callable, Iterator

from leitstand.core.hardening.containers import Workload, variables, workloads
from leitstand.core.hardening.estate import Body, Estate, number
from leitstand.core.hardening.grants import grants
from leitstand.core.hardening.rule import Finding, Rule, rule
from leitstand.core.names import short_name

__all__ = ["LANGFUSE", "RULES", "looks_secret", "plain_secrets"]

_SECRETS = "Produktion, Architekturunterschiede: Secrets"
_TABLE = "Produktion, Ressourcen und Parameter: Secret Manager"

ROTATION_SECONDS = 90 * 86400
"""Longest time between two rotations. Source: the secrets of base.yaml; the page states none."""

LANGFUSE = "LANGFUSE_"
"""What Langfuse's variables begin with. Source: production page, line Langfuse."""

_SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|(^|_)(KEY|TOKEN|SECRET|CREDENTIALS?))$")
_CREDENTIALS = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_ACCESSOR = "roles/secretmanager.secretAccessor"
_READERS = (_ACCESSOR, "roles/secretmanager.admin", "roles/owner", "roles/editor")


def looks_secret(name: str) -> bool:
    """Return whether an environment variable of this name carries a secret."""
    return bool(_SECRET_NAME.search(name))


def plain_secrets(estate: Estate, meant: Callable[[str], bool]) -> Iterator[Finding]:
    """Yield a finding for each variable that holds a secret itself, of those whose name is meant.

    The value stands in none of them.
    """
    for workload in workloads(estate):
        for variable in variables(workload):
            value = variable.value or ""
            secret = looks_secret(variable.name) or _CREDENTIALS.search(value)
            if value and secret and meant(variable.name):
                yield variable.finding(
                    "Klartext", "valueSource.secretKeyRef",
                    f"{workload.item.id} hat {variable.name} im Klartext.",
                )  # fmt: skip


@rule(
    "secret-versions-pinned", "Dienste binden Secrets mit fester Version ein", "error",
    source="Produktion, Architekturunterschiede: Secrets, Secret-Versionen",
    why="Mit „latest“ läuft eine alte Revision mit neuem Secret: der Weg zurück ist verbaut.",
)  # fmt: skip
def _pinned(estate: Estate) -> Iterator[Finding]:
    for workload in workloads(estate):
        for path, secret, version in _references(workload):
            if not version.isdecimal():
                yield workload.item.finding(
                    path, version or "latest", "Versionsnummer",
                    f"{workload.item.id} bindet {secret} ohne feste Version ein.",
                )  # fmt: skip


@rule(
    "pinned-versions-enabled", "Jede eingebundene Secret-Version ist aktiv", "error",
    source=_TABLE,
    why="Mit einer abgeschalteten Version startet keine neue Instanz, auch nicht beim Rückweg.",
)  # fmt: skip
def _enabled(estate: Estate) -> Iterator[Finding]:
    states = {
        (short_name(item.name.rsplit("/versions/", 1)[0]), short_name(item.name)): item.get("state")
        for item in estate.all("secretmanager.versions")
    }
    for workload in workloads(estate):
        for path, secret, version in _references(workload):
            state = states.get((secret, version), "ENABLED")
            if state != "ENABLED":
                yield workload.item.finding(
                    path, state, "ENABLED",
                    f"{workload.item.id} bindet Version {version} von {secret} ein, "
                    "die nicht aktiv ist.",
                )  # fmt: skip


def _references(workload: Workload) -> Iterator[tuple[str, str, str]]:
    """Yield path, secret and version of every reference, in variables and in volumes."""
    for variable in variables(workload):
        if variable.secret:
            yield variable.path, short_name(variable.secret), variable.version
    for volume in workload.template.get("volumes", ()):
        source = volume.get("secret")
        if source is None:
            continue
        path, secret = f"{workload.path}.volumes.{volume.get('name')}", source.get("secret", "")
        # Without items the whole secret is mounted in its latest version.
        items: tuple[Body, ...] = tuple(source.get("items", ())) or ({},)
        for item in items:
            place = f"{path}.{item['path']}" if "path" in item else path
            yield place, short_name(secret), str(item.get("version", ""))


@rule(
    "no-plain-secrets", "Secrets kommen ausschließlich aus Secret Manager", "error",
    source=_SECRETS,
    why="Ein Wert im Klartext steht in jeder Revision und ist für jeden Leser des Projekts "
    "sichtbar.",
)  # fmt: skip
def _plain(estate: Estate) -> Iterator[Finding]:
    # Langfuse's own have their own rule, with its own line in the document.
    yield from plain_secrets(estate, lambda name: not name.startswith(LANGFUSE))
    for workload in workloads(estate):
        for path, container in workload.containers:
            for part in ("command", "args"):
                if any(_CREDENTIALS.search(str(text)) for text in container.get(part, ())):
                    yield workload.item.finding(
                        f"{path}.{part}", "Klartext", "valueSource.secretKeyRef",
                        f"{workload.item.id} hat ein Passwort in der Befehlszeile.",
                    )  # fmt: skip


@rule(
    "secrets-rotate", "Jedes Secret wird spätestens nach 90 Tagen erneuert", "error",
    source=_TABLE,
    why="Ein Secret, das nie wechselt, bleibt nach einem Verlust unbegrenzt gültig.",
)  # fmt: skip
def _rotate(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("secretmanager.secrets"):
        period = item.get("rotation.rotationPeriod")
        if period is None and item.get("rotation.nextRotationTime"):
            yield estate.unobserved(
                item, "rotation.rotationPeriod", f"{ROTATION_SECONDS}s",
                f"Secret Manager nennt den Zeitabstand der Erneuerung von {item.id} nicht.",
            )  # fmt: skip
        elif not 0 < number(str(period or "").removesuffix("s")) <= ROTATION_SECONDS:
            yield item.finding(
                "rotation.rotationPeriod", period, f"{ROTATION_SECONDS}s",
                f"Das Secret {item.id} wird nicht alle 90 Tage erneuert.",
            )  # fmt: skip
    if "secretmanager.secrets" not in estate.listed:
        yield estate.unobserved(
            None, "secretmanager.secrets", f"{ROTATION_SECONDS}s",
            "Die übrigen Secrets des Projekts wurden nicht aufgelistet.",
        )  # fmt: skip


@rule(
    "rotation-announced", "Die Erneuerung jedes Secrets löst eine Nachricht aus", "error",
    source="Produktion, Ressourcen und Parameter: Secret Manager, Rotation automatisiert",
    why="Secret Manager erneuert nicht selbst; ohne Pub/Sub-Thema erfährt niemand vom Termin.",
)  # fmt: skip
def _announced(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("secretmanager.secrets"):
        if item.get("rotation") and not item.get("topics"):
            yield item.finding(
                "topics", [], "projects/…/topics/…",
                f"Das Secret {item.id} meldet seinen Termin an kein Pub/Sub-Thema.",
            )  # fmt: skip


@rule(
    "secret-access-named", "Nur benannte Dienstkonten lesen Secrets", "error",
    source="Produktion, Schritt 4: Zugriffspfade der Secrets",
    why="Über Gruppen, Domains oder das Standardkonto lesen mehr Identitäten mit als gedacht.",
)  # fmt: skip
def _named(estate: Estate) -> Iterator[Finding]:
    for grant in grants(estate, "secretmanager.policy"):
        wide = [name for name in grant.members if not _is_named(name)]
        if grant.role in _READERS and wide:
            yield grant.finding(
                wide, "serviceAccount:NAME@PROJEKT.…",
                f"{grant.item.id} lesen auch: {', '.join(wide)}.",
            )  # fmt: skip
    pipeline = f"serviceAccount:{estate.policy.pipeline}"
    for grant in grants(estate, "project.policy"):
        others = [name for name in grant.members if name != pipeline]
        if grant.role == _ACCESSOR and others:
            yield grant.finding(
                others, [pipeline], f"Im ganzen Projekt lesen alle Secrets: {', '.join(others)}."
            )


def _is_named(member: str) -> bool:
    return (
        member.startswith("serviceAccount:")
        and not member.endswith("-compute@developer.gserviceaccount.com")
        and not member.endswith("@appspot.gserviceaccount.com")
    )


RULES: tuple[Rule, ...] = (_pinned, _enabled, _plain, _rotate, _announced, _named)
