"""Rules of identities: the pipeline's account and its federation, nobody with too much."""

import re
from collections.abc import Iterator

from leitstand.core.hardening.containers import workloads
from leitstand.core.hardening.estate import Estate
from leitstand.core.hardening.grants import EVERYONE, grants
from leitstand.core.hardening.rule import Finding, Rule, rule

__all__ = ["RULES"]

_IAM = "Produktion, Betrieb und Sicherheit: IAM"
_STEP_6 = "Produktion, Schritt 6: Workload Identity Federation"

PIPELINE_ROLES = frozenset(
    {
        "roles/run.admin",
        "roles/artifactregistry.writer",
        "roles/cloudsql.client",
        "roles/secretmanager.secretAccessor",
        "roles/redis.admin",
        "roles/compute.networkUser",
    }
)
"""All roles of the pipeline's service account. Source: production page, line IAM."""

_BASIC = ("roles/owner", "roles/editor")
_OWNERS = r"repository|repository_owner|project_path|namespace_path"
_IDS = r"repository_id|repository_owner_id|project_id|namespace_id"
_PIN = r"\b(?:assertion|attribute)\.(?:{})\s*(?:==\s*['\"][^'\"]+['\"]|in\s*\[\s*['\"][^'\"]+)"
_PINNED = re.compile(_PIN.format(f"{_IDS}|{_OWNERS}"))
_PINNED_BY_ID = re.compile(_PIN.format(_IDS))


