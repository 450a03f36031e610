"""Who signs in, and who may approve."""

from collections.abc import Mapping

from leitstand.core.doctor.answers import SignIn
from leitstand.core.doctor.finding import LONGER, Finding
from leitstand.core.doctor.target import Target

__all__ = ["judge_approvals", "judge_sign_in"]

_SIGN_IN = "Melden Sie sich mit gcloud auth application-default login an."
_NETWORK = "Prüfen Sie Netz und Proxy; Läufe sprechen mit *.googleapis.com."
_KINDS: Mapping[str, str] = {
    "authorized_user": "Person",
    "external_account": "Workload Identity",
    "impersonated_service_account": "tritt für ein Dienstkonto ein",
    "metadata": "Dienstkonto dieser Maschine",
    "service_account": "Dienstkonto",
}


def judge_sign_in(signed: SignIn) -> Finding:
    """Return whether Google takes the credentials of this machine, and whose they are."""
    title, kind = "Anmeldung", _KINDS.get(signed.kind, signed.kind)
    if signed.problem == "none":
        return Finding(title, "bad", "keine gefunden", _SIGN_IN)
    if signed.problem == "unreadable":
        return Finding(title, "bad", f"{signed.detail} ist keine Anmeldung", _SIGN_IN)
    if signed.problem == "refused":
        detail = f"abgelaufen oder widerrufen ({kind}): {signed.detail}"
        return Finding(title, "bad", detail, _SIGN_IN)
    if signed.problem == "slow":
        return Finding(title, "bad", "nicht in der Zeit geprüft", LONGER)
    if signed.problem == "unreached":
        return Finding(title, "bad", f"vorhanden ({kind}), Google: {signed.detail}", _NETWORK)
    if not signed.name:
        advice = (
            "Freigaben verlangen ein bekanntes Konto: Melden Sie sich mit der E-Mail-Adresse an."
        )
        return Finding(title, "warn", f"gilt, das Konto ist unbekannt ({kind})", advice)
    return Finding(title, "good", f"{signed.name} ({kind})")


def judge_approvals(target: Target, operator: str) -> Finding | None:
    """Return whether enough others could approve; None where nobody has to.

    Args:
        target: The environment.
        operator: The account that signs in; empty when it is unknown.
    """
    if not target.second_person:
        return None
    title, policy = "Freigaben", target.approvals
    advice = (
        f"Tragen Sie unter approvals in config/environments/{target.name}.yaml Personen ein;"
        " vorher ändert dort kein Lauf etwas."
    )
    if policy is None:
        return Finding(title, "bad", "niemand darf freigeben", advice)
    named = policy.get("approvers")
    known = [str(one.get("identity", "")) for one in named or () if isinstance(one, Mapping)]
    others = [one for one in known if one.strip().casefold() != operator.strip().casefold()]
    needed = max([int(policy.get("needed") or 1), *_others(policy)])
    if len(others) < needed:
        detail = f"nötig sind bis zu {needed} Personen außer Ihnen, eingetragen {len(others)}"
        return Finding(title, "bad", detail, advice)
    return Finding(title, "good", f"{len(others)} andere dürfen freigeben")


def _others(policy: Mapping[str, object]) -> list[int]:
    stated = policy.get("needed_for")
    return [int(one) for one in stated.values()] if isinstance(stated, Mapping) else []
