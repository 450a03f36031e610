"""The verbs that runbooks share which change one environment variable of a service."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leitstand.cloud.next_template import next_template
from leitstand.cloud.run import CloudRun
from leitstand.core.errors import GateRefused, LeitstandError, RunFailed
from leitstand.core.plan import Action, Approved, Plan, Withheld, is_withheld
from leitstand.core.reconfiguring import check_service, plan_variable, serving_revision, variable
from leitstand.core.service import ServiceState
from leitstand.execution.recovery import executor_for, give_back
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Row, Table, Tone, show

__all__ = ["Checked", "Observed", "Reconfiguring", "ServiceBusy"]


class ServiceBusy(GateRefused):
    """The service is being changed, so it cannot be given another revision now."""

    def __init__(self, service: str, evidence: str) -> None:
        super().__init__(
            f"Der Dienst {service} ist gerade nicht ruhig: {evidence}.",
            "Warten Sie, bis die Änderung zu Ende ist, oder nehmen Sie sie zurück.",
        )
        self.service = service


@dataclass(frozen=True)
class Observed:
    """A service, the revision that serves, its template, and the value that it has now."""

    service: ServiceState
    serving: str
    template: Mapping[str, Any]
    value: str | None


@dataclass(frozen=True)
class Checked:
    """A service that may be changed; only from it a plan is made."""

    observed: Observed


class Reconfiguring:
    """One variable of one service within a run.

    Args:
        run: The run.
        service: Short name of the service.
        name: Name of the variable.
        value: What it is to be; None leaves it out.
        text: Says a value in German, None included.
        restored: What holds after the way back, as a German sentence.
        rows: More that ``observe`` shows.
    """

    def __init__(
        self,
        run: Run,
        service: str,
        *,
        name: str,
        value: str | None,
        text: Callable[[str | None], str],
        restored: str,
        rows: Sequence[Row] = (),
    ) -> None:
        self._run = run
        self._cloud = CloudRun(run.connection)
        self._full_name = run.environment.service_name(service)
        self._name = name
        self._value = value
        self._text = text
        self._restored = restored
        self._rows = tuple(rows)
        self._runbook = run.template.name

    def observe(self) -> Observed:
        """Read the service and its serving revision, and show them; change nothing."""
        with self._run.step("observe", "Beobachten"):
            service = self._cloud.service(self._full_name)
            serving = serving_revision(service)
            template = next_template(service, self._cloud.revision(service.name, serving))
        observed = Observed(service, serving, template, variable(template, self._name))
        table = [
            Row(("Dienst", service.short_name)),
            Row(("Läuft", serving)),
            Row(("Jetzt", self._text(observed.value))),
            Row(("Gewünscht", self._text(self._value))),
        ]
        show(Table("Beobachtung", ("", ""), [*table, *self._rows]))
        return observed

    def check(self, observed: Observed) -> Checked:
        """Let the run go on only if the service is settled and one revision serves.

        Raises:
            ServiceBusy: it is not.
        """
        if self._run.earlier_plan(self._runbook) is not None:
            return Checked(observed)
        for check in check_service(observed.service):
            if not check.passed:
                raise ServiceBusy(observed.service.short_name, _why(check.evidence))
        show(Notice("Der Dienst ist ruhig, und eine Revision hat den ganzen Verkehr.", Tone.GOOD))
        return Checked(observed)

    def plan(self, checked: Checked) -> Plan:
        """Plan a revision with the value and the traffic to it; show it."""
        earlier = self._run.earlier_plan(self._runbook)
        if earlier is not None:
            self._show(earlier.plan)
            return earlier.plan
        plan = plan_variable(
            checked.observed.service,
            checked.observed.template,
            runbook=self._runbook,
            environment=self._run.environment.name,
            name=self._name,
            value=self._value,
            restored=self._restored,
        )
        self._run.planned(plan)
        self._show(plan)
        return plan

    def change(self, approved: Approved | Withheld) -> None:
        """Make the revision and give it the traffic.

        Raises:
            RolledBack: something failed; the old revision has the traffic, and makes the next one.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        executor = executor_for(approved, self._run.journal, self._run.connection)
        try:
            for action in approved.plan.actions:
                with self._run.step(action.id, self._title(action)) as progress:
                    executor.apply(action.id, progress.update)
        except (LeitstandError, KeyboardInterrupt) as error:
            raise give_back(
                self._run.id, approved, self._run.journal, self._run.connection, error
            ) from error

    def verify(self, approved: Approved | Withheld) -> None:
        """Look whether the revision that serves has the value, and whether it works.

        Raises:
            RunFailed: it has not, or it does not.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        with self._run.step("verify", "Nachprüfen"):
            service = self._cloud.service(self._full_name)
            template = self._cloud.revision(service.name, serving_revision(service)).template
        found = variable(template, self._name)
        if found != self._value:
            raise RunFailed(
                f"Der Dienst {service.short_name} hat jetzt: {self._text(found)}.",
                "Jemand hat ihn seither geändert; sehen Sie nach, wer, und planen Sie neu.",
            )
        show(Notice(f"{serving_revision(service)} läuft: {self._text(found)}.", Tone.GOOD))
        self.prove(service)

    def prove(self, service: ServiceState) -> None:
        """Prove that the value works; here the value alone is the proof."""

    def _show(self, plan: Plan) -> None:
        rows = [Row((action.id, self._sentence(action))) for action in plan.actions]
        rows += [Row((f"Rückweg: {action.id}", self._sentence(action))) for action in plan.way_back]
        empty = f"Nichts zu tun: {self._text(self._value)}."
        show(Table(f"Plan {plan.digest[:12]}", ("Aktion", "Was geschieht"), rows, empty))

    def _title(self, action: Action) -> str:
        return "Revision anlegen" if action.kind == "deploy_revision" else "Verkehr umstellen"

    def _sentence(self, action: Action) -> str:
        if action.kind == "deploy_revision":
            return f"Legt {action.arguments['revision']} an: {self._text(self._value)}."
        if action.kind == "restore_template":
            old = self._text(action.arguments["variables"][self._name])
            return f"Legt {action.arguments['revision']} ohne Verkehr als Vorlage an: {old}."
        return f"Gibt {action.arguments['traffic'][0]['revision']} den ganzen Verkehr."


def _why(evidence: Mapping[str, Any]) -> str:
    if serving := evidence.get("serving"):
        return ", ".join(f"{percent} % {revision}" for revision, percent in serving.items())
    return str(evidence.get("problem") or "Er stellt sich noch um")