@rule(
    "federation-pins-repository", "Die Föderation lässt nur das eigene Repository zu", "error",
    source=_STEP_6,
    why="Ohne Bedingung kann sich jedes Repository der Welt beim Anbieter als Pipeline ausgeben.",
)  # fmt: skip
def _pinned(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("iam.providers"):
        condition = str(item.get("attributeCondition", ""))
        if not _pins(condition):
            yield item.finding(
                "attributeCondition", condition, "assertion.repository_id == '…'",
                f"Die Bedingung des Anbieters {item.id} legt kein Repository fest.",
            )  # fmt: skip


@rule(
    "federation-pins-numbers", "Die Föderation prüft Nummern und nicht nur Namen", "note",
    source="Google Cloud, Workload Identity Federation: Bedingungen",
    why="Ein gelöschter Name lässt sich neu vergeben, eine Nummer nicht.",
)  # fmt: skip
def _numbers(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("iam.providers"):
        condition = str(item.get("attributeCondition", ""))
        if _pins(condition) and not _PINNED_BY_ID.search(condition):
            yield item.finding(
                "attributeCondition", condition, "assertion.repository_owner_id == '…'",
                f"Die Bedingung des Anbieters {item.id} verlässt sich auf Namen.",
            )  # fmt: skip


def _pins(condition: str) -> bool:
    """Return whether a condition pins the repository in each of its alternatives."""
    return all(_PINNED.search(part) for part in condition.split("||"))


@rule(
    "federation-members-narrow", "Als Pipeline tritt nur das eigene Repository auf", "error",
    source=_STEP_6,
    why="Ein Mitglied für den ganzen Pool gibt jeder Identität darin die Rechte der Pipeline.",
)  # fmt: skip
def _members(estate: Estate) -> Iterator[Finding]:
    for grant in grants(estate, "iam.policy"):
        wide = [
            member
            for member in grant.members
            if member in EVERYONE
            or (member.startswith("principalSet://") and "/attribute." not in member)
        ]
        if wide:
            yield grant.finding(
                wide, "principalSet://…/attribute.repository/…",
                f"Das Dienstkonto {grant.item.id} dürfen auch andere Identitäten nutzen.",
            )  # fmt: skip


@rule(
    "pipeline-has-six-roles", "Die Pipeline hat genau die sechs vereinbarten Rollen", "error",
    source=_IAM,
    why="Jede weitere Rolle vergrößert den Schaden einer übernommenen Pipeline.",
)  # fmt: skip
def _six_roles(estate: Estate) -> Iterator[Finding]:
    member = f"serviceAccount:{estate.policy.pipeline}"
    for item in estate.all("project.policy"):
        held = {
            str(binding.get("role"))
            for binding in item.get("bindings", ())
            if member in binding.get("members", ())
        }
        for role in sorted(PIPELINE_ROLES - held):
            yield item.finding(
                f"bindings.{role}", None, member, f"Der Pipeline fehlt die Rolle {role}."
            )
        for role in sorted(held - PIPELINE_ROLES):
            yield item.finding(
                f"bindings.{role}", member, None, f"Die Pipeline hat zusätzlich {role}."
            )


@rule(
    "no-roles-past-the-account", "Niemand aus der Föderation hat Rollen am Dienstkonto vorbei",
    "error",
    source=_IAM,
    why="Solche Rollen gelten unmittelbar und stehen in keiner Liste des Dienstkontos.",
)  # fmt: skip
def _past_account(estate: Estate) -> Iterator[Finding]:
    for grant in grants(estate, "project.policy"):
        past = [
            name for name in grant.members if name.startswith(("principal://", "principalSet://"))
        ]
        if past:
            yield grant.finding(past, [], f"{grant.role} gilt im Projekt unmittelbar für den Pool.")


@rule(
    "no-basic-roles", "Kein Dienstkonto ist Inhaber oder Bearbeiter des Projekts", "error",
    source=_IAM,
    why="roles/owner und roles/editor dürfen fast alles, auch Daten löschen und Rechte vergeben.",
)  # fmt: skip
def _basic(estate: Estate) -> Iterator[Finding]:
    pipeline = f"serviceAccount:{estate.policy.pipeline}"
    # Google's own agent makes resources for the APIs and needs the role.
    exempt = (pipeline, f"serviceAccount:{estate.number}@cloudservices.gserviceaccount.com")
    for grant in grants(estate, "project.policy"):
        basic = grant.role in _BASIC
        wide = [
            name
            for name in grant.members
            if name in EVERYONE
            or (basic and name.startswith("serviceAccount:") and name not in exempt)
        ]
        if wide:
            yield grant.finding(wide, [], f"{grant.role} haben im Projekt: {', '.join(wide)}.")


@rule(
    "no-account-keys", "Es gibt keine Schlüssel von Dienstkonten", "error",
    source=f"{_IAM}, Workload Identity Federation",
    why="Ein heruntergeladener Schlüssel gilt überall und unbefristet.",
)  # fmt: skip
def _keys(estate: Estate) -> Iterator[Finding]:
    if "iam.keys" not in estate.listed:
        yield estate.unobserved(
            None, "iam.keys", [], "Die Schlüssel der Dienstkonten wurden nicht aufgelistet."
        )
    for item in estate.all("iam.keys"):
        if item.get("keyType") == "USER_MANAGED" and not item.get("disabled", False):
            account = item.name.partition("/serviceAccounts/")[2].partition("/")[0]
            yield item.finding(
                "keyType", "USER_MANAGED", "SYSTEM_MANAGED",
                f"Das Dienstkonto {account} hat einen selbst verwalteten Schlüssel.",
            )  # fmt: skip


@rule(
    "own-service-accounts", "Kein Dienst läuft unter dem Standardkonto", "error",
    source="Produktion, Schritt 4: Zugriffspfade der Secrets",
    why="Das Standardkonto teilen sich alle Dienste, und meist hat es zu viele Rechte.",
)  # fmt: skip
def _own_accounts(estate: Estate) -> Iterator[Finding]:
    default = f"{estate.number}-compute@developer.gserviceaccount.com"
    for workload in workloads(estate):
        account = workload.template.get("serviceAccount", default)
        if account.endswith("-compute@developer.gserviceaccount.com"):
            yield workload.item.finding(
                f"{workload.path}.serviceAccount", account, "NAME@PROJEKT.iam.gserviceaccount.com",
                f"{workload.item.id} läuft unter dem Standardkonto.",
            )  # fmt: skip


RULES: tuple[Rule, ...] = (
    _pinned,
    _numbers,
    _members,
    _six_roles,
    _past_account,
    _basic,
    _keys,
    _own_accounts,
)
