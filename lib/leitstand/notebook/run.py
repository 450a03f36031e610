"""A run as a notebook sees it: steps, the approval, and what belongs to its environment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.core.environment import Environment
from leitstand.core.errors import RunPaused
from leitstand.core.gates import ApprovalMissing, check_approval
from leitstand.core.plan import Approval, Approved, Plan, Withheld
from leitstand.core.run_over import RunOver
from leitstand.execution.history import History, HistoryOf
from leitstand.execution.recovery import approved_plan
from leitstand.notebook.progress import Progress
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.sandboxes import world_of
from leitstand.notebook.template import Template
from leitstand.notebook.views import Notice, Row, Table, Tone, show

if TYPE_CHECKING:
    from leitstand.notebook.interactive import Interactive
    from leitstand.notebook.locking import Locking
    from leitstand.notebook.mirroring import Mirroring

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
        interactive: What this kernel does for the run, where no other process owns it.
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
        interactive: "Interactive | None" = None,
    ) -> None:
        self.directory = directory
        self.template = template
        self.environment = environment
        self.parameters = parameters
        self.connection = connection
        self.operator = operator
        self.journal: Journal = interactive.journal if interactive else directory.journal
        self._interactive = interactive
        self._history = HistoryOf(self.journal)
        self._locks: Locking | None = None
        self._has_plan = False
        self._mirroring: Mirroring | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.directory.id

    @property
    def apply(self) -> bool:
        """Whether the run may change anything."""
        return bool(self.parameters["apply"])

    def earlier_plan(self, name: str) -> Approved | None:
        """Return the plan of that name that this run has approved before, if it is resumed.

        Raises:
            RunOver: the run has ended; what it has seen and planned is of no use any more.
        """
        return approved_plan(self.journal, name) if self._check_open().open else None

    def _earlier(self, plan: Plan) -> Approved | None:
        earlier = self.earlier_plan(plan.runbook)
        return earlier if earlier and earlier.plan.digest == plan.digest else None

    def planned(self, plan: Plan) -> None:
        """Journal a plan that was just made; a resumed run keeps it once it is approved.

        From here on ``commands.sh`` beside the journal tells what is left, for the day when Python
        is the problem.
        """
        where = {"world": world} if (world := world_of(self.environment)) else {}
        self.journal.append("plan.made", plan=plan.as_data(), digest=plan.digest, **where)
        self._has_plan = True
        self._keep_commands()

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
        """Journal a step and show its progress; ``of`` is its deadline in seconds.

        Raises:
            RunOver: the run has ended.
        """
        self._check_step(id, title)
        self.journal.append("step.started", step=id, title=title)
        self._moved()
        try:
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
        finally:
            self._keep_commands()
            self._moved()

    def _check_step(self, id: str, title: str) -> None:
        history = self._check_open()
        if history.started:
            from leitstand.notebook.run_state import show_done

            show_done(self.journal, history, id, title)

    def _check_open(self) -> History:
        history = self._history.now()
        if self.journal.closed or history.ended:
            raise RunOver(self.id)
        return history

    def _moved(self) -> None:
        if self._interactive is not None:
            self._interactive.update_state()

    def approve(self, plan: Plan) -> Approved | Withheld:
        """Return the plan with an approval, if this run may change anything.

        Takes the locks on everything that the plan changes. Where the environment needs a second
        person, waits for that person first; whatever the journal says, only signed approvals count.

        Raises:
            RunOver: the run has ended.
            OtherPlanBegun: since it was made, the run has begun another of its name.
            ApprovalMissing: the environment needs a second person, and does not say who that is.
            ApprovalImpossible: nobody could approve this plan.
            ApprovalPending: the approval was not there at the deadline; the run can be resumed.
            Locked: another run works on one of the targets, or a person has reserved it.
            LockStoreUnusable: the place where the locks lie does not answer.
            ContinuedElsewhere: another machine has gone on with the run.
            EndedElsewhere: another machine has finished it.
            OpenStoreUnusable: the place of open runs does not answer.
            PredictionDeparted: the plan is not what its rehearsal has predicted.
        """
        from leitstand.notebook.like_gate import check_prediction

        check_prediction(self, plan)
        if not self.apply:
            show(Notice("Nur der Plan: Der Lauf ändert nichts (apply steht auf False)."))
            return Withheld(plan)
        self._has_plan = True  # of an earlier process, where the run is resumed
        approved = self._approved(plan)
        self._keep_commands()
        return approved

    def _approved(self, plan: Plan) -> Approved:
        check_approval(self.environment, self.apply)
        begun = self._check_open().goes_on_with(plan)  # before any lock: nobody would give it back
        if self.environment.requires_second_person:
            # Nobody else is kept from the target while it waits: a basis that has changed since
            # is noticed when the plan is applied.
            self._mirrored.announce()
            approval = self._second_person(plan, begun=begun)
            self._lock(plan)
            return Approved(plan, approval)
        self._lock(plan)
        earlier = self._earlier(plan)
        if earlier is not None and (begun or earlier.approval.holds(datetime.now(UTC))):
            show(Notice(f"Der Plan {plan.digest[:12]} ist schon freigegeben.", Tone.GOOD))
            return earlier
        end, by = datetime.now(UTC) + _APPROVAL_HOLDS, self.operator
        self.journal.append("approval.given", digest=plan.digest, by=by, expires_at=end)
        show(Notice(f"Der Plan {plan.digest[:12]} ist freigegeben.", Tone.GOOD))
        return Approved(plan, Approval(plan.digest, by, end))

    def _keep_commands(self) -> None:
        """Write ``commands.sh`` anew, once there is a plan; a disk that is full ends no run."""
        if not self._has_plan:
            return
        from leitstand.notebook.copy_mode import NoPlan, write_commands

        with suppress(NoPlan, OSError):
            write_commands(self.directory, self.environment)

    def _lock(self, plan: Plan) -> None:
        from leitstand.notebook.locking import Locking, holder_here

        if self._locks is None:
            ticket = str(self.parameters.get("ticket", ""))
            holder = holder_here(
                self.operator, run=self.id, runbook=self.template.name, ticket=ticket
            )
            self._locks = Locking(self.connection, self.journal, holder)
        self._locks.acquire(plan)
        self._mirrored.claim(plan)

    @property
    def _mirrored(self) -> "Mirroring":
        from leitstand.notebook.mirroring import Mirroring

        if self._mirroring is None:
            self._mirroring = Mirroring(self.directory, self.connection, self.journal)
        return self._mirroring

    def _second_person(self, plan: Plan, *, begun: bool) -> Approval:
        # Where nobody else is asked, their import would only delay the first cell.
        from leitstand.audit.approvals import ApprovalStore
        from leitstand.core.approvals.decision import Asked
        from leitstand.notebook import approving

        policy = self.environment.approvals
        if policy is None:
            raise ApprovalMissing(self.environment.name)
        asked = Asked(plan, self.id, self.template.name, self.environment.name, self.operator)
        second = approving.SecondPerson(
            ApprovalStore(approving.approvals_directory(policy)),
            policy,
            self.journal,
            approving.announcement(self.connection, asked),
        )
        earlier = self._earlier(plan)
        if begun and earlier and approving.was_approved(second.store, policy, asked):
            show(approving.approval_notice(earlier.approval, self.journal))
            return earlier.approval
        step, title = f"approval-{plan.digest[:12]}", f"Freigabe des Plans {plan.digest[:12]}"
        with self.step(step, title, policy.deadline) as progress:
            approval = second.approval(asked, str(self.parameters["ticket"]), progress.update)
        show(approving.approval_notice(approval, self.journal))
        return approval

    def finish(self) -> None:
        """Show what the journal holds; give the locks back, and end a run of this kernel's own.

        Raises:
            NotAtItsEnd: something is begun, and cells that would go on with it are left.
            RunOver: it has ended before.
        """
        from leitstand.notebook.protocol_view import protocol_table, record_notice

        end = self._interactive.check_end() if self._interactive is not None else None
        self.give_back()
        if end is not None and end.event:
            self.journal.append(end.event, **end.fields)
        show(protocol_table(self.id, self.journal.events()))
        if end is not None and end.message:
            show(Notice(end.message, Tone.BAD))
        if self._interactive is not None:
            self._interactive.end_after_cell(lambda kept: show(record_notice(kept)))

    def give_back(self) -> None:
        """Give back what the run has locked; harmless when there is nothing."""
        if self._locks is not None:
            self._locks.release()

    def follow(self, before: "Run") -> None:
        """Go on with what an earlier begin() of this kernel holds for the same run.

        Locks that were lost are not taken back before the next approval.
        """
        self._mirroring, self._has_plan = before._mirroring, before._has_plan
        if before._locks is not None and not before._locks.lost:
            self._locks = before._locks


def withheld(value: Withheld) -> Withheld:
    """Say that a verb did nothing, since the run only shows its plan; return ``value``."""
    show(Notice("Nicht ausgeführt: Der Lauf zeigt nur den Plan."))
    return value
