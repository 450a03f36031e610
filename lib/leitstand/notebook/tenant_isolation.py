"""The verbs of the isolation runbook: look, try, judge; harden where that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.tenancy.isolation import Finding, Severity
from leitstand.core.tenancy.onboarding import plan_hardening
from leitstand.core.tenancy.types import Attempt, IsolationFacts, Tenant
from leitstand.notebook.plan_views import plan_table
from leitstand.notebook.run import Run
from leitstand.notebook.tenancy import Isolation, chosen_model
from leitstand.notebook.tenancy_views import (
    attempts_table,
    facts_table,
    findings_view,
)
from leitstand.notebook.tenancy_wording import BreachFound, IsolationBroken, action_text
from leitstand.notebook.views import Notice, show

__all__ = ["TenantIsolation", "Tried", "ring"]


@dataclass(frozen=True)
class Tried:
    """What was read and tried, and what of it is wrong."""

    facts: IsolationFacts
    attempts: tuple[Attempt, ...]
    findings: tuple[Finding, ...]


class TenantIsolation:
    """The check of all tenants' isolation, within a run."""

    def __init__(
        self,
        run: Run,
        *,
        sample: int,
        model: Literal["environment", "schema_per_tenant", "row_level_security"] = "environment",
    ) -> None:
        self._run = run
        self._sample = sample
        self._isolation = Isolation(run, chosen_model(run, model))

    def observe(self) -> IsolationFacts:
        """Read tenants, tables, policies, roles and rights; change nothing."""
        with self._run.step("observe", "Beobachten"):
            facts = self._isolation.read()
        show(facts_table(facts, self._isolation.model))
        return facts

    def attempt(self, facts: IsolationFacts) -> Tried:
        """Try to cross the borders, each tenant of the sample to its neighbour; roll it back.

        A breach is shown here and fails the run in ``verify``, so that it can be closed first.
        """
        pairs = ring(facts.tenants, self._sample)
        with self._run.step("attempt", "Trennung prüfen") as progress:
            attempts = self._isolation.attempt(facts, pairs, progress)
        findings = self._isolation.judge(facts, attempts)
        self._isolation.record(attempts, findings)
        show(
            Notice(f"Geprüft: {len(pairs)} von {len(facts.tenants)} Mandanten."),
            attempts_table(attempts),
            findings_view(findings),
        )
        return Tried(facts, attempts, findings)

    def plan(self, tried: Tried) -> Plan:
        """Plan what brings shared tables to forced row-level security; show it."""
        earlier = self._run.earlier_plan("tenant_isolation")
        if earlier is not None:
            show(plan_table(earlier.plan, action_text))
            return earlier.plan
        plan = plan_hardening(
            self._hardened(tried.facts),
            self._run.environment.tenancy,
            environment=self._run.environment.name,
            target=self._isolation.target,
        )
        self._run.planned(plan)
        show(plan_table(plan, action_text))
        return plan

    def harden(self, approved: Approved | Withheld) -> None:
        """Apply the plan, table by table."""
        if is_withheld(approved):
            show(Notice("Nicht gehärtet: Der Lauf prüft nur."))
            return
        self._isolation.apply(approved)

    def verify(self, tried: Tried, approved: Approved | Withheld) -> None:
        """Judge what was tried; after a hardening, read and try it all again.

        Raises:
            BreachFound: tenants are not kept apart.
            IsolationBroken: they are not even after the hardening.
        """
        hardened = isinstance(approved, Approved) and bool(approved.plan.actions)
        if hardened:
            tried = self.attempt(self.observe())
        broken = [finding for finding in tried.findings if finding.severity is Severity.BROKEN]
        verdict = "unhealthy" if broken else "healthy"
        self._run.journal.append("verdict", stage="isolation", verdict=verdict)
        if broken:
            raise IsolationBroken(broken) if hardened else BreachFound(broken)
        show(findings_view(tried.findings))

    def _hardened(self, facts: IsolationFacts) -> IsolationFacts:
        """With a schema per tenant, rights keep them apart, and there is nothing to harden."""
        if self._isolation.model == "row_level_security":
            return facts
        return IsolationFacts(facts.administrator, facts.administrator_bypasses, (), (), {})


def ring(tenants: Sequence[Tenant], sample: int) -> list[tuple[Tenant, Tenant]]:
    """Return tenants, spread evenly, each with the one that comes after it.

    Args:
        tenants: All of them, in a fixed order.
        sample: How many are to be actors; 0 for all.
    """
    count = len(tenants)
    if count < 2:
        return []
    wanted = min(sample, count) or count
    chosen = [number * count // wanted for number in range(wanted)]
    return [(tenants[number], tenants[(number + 1) % count]) for number in chosen]
