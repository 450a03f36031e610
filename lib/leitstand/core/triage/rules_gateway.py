"""Does LiteLLM refuse requests because its quota is used up?"""

import math
from collections.abc import Iterator

from leitstand.core.german import number, percent
from leitstand.core.health import lower_bound
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.rules_queue import PAUSE
from leitstand.core.triage.signals import GatewaySignal, Missing, Source
from leitstand.core.triage.view import Suspect, Talk, View

__all__ = ["quotas_exhausted"]

_ROOM = 1.25
"""How much more than was asked for a raised quota grants."""


def quotas_exhausted(view: View) -> Iterator[Suspect]:
    """Yield a suspect if LiteLLM answers more requests with 429 than is ordinary."""
    gateway, groups = view.signals.gateway, view.groups(Talk.QUOTA)
    evidence: list[Evidence] = []
    against: tuple[Evidence, ...] = ()
    share, refusing = 0.0, False
    if not isinstance(gateway, Missing) and gateway.requests >= view.policy.min_requests:
        share = gateway.refused / gateway.requests
        bound = lower_bound(gateway.refused, gateway.requests)
        refusing = bound > view.policy.refused_share
        limit = "" if gateway.quota is None else f"; erlaubt sind {number(gateway.quota)} je Minute"
        figure = Evidence(
            f"LiteLLM lehnte {percent(share)} von {number(gateway.requests)} Anfragen mit 429"
            f" ab{limit}.",
            Source.GATEWAY,
        )
        evidence += [figure] if refusing else []
        against = () if refusing else (figure,)
    if not (refusing or groups):
        return
    first = min((group.first for group in groups), default=None)
    strength = 0.75 + 0.25 * min(1.0, share) if refusing else 0.6
    yield Suspect(
        Hypothesis(
            Cause.QUOTA_EXHAUSTED,
            "Das Kontingent von LiteLLM ist erschöpft",
            0.4 if against else strength,
            (*evidence, *view.lines(groups)),
            against,
            (*_raised(view, gateway), PAUSE),
            "Wer auf Antworten und Einbettungen eines Modells wartet.",
            target="litellm",
            began=first,
        ),
        first,
    )


def _raised(view: View, gateway: GatewaySignal | Missing) -> tuple[Treatment, ...]:
    """Return the quota that would have sufficed; none where the provider grants no more.

    Below the environment file's it is that: ``0`` asks the runbook for it.
    """
    restore = Treatment(
        "litellm_quota",
        {"requests_per_minute": 0},
        "Stellt das Kontingent der Umgebungsdatei wieder her.",
    )
    if isinstance(gateway, Missing) or gateway.quota is None or view.quota is None:
        return (restore,)
    usual, most = view.quota
    if gateway.quota >= most:
        return ()
    minutes = max(1.0, (view.signals.at - view.signals.since).total_seconds() / 60)
    needed = math.ceil(gateway.requests / minutes * _ROOM / 10) * 10
    wanted = min(most, max(needed, gateway.quota + 1))
    if gateway.quota < usual and wanted <= usual:
        return (restore,)
    text = (
        f"Hebt das Kontingent von {number(gateway.quota)} auf {number(wanted)} Anfragen je Minute"
        f" an; der Anbieter gewährt höchstens {number(most)}."
    )
    return (Treatment("litellm_quota", {"requests_per_minute": wanted}, text),)
