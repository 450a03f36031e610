"""A run as a notebook sees it: steps, the approval, and what belongs to its environment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.core.environment import Environment
from leitstand.core.errors import RunPaused
from leitstand.core.gates import check_approval
from leitstand.core.plan import Approval, Approved, Plan, Withheld
from leitstand.execution.history import History
from leitstand.execution.lock import Lock
from leitstand.execution.recovery import approved_plan
from leitstand.notebook.progress import Progress
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.template import Template
from leitstand.notebook.views import Notice, Row, Table, Tone, show
from leitstand.project import state_directory

__all__ = ["Run", "withheld"]

_APPROVAL_HOLDS = timedelta(hours=1)


class Run:
    """One execution of a runbook.

    Attributes:
        directory: Where notebook and journal lie.
        template: The runbook.
        environment: What is desired where the run acts.
        parameters: Checked values by name.
        connection: The clients of the environment.
        operator: Who acts.
        owned: Whether another process keeps the run's journal open and closes it.
    """

    def __init__(
        self,
        directory: RunDirectory,
        template: Template,
        environment: Environment,
        parameters: Mapping[str, object],
        connection: Connection,
        operator: str,
        *,
        owned: bool,
    ) -> None:
        self.directory = directory
        self.template = template
        self.environment = environment
        self.parameters = parameters
        self.connection = connection
        self.operator = operator
        self.journal: Journal = directory.journal
        self._owned = owned
        self._locks: dict[str, Lock] = {}

    @property
    def id(self) -> str:
        """The run's id."""
        return self.directory.id

    @property
    def apply(self) -> bool:
        """Whether the run may change anything."""
        return bool(self.parameters["apply"])

    def earlier_plan(self, name: str) -> Approved | None:
        """Return the plan of that name that this run has approved before, if it is resumed."""
        return approved_plan(self.journal, name) if History.read(self.journal).open else None

    def planned(self, plan: Plan) -> None:
        """Journal a plan that was just made; a resumed run keeps it once it is approved."""
        self.journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)

    def show_head(self) -> None:
        """Show who does what where."""
        rows = [
            Row(("Lauf", self.id)),
            Row(("Umgebung", f"{self.environment.name} ({self.environment.project})")),
            Row(("Bediener", self.operator)),
            Row(("Ticket", str(self.parameters["ticket"]) or "–")),
            Row(("Änderungen", "ja, nach Freigabe" if self.apply else "nein, nur der Plan")),
        ]
        show(Table(self.template.title, ("", ""), rows))

    @contextmanager
    def step(self, id: str, title: str, of: float | None = None) -> Iterator[Progress]:
        """Journal a step and show its progress; ``of`` is its deadline in seconds."""
        self.journal.append("step.started", step=id, title=title)
        with Progress(id, title, of) as progress:
            try:
                yield progress
            except RunPaused:
                progress.end("paused")
                self.journal.append("step.paused", step=id)
                raise
            except BaseException as error:
                self.journal.append("step.failed", step=id, error=str(error))
                raise
            progress.end("done", "")
        self.journal.append("step.completed", step=id, elapsed=round(progress.state.elapsed, 3))

    def approve(self, plan: Plan) -> Approved | Withheld:
        """Return the plan with an approval, if this run may change anything.

        Takes the locks on everything that the plan changes.

        Raises:
            ApprovalMissing: the environment needs a second person.
            Locked: another run works on the target.
        """
        if not self.apply:
            show(Notice("Nur der Plan: Der Lauf ändert nichts (apply steht auf False)."))
            return Withheld(plan)
        check_approval(self.environment, self.apply)
        for target in plan.targets:
            if target not in self._locks:
                lock = Lock(state_directory() / "locks", plan.environment, target, self.id)
                lock.acquire()
                self._locks[target] = lock
        earlier = self.earlier_plan(plan.runbook)
        if earlier is not None and earlier.plan.digest == plan.digest:
            show(Notice(f"Der Plan {plan.digest[:12]} ist schon freigegeben.", Tone.GOOD))
            return earlier
        expires = datetime.now(UTC) + _APPROVAL_HOLDS
        approval = Approval(plan.digest, self.operator, expires)
        approved = Approved(plan, approval)
        self.journal.append(
            "approval.given", digest=plan.digest, by=approval.by, expires_at=expires
        )
        show(Notice(f"Der Plan {plan.digest[:12]} ist freigegeben.", Tone.GOOD))
        return approved

    def finish(self) -> None:
        """Show what the journal holds; give the lock back, and close a run of our own."""
        for lock in self._locks.values():
            lock.release()
        ends = {"step.completed": Tone.GOOD, "step.failed": Tone.BAD, "step.paused": Tone.WAIT}
        titles = {e["step"]: str(e["title"]) for e in self.journal if e["event"] == "step.started"}
        rows = [
            Row((titles.get(event["step"], ""), _seconds(event.get("elapsed"))), tone)
            for event in self.journal
            if (tone := ends.get(str(event["event"]))) is not None
        ]
        if not self._owned:
            self.journal.append("run.completed")
        show(Table(f"Protokoll des Laufs {self.id}", ("Schritt", "Dauer"), rows))


def _seconds(elapsed: object) -> str:
    return f"{elapsed:.1f} s".replace(".", ",") if isinstance(elapsed, int | float) else "–"


def withheld(value: Withheld) -> Withheld:
    """Say that a verb did nothing, since the run only shows its plan; return ``value``."""
    show(Notice("Nicht ausgeführt: Der Lauf zeigt nur den Plan."))
    return value
