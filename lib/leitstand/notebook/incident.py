"""The verbs of the incident runbook: declare, look, rank, treat, and tell."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from leitstand.core.errors import Finding, InputError
from leitstand.core.plan import Action, Approved, Plan, Withheld
from leitstand.core.triage.hypotheses import Hypothesis
from leitstand.core.triage.incident import ROLES, Incident, Severity, incident_id
from leitstand.core.triage.ranking import rank
from leitstand.core.triage.signals import Signals
from leitstand.execution.executor import Executor
from leitstand.notebook.incident_report import RECOVERED, write_report
from leitstand.notebook.incident_runs import declaration_of
from leitstand.notebook.incident_views import (
    command,
    errors_table,
    evidence_tables,
    missing_notices,
    ranking_table,
    services_table,
    state_table,
)
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.start_run import start_handlers
from leitstand.notebook.views import Notice, Row, Table, Tone, show
from leitstand.project import runs_directory, state_directory

__all__ = ["Found", "IncidentUnknown", "NoSuchHypothesis", "NotOver", "Response"]

_TREAT_SECONDS = 3600.0


class IncidentUnknown(InputError):
    """No run on this machine declared that incident."""

    def __init__(self, incident: str) -> None:
        super().__init__(
            f"Den Vorfall {incident} hat auf diesem Rechner niemand ausgerufen.",
            "Lassen Sie incident leer, um einen neuen auszurufen.",
        )
        self.incident = incident


class NoSuchHypothesis(InputError):
    """There is no hypothesis of that number, or no runbook for it."""

    def __init__(self, number: int, found: int) -> None:
        super().__init__(
            f"Für Hypothese {number} gibt es kein Runbook; gefunden: {found}.",
            "Sehen Sie die Liste an, und wählen Sie eine ihrer Nummern; 0 startet nichts.",
        )
        self.number = number


class NotOver(Finding):
    """After the treatment the same cause is still there."""

    def __init__(self, title: str) -> None:
        super().__init__(
            f"Nach der Behandlung besteht die Ursache noch: {title}",
            "Warten Sie, bis die Messwerte nachkommen, und lassen Sie das Runbook noch einmal"
            " laufen; bleibt es dabei, behandeln Sie die nächste Ursache.",
        )


@dataclass(frozen=True)
class Found:
    """What is known, and what may be the matter, the likeliest first."""

    signals: Signals
    hypotheses: tuple[Hypothesis, ...]


class Response:
    """The response to one incident within a run.

    The run's parameters say which incident it is and how bad; ``incident`` empty declares a new
    one.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._parameters = run.parameters
        self._policy = run.environment.triage
        self._incident: Incident | None = None

    @property
    def incident(self) -> Incident:
        """The incident, after ``declare``."""
        assert self._incident is not None
        return self._incident

    def declare(self) -> Incident:
        """Declare a new incident, or go on with one that was declared before; show it.

        Raises:
            IncidentUnknown: nobody declared the one that was asked for.
            InvalidIncident: its title or a name cannot be used.
        """
        given, runs = self._parameters, runs_directory()
        named = str(given["incident"]) or self._declared_here()
        if named:
            event = declaration_of(runs, named)
            if event is None:
                raise IncidentUnknown(named)
            self._incident = Incident.from_data(event["declaration"])
        else:
            now = datetime.now(UTC)
            roles = {role: str(given[role]) for role in ROLES}
            self._incident = Incident(
                incident_id(now, secrets.token_hex(2)),
                Severity(str(given["severity"])),
                str(given["title"]),
                now,
                # Whoever starts it leads, until somebody else does.
                {**roles, "leitung": roles["leitung"] or self._run.operator},
            )
        if not self._declared_here():
            self._run.journal.append(
                "incident.declared", incident=self.incident.id, declaration=self.incident.as_data()
            )
        show(_incident_table(self.incident, new=not named))
        return self.incident

    def observe(self) -> Signals:
        """Ask all sources at once, within the deadline of the environment file; show the answers.

        A source that does not answer is named, and does not hold up the rest.
        """
        from leitstand.execution.triage import gather

        deadline = self._policy.deadline
        with self._run.step("observe", "Signale sammeln", deadline):
            signals = gather(
                self._run.connection,
                since=datetime.now(UTC) - self._window,
                deadline=deadline,
                state_directory=state_directory(),
            )
        show(*missing_notices(signals))
        show(services_table(signals), state_table(signals), errors_table(signals))
        return signals

    def draw(self, signals: Signals) -> None:
        """Show requests and errors over time, with what changed."""
        from leitstand.notebook.incident_plots import incident_picture

        picture = incident_picture(signals)
        show(picture or Notice("Für einen Verlauf fehlen die Messwerte.", Tone.WAIT))

    def rank(self, signals: Signals) -> Found:
        """Rank what may be the matter; show the evidence, and the runbook that treats each."""
        limits = self._run.environment.litellm
        hypotheses = rank(
            signals, self._policy, quota=(limits.rate_limit_quota, limits.rate_limit_maximum)
        )
        self._run.journal.append(
            "incident.ranked",
            incident=self.incident.id,
            hypotheses=[
                {"cause": h.cause, "target": h.target, "score": h.score, "title": h.title}
                for h in hypotheses
            ],
            missing=sorted(signals.missing),
        )
        show(ranking_table(hypotheses), *evidence_tables(hypotheses, self._given))
        return Found(signals, hypotheses)

    def plan(self, found: Found) -> Plan:
        """Plan to start the runbook that treats the chosen hypothesis; show it.

        Raises:
            NoSuchHypothesis: there is none of that number.
        """
        earlier = self._run.earlier_plan("incident")
        plan = earlier.plan if earlier is not None else self._planned(found)
        if earlier is None:
            self._run.journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
        rows = [Row((action.id, action.arguments["command"])) for action in plan.actions]
        empty = "Kein Runbook startet: treat steht auf 0."
        show(Table(f"Plan {plan.digest[:12]}", ("Aktion", "Was startet"), rows, empty))
        return plan

    def treat(self, approved: Approved | Withheld) -> Approved | Withheld:
        """Start the runbook and wait for its end; it has its own plan and its own approval."""
        if isinstance(approved, Withheld):
            return withheld(approved)
        handlers = start_handlers(runs_directory(), self._run.id, self.incident.id)
        executor = Executor(approved, self._run.journal, handlers)
        for action in approved.plan.actions:
            title = f"Runbook {action.arguments['runbook']}"
            with self._run.step(action.id, title, _TREAT_SECONDS) as progress:
                evidence = executor.apply(action.id, progress.update)
            show(Notice(f"Lauf {evidence['run']}: {evidence['notebook']}", Tone.GOOD))
        return approved

    def verify(self, found: Found, treated: Approved | Withheld) -> Found:
        """After a treatment look again, and say whether the cause is gone.

        Raises:
            NotOver: it is still the likeliest.
        """
        if isinstance(treated, Withheld) or not treated.plan.actions:
            show(Notice("Nichts wurde behandelt."))
            return found
        cause = treated.plan.basis["cause"]
        again = self.rank(self.observe())
        still = [h for h in again.hypotheses if [h.cause, h.target] == cause and h.acute]
        if still:
            raise NotOver(still[0].title)
        gone = next(h for h in found.hypotheses if [h.cause, h.target] == cause)
        self._run.journal.append(RECOVERED, incident=self.incident.id, hypothesis=gone.as_data())
        show(Notice("Die Ursache ist weg.", Tone.GOOD))
        return again

    def report(self, found: Found) -> None:
        """Write the texts for customers and colleagues and the draft of the post-mortem; show them.

        They lie beside the notebook.
        """
        show(*write_report(self._run, self.incident, found.signals, found.hypotheses))

    @property
    def _window(self) -> timedelta:
        minutes = self._parameters["minutes"]
        assert isinstance(minutes, int)
        return timedelta(minutes=minutes) if minutes else timedelta(seconds=self._policy.window)

    @property
    def _given(self) -> Mapping[str, object]:
        """What every treatment is given besides its own parameters."""
        return {"env": self._run.environment.name, "ticket": self._parameters["ticket"]}

    def _declared_here(self) -> str:
        """Return the incident that this very run declared, if it is resumed."""
        declared = (e for e in self._run.journal if e["event"] == "incident.declared")
        return str(next(declared, {}).get("incident", ""))

    def _planned(self, found: Found) -> Plan:
        number = self._parameters["treat"]
        assert isinstance(number, int)
        environment, target = self._run.environment.name, f"incidents/{self.incident.id}"
        if not number:
            return Plan("incident", environment, target, {}, ())
        chosen = found.hypotheses[number - 1] if number <= len(found.hypotheses) else None
        if chosen is None or not chosen.treatments:
            raise NoSuchHypothesis(number, len(found.hypotheses))
        treatment = chosen.treatments[0]
        parameters = {**treatment.parameters, **self._given, "apply": True}
        action = Action(
            f"start-{treatment.runbook}",
            "start_run",
            target,
            {
                "runbook": treatment.runbook,
                "parameters": {name: value for name, value in parameters.items() if value != ""},
                "command": command(treatment, {**self._given, "apply": True}),
            },
        )
        basis: dict[str, Any] = {"cause": [chosen.cause, chosen.target]}
        return Plan("incident", environment, target, basis, (action,), returns_by_itself=False)


def _incident_table(incident: Incident, *, new: bool) -> Table:
    rows = [
        Row(("Vorfall", incident.id)),
        Row(("Titel", incident.title)),
        Row(("Schwere", f"{incident.severity} ({incident.severity.meaning})")),
        Row(("Ausgerufen", f"{incident.declared_at:%Y-%m-%d %H:%M:%S} UTC")),
        *(
            Row((title, incident.roles.get(role) or "noch niemand"))
            for role, title in ROLES.items()
        ),
    ]
    return Table("Neuer Vorfall" if new else "Vorfall", ("", ""), rows)
