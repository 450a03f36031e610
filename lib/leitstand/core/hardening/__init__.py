"""Hardening: every rule of the production page as a check of what was really observed.

Pure: rules read an ``Estate`` and nothing else.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leitstand.core.hardening import (
    database,
    identity,
    langfuse,
    litellm,
    logging,
    network,
    redis,
    secrets,
    services,
)
from leitstand.core.hardening.estate import LISTINGS, Estate, Listing, Policy
from leitstand.core.hardening.policy import policy_of
from leitstand.core.hardening.rule import Finding, Rule, Severity
from leitstand.core.hardening.unseen import telling_what_was_unseen

if TYPE_CHECKING:
    from leitstand.core.deviations import Agreement

__all__ = [
    "LISTINGS",
    "RULES",
    "Estate",
    "Finding",
    "Listing",
    "Policy",
    "Rule",
    "Severity",
    "examine",
    "policy_of",
]

RULES: tuple[Rule, ...] = (
    *network.RULES,
    *database.RULES,
    *redis.RULES,
    *secrets.RULES,
    *services.RULES,
    *litellm.RULES,
    *identity.RULES,
    *logging.RULES,
    *langfuse.RULES,
)
"""All rules, in the order of the production page."""


def examine(
    estate: Estate, agreement: "Agreement", rules: Sequence[Rule] = RULES
) -> tuple[Finding, ...]:
    """Return what breaks the rules, and what they could not see, in the order of the rules."""
    return tuple(
        finding
        for rule in rules
        for finding in telling_what_was_unseen(rule).check(estate, agreement)
    )
