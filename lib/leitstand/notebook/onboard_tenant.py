"""The verbs of the onboarding runbook: look, check, plan, add, prove the isolation."""

import uuid
from dataclasses import dataclass, replace
from typing import Literal

from leitstand.core.errors import InputError
from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.tenancy.isolation import Severity
from leitstand.core.tenancy.names import slug, tenant_names
from leitstand.core.tenancy.onboarding import (
    Newcomer,
    check_onboarding,
    check_removal,
    plan_onboarding,
)
from leitstand.core.tenancy.types import IsolationFacts, Tenant
from leitstand.notebook.plan_views import checks_table, plan_table
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.tenancy import Isolation, chosen_model
from leitstand.notebook.tenancy_views import (
    attempts_table,
    facts_table,
    findings_view,
)
from leitstand.notebook.tenancy_wording import (
    IsolationBroken,
    OnboardingRefused,
    action_text,
    check_text,
)
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["Checked", "IdUnusable", "NameTooLong", "OnboardTenant"]

_LONGEST = 100


class IdUnusable(InputError):
    """The id given for a tenant is no UUID.

    Attributes:
        id: What was given.
    """

    def __init__(self, id: str) -> None:
        super().__init__(
            f"„{id}“ ist keine UUID.",
            "Geben Sie eine an wie 0b1e6f0e-9d0f-4d6e-8c52-3a1f5c1d2e3f, oder lassen Sie id leer.",
        )
        self.id = id


class NameTooLong(InputError):
    """The name given for a tenant does not fit into the registry, or is empty."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Der Name „{name[:_LONGEST]}“ ist leer oder länger als {_LONGEST} Zeichen.",
            "Geben Sie einen kürzeren Namen an.",
        )
        self.name = name


@dataclass(frozen=True)
class Checked:
    """A tenant that may be added; only from it a plan is made."""

    newcomer: Newcomer
    facts: IsolationFacts


class OnboardTenant:
    """The addition of one tenant, or its removal while it is empty, within a run.

    Raises:
        InputError: its name or its id cannot be used.
    """

    def __init__(
        self,
        run: Run,
        *,
        name: str,
        id: str = "",
        model: Literal["environment", "schema_per_tenant", "row_level_security"] = "environment",
        remove: bool = False,
    ) -> None:
        self._run = run
        self._remove = remove
        self._earlier = run.earlier_plan("onboard_tenant")
        name = " ".join(name.split())
        if not 0 < len(name) <= _LONGEST:
            raise NameTooLong(name)
        given = id if self._earlier is None else str(self._earlier.plan.basis["tenant"])
        self._named_only = not given
        try:
            key = str(uuid.UUID(given)) if given else str(uuid.uuid4())
        except ValueError as error:
            raise IdUnusable(given) from error
        self._isolation = Isolation(run, chosen_model(run, model))
        names = tenant_names(slug(name), run.environment.tenancy)
        self._newcomer = Newcomer(Tenant(key, name), names, self._isolation.model)

    def observe(self) -> IsolationFacts:
        """Read tenants, tables, policies, roles and rights; change nothing."""
        with self._run.step("observe", "Beobachten"):
            facts = self._isolation.read()
        show(facts_table(facts, self._isolation.model))
        return facts

    def check(self, facts: IsolationFacts) -> Checked:
        """Show all preconditions.

        Raises:
            OnboardingRefused: one is red; there will be no plan.
        """
        if self._earlier is not None:
            show(Notice("Der Lauf wird fortgesetzt; seine Prüfungen waren grün.", Tone.GOOD))
            return Checked(self._newcomer, facts)
        if self._remove:
            self._newcomer = self._found(facts)
            checks = check_removal(self._newcomer, facts)
        else:
            findings = self._isolation.judge(facts)
            tenancy = self._run.environment.tenancy
            checks = check_onboarding(self._newcomer, facts, findings, tenancy)
        show(checks_table(checks, check_text))
        for check in checks:
            if not check.passed:
                raise OnboardingRefused(check)
        return Checked(self._newcomer, facts)

    def plan(self, checked: Checked) -> Plan:
        """Plan what adds the tenant; show it. A resumed run keeps its plan, and with it the id."""
        if self._earlier is not None:
            show(plan_table(self._earlier.plan, action_text))
            return self._earlier.plan
        environment = self._run.environment
        plan = plan_onboarding(
            checked.newcomer,
            checked.facts,
            environment.tenancy,
            environment=environment.name,
            target=self._isolation.target,
            application=self._isolation.application,
            rag_schemas=[s for s in environment.rag_store.schemas if "*" not in s],
            remove=self._remove,
        )
        self._run.planned(plan)
        show(plan_table(plan, action_text))
        return plan

    def create(self, approved: Approved | Withheld) -> None:
        """Add the tenant, after whatever its isolation needs; or remove it.

        Raises:
            DatabaseRefused: the tenant that is to be removed has rows.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        self._isolation.apply(approved)

    def prove(self, approved: Approved | Withheld) -> None:
        """Try to reach the other tenants as the new one, and the new one as they would.

        Raises:
            IsolationBroken: something went across the border; the tenant stays, so that it can be
                looked at, until the run is taken back.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        if self._remove:
            show(Notice("Der Mandant ist entfernt.", Tone.GOOD))
            return
        tenant = self._newcomer.tenant
        with self._run.step("prove", "Trennung beweisen") as progress:
            facts = self._isolation.read()
            others = [other for other in facts.tenants if other.id != tenant.id][:3]
            pairs = [pair for other in others for pair in ((tenant, other), (other, tenant))]
            attempts = self._isolation.attempt(facts, pairs, progress, newcomer=tenant)
        findings = self._isolation.judge(facts, attempts)
        self._isolation.record(attempts, findings)
        show(attempts_table(attempts), findings_view(findings))
        broken = [finding for finding in findings if finding.severity is Severity.BROKEN]
        verdict = "unhealthy" if broken else "healthy"
        self._run.journal.append("verdict", stage="isolation", verdict=verdict)
        if broken:
            raise IsolationBroken(broken)
        if not others:
            show(Notice("Es gibt noch keinen anderen Mandanten, gegen den sich prüfen ließe."))

    def _found(self, facts: IsolationFacts) -> Newcomer:
        """Take the id of the tenant that has the name, where none was given."""
        tenant = self._newcomer.tenant
        same = [other for other in facts.tenants if other.name == tenant.name]
        return replace(self._newcomer, tenant=same[0] if same and self._named_only else tenant)
