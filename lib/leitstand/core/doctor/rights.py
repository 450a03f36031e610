"""Which runbooks an account could run, by the permissions that it has on the project."""

from collections.abc import Collection, Mapping

from leitstand.core.doctor.answers import Answer, Unreached
from leitstand.core.doctor.finding import LONGER, Finding
from leitstand.core.doctor.needs import NEEDS, ROLES, Need
from leitstand.core.doctor.target import Target

__all__ = ["judge_account", "judge_project", "judge_rights", "judge_secrets"]

_TITLE = "Rechte"
_MOST = 4


def judge_project(target: Target, answer: Answer | Unreached) -> Finding:
    """Return whether the project can be reached with this account."""
    title, place = "Google-Projekt", f"config/environments/{target.name}.yaml"
    if isinstance(answer, Unreached):
        return Finding(
            title, "bad", f"{target.project}: {answer.reason}",
            "Prüfen Sie Netz und Proxy; Läufe sprechen mit *.googleapis.com.",
        )  # fmt: skip
    if answer.good or answer.status == 400:  # it answers; a name in the question is not known
        return Finding(title, "good", target.project)
    if answer.status in {403, 404}:
        return Finding(
            title, "bad", f"{target.project}: kein Zugriff, oder es gibt das Projekt nicht",
            f"Prüfen Sie project in {place}, oder lassen Sie sich eine Rolle am Projekt geben.",
        )  # fmt: skip
    return Finding(title, "bad", f"{target.project}: {answer.message}", "Melden Sie sich neu an.")


def judge_rights(answer: Answer | Unreached, needs: Mapping[str, Need] = NEEDS) -> Finding | None:
    """Return for which runbooks the permissions on the project suffice.

    None where the project could not be reached, which another finding says.
    """
    if isinstance(answer, Unreached) or answer.status in {403, 404}:
        return None
    if not answer.good:
        advice = "Ob Rechte fehlen, zeigt erst der Lauf; er ändert dann nichts."
        return Finding(_TITLE, "warn", f"nicht prüfbar: {answer.message}", advice)
    held = set(answer.body.get("permissions") or ())
    lacking = {name: need.permissions - held for name, need in needs.items()}
    barred = sorted(name for name, missing in lacking.items() if missing)
    if not barred:
        return Finding(_TITLE, "good", f"für alle {len(needs)} Runbooks")
    missing = {one for name in barred for one in lacking[name]}
    if len(barred) == len(needs):
        return Finding(_TITLE, "bad", "für kein Runbook", _grant(missing))
    detail = f"reichen nicht für {_listed(barred)}; es fehlt {_listed(sorted(missing))}"
    return Finding(_TITLE, "warn", detail, _grant(missing))


def judge_account(target: Target, answer: Answer | Unreached) -> Finding | None:
    """Return whether services may be given their service account; None where they may."""
    if isinstance(answer, Answer) and (answer.body.get("permissions") or answer.status == 404):
        return None
    if isinstance(answer, Unreached):
        return Finding("Dienstkonto", "warn", f"{target.account}: {answer.reason}", LONGER)
    return Finding(
        "Dienstkonto", "warn", f"iam.serviceAccounts.actAs fehlt an {target.account}",
        "Lassen Sie sich roles/iam.serviceAccountUser geben; Releases brauchen es.",
    )  # fmt: skip


def judge_secrets(answers: Mapping[str, Answer | Unreached]) -> Finding | None:
    """Return whether the secrets that runs read can be read, by the name of each."""
    if not answers:
        return None
    title, grant = "Secrets", "Lassen Sie sich daran roles/secretmanager.secretAccessor geben."
    denied, absent, unknown = [], [], []
    for secret, answer in sorted(answers.items()):
        if isinstance(answer, Unreached):
            unknown.append(secret)
        elif answer.status == 404:
            absent.append(secret)
        elif not answer.body.get("permissions"):
            denied.append(secret)
    if denied:
        return Finding(title, "warn", f"nicht lesbar: {', '.join(denied)}", grant)
    if absent:
        detail = f"{', '.join(absent)} gibt es nicht"
        return Finding(title, "warn", detail, "Das Runbook provision legt Secrets an.")
    if unknown:
        return Finding(title, "warn", f"keine Antwort zu {', '.join(unknown)}", LONGER)
    return Finding(title, "good", f"lesbar: {', '.join(sorted(answers))}")


def _grant(missing: Collection[str]) -> str:
    """Return which roles to ask for."""
    wanted = {_role(permission) for permission in missing}
    return f"Lassen Sie sich am Projekt geben: {_listed(sorted(wanted), most=8)}."


def _role(permission: str) -> str:
    family, _, verb = permission.split(".")
    look, change = ROLES[family]
    return look if verb in {"get", "list", "getIamPolicy"} else change


def _listed(names: Collection[str], most: int = _MOST) -> str:
    shown = list(names)[:most]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" und {more} weitere" if more else "")
