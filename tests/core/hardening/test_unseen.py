"""A rule that could not see everything is never taken as kept."""

from dataclasses import replace

from leitstand.core.deviations import Agreement
from leitstand.core.hardening import RULES, examine
from leitstand.core.reconcile import Unreadable
from tests.core.hardening.estate import healthy

DENIED = Unreadable("Ihnen fehlt das Recht redis.instances.get.")


def test_every_rule_that_asks_for_a_kind_names_what_of_it_could_not_be_read() -> None:
    estate = healthy()
    listed = {kind: bodies for kind, bodies in estate.listed.items() if kind != "redis.instances"}
    hidden = replace(estate, found={**estate.found, "redis.instances/main": DENIED}, listed=listed)
    before = {finding.rule for finding in examine(estate, Agreement())}
    findings = [f for f in examine(hidden, Agreement()) if f.rule not in before]
    assert {"redis-highly-available", "redis-auth-on"} <= {finding.rule for finding in findings}
    unseen = [finding for finding in findings if DENIED.reason in finding.evidence]
    assert {"redis.instances/main"} == {finding.key for finding in unseen}
    assert not any(finding.observed for finding in unseen)


def test_rules_that_ask_for_other_kinds_say_nothing_of_it() -> None:
    estate = healthy()
    hidden = replace(estate, found={**estate.found, "redis.instances/main": DENIED}, listed={})
    beat = [rule for rule in RULES if rule.id.startswith("beat-")]
    told = [f for f in examine(hidden, Agreement(), beat) if DENIED.reason in f.evidence]
    assert [] == told
