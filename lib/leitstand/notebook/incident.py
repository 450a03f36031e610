"""The verbs of the incident runbook: declare, look, rank, treat, and tell."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from leitstand.core.errors import Finding
from leitstand.core.plan import Action, Approved, Plan, Withheld, is_withheld
from leitstand.core.triage.hypotheses import Hypothesis
from leitstand.core.triage.incident import ROLES, Incident, Severity, incident_id
from leitstand.core.triage.signals import Signals
from leitstand.execution.executor import Executor
from leitstand.execution.waiting import until
from leitstand.notebook.incident_errors import (
    IncidentUnknown,
    NoSuchHypothesis,
    NotOver,
    NotSeen,
    RankingChanged,
)
from leitstand.notebook.incident_looks import Found, Looks
from leitstand.notebook.incident_report import write_report
from leitstand.notebook.incident_runs import (
    RECOVERED,
    IncidentRun,
    declaration_of,
    ranking_of,
    runs_of,
    treated_in,
)
from leitstand.notebook.incident_views import command, source_names
from leitstand.notebook.interactive_errors import CellOutOfOrder
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.start_run import start_handlers
from leitstand.notebook.views import Notice, Row, Table, Tone, show
from leitstand.project import runs_directory

__all__ = ["Found", "Response"]

_TITLE, _SEVERITY = "Alarm", Severity.SEV3
_TREAT_SECONDS = 3600.0


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
        """The incident, after ``declare``.

        Raises:
            CellOutOfOrder: it was not executed since ``begin``.
        """
        if self._incident is None:
            raise CellOutOfOrder("declared", "Parameter")
        return self._incident

    @property
    def _looks(self) -> Looks:
        return Looks(self._run, self.incident.id)

    def declare(self) -> Incident:
        """Declare a new incident, or go on with one that was declared before; show it.

        Title, severity and roles that are given hold from now on.

        Raises:
            IncidentUnknown: nobody declared the one that was asked for.
            InvalidIncident: its title or a name cannot be used.
        """
        named = str(self._parameters["incident"]) or self._declared_here()
        if named:
            event = declaration_of(runs_directory(), named)
            if event is None:
                raise IncidentUnknown(named)
            self._incident = self._as_given(Incident.from_data(event["declaration"]))
        else:
            now = datetime.now(UTC)
            # Whoever starts it leads, until somebody else does.
            roles = {"leitung": self._run.operator}
            new = Incident(incident_id(now, secrets.token_hex(2)), _SEVERITY, _TITLE, now, roles)
            self._incident = self._as_given(new)
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
        with self._run.step("observe", "Signale sammeln", self._policy.deadline):
            signals = self._looks.gather()
        self._looks.show(signals)
        return signals

    def draw(self, signals: Signals) -> None:
        """Show requests and errors over time, with what changed."""
        from leitstand.notebook.incident_plots import incident_picture

        picture = incident_picture(signals)
        show(picture or Notice("Für einen Verlauf fehlen die Messwerte.", Tone.WAIT))

    def rank(self, signals: Signals) -> Found:
        """Rank what may be the matter; show the evidence, and the runbook that treats each."""
        found = self._looks.ranked(signals)
        self._looks.tell(found)
        return found

    def plan(self, found: Found) -> Plan:
        """Plan to start the runbook that treats the chosen hypothesis; show it.

        Raises:
            NoSuchHypothesis: there is none of that number.
            RankingChanged: another hypothesis had that number when the operator read the list.
        """
        earlier = self._run.earlier_plan("incident")
        plan = earlier.plan if earlier is not None else self._planned(found)
        if earlier is None:
            self._run.planned(plan)
        rows = [Row((action.id, action.arguments["command"])) for action in plan.actions]
        empty = "Kein Runbook startet: treat steht auf 0."
        show(Table(f"Plan {plan.digest[:12]}", ("Aktion", "Was startet"), rows, empty))
        return plan

    def treat(self, approved: Approved | Withheld) -> Approved | Withheld:
        """Start the runbook and wait for its end; it has its own plan and its own approval."""
        if is_withheld(approved):
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
        """After a treatment look again until the cause is gone.

        It waits as long as figures from before the treatment still count. What an earlier run of
        the incident treated is looked at without waiting.

        Raises:
            NotOver: it is still there, or follows from another cause.
            NotSeen: a source that told of it does not answer.
        """
        if is_withheld(treated) or not treated.plan.actions:
            show(Notice("Nichts wurde behandelt."))
            earlier = treated_in(self._runs())
            if earlier is not None and found.without(Hypothesis.from_data(earlier)):
                self._recovered(earlier)
            return found
        # A run that is resumed may find nothing any more: what was treated stands in its plan.
        data = treated.plan.basis["hypothesis"]
        before = Hypothesis.from_data(data)
        looks: list[Found] = []

        def look() -> Found | None:
            looks.append(self._looks.ranked(self._looks.gather()))
            return looks[-1] if looks[-1].without(before) else None

        def late() -> Finding:
            last = looks[-1]
            self._looks.show(last.signals)
            self._looks.tell(last)
            still = before.left_in(last.hypotheses)
            if still is None:
                return NotSeen(before.title, source_names(before.unseen_in(last.signals.missing)))
            return NotOver(before.title, "" if still.cause is before.cause else still.title)

        deadline = self._policy.recent_seconds + self._run.environment.release.analysis.ingest_delay
        with self._run.step("verify", "Nachsehen, ob die Ursache weg ist", deadline) as progress:
            again = until(
                look,
                deadline=deadline,
                interval=self._policy.deadline,
                watch=progress.update,
                late=late,
            )
        self._looks.show(again.signals)
        self._looks.tell(again)
        self._recovered(data)
        return again

    def report(self, found: Found) -> None:
        """Write the texts for customers and colleagues and the draft of the post-mortem; show them.

        They lie beside the notebook.
        """
        show(*write_report(self._run, self.incident, found.signals, found.hypotheses))

    def _as_given(self, incident: Incident) -> Incident:
        """Return the incident with title, severity and roles of this run's parameters."""
        given = self._parameters
        roles = {role: str(given[role]) for role in ROLES if given[role]}
        severity = str(given["severity"])
        return replace(
            incident,
            title=str(given["title"]) or incident.title,
            severity=incident.severity if severity == "default" else Severity(severity),
            roles={**incident.roles, **roles},
        )

    def _recovered(self, treated: Mapping[str, Any]) -> None:
        self._run.journal.append(RECOVERED, incident=self.incident.id, hypothesis=treated)
        show(Notice("Die Ursache ist weg.", Tone.GOOD))

    def _runs(self) -> tuple[IncidentRun, ...]:
        return runs_of(runs_directory(), self.incident.id)

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
        self._check_unchanged(number, found.hypotheses)
        if chosen is None or not chosen.treatments:
            raise NoSuchHypothesis(number, len(found.hypotheses))
        treatment = chosen.treatments[0]
        parameters = {**treatment.parameters, **self._looks.given, "apply": True}
        action = Action(
            f"start-{treatment.runbook}",
            "start_run",
            target,
            {
                "runbook": treatment.runbook,
                "parameters": {name: value for name, value in parameters.items() if value != ""},
                "command": command(treatment, {**self._looks.given, "apply": True}),
            },
        )
        basis: dict[str, Any] = {"hypothesis": chosen.as_data()}
        return Plan("incident", environment, target, basis, (action,), returns_by_itself=False)

    def _check_unchanged(self, number: int, now: Sequence[Hypothesis]) -> None:
        """Raise unless the number means what an earlier run of the incident showed."""
        others = (run for run in self._runs() if run.entry.id != self._run.id)
        shown = ranking_of(others, self.incident.id)
        if shown is None or number > len(shown):
            return
        read = shown[number - 1]
        found = [(h.cause.value, h.target) for h in now]
        wanted = (read["cause"], read["target"])
        if found[number - 1 : number] != [wanted]:
            title = now[number - 1].title if number <= len(now) else ""
            place = found.index(wanted) + 1 if wanted in found else 0
            raise RankingChanged(number, str(read["title"]), title, place)


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
