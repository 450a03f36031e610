"""Takes back what a run left open after its kernel or its machine died."""

from collections.abc import Callable
from datetime import UTC, datetime

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import Busy, Conflict
from leitstand.cloud.run import CloudRun
from leitstand.core.errors import GateRefused, LeitstandError, RunFailed
from leitstand.core.health import Verdict
from leitstand.core.plan import Approved, Plan
from leitstand.execution.executor import Executor
from leitstand.execution.history import History
from leitstand.execution.rollout import TakenOver, take_back

__all__ = [
    "ChangedMeanwhile",
    "NoWayBack",
    "NothingToTakeBack",
    "approved_plan",
    "executor_for",
    "give_back",
    "recover",
    "revert",
]


Check = Callable[[Approved], None]


class NoWayBack(GateRefused):
    """The run has begun the action after which there is no way back.

    Attributes:
        action: Its id.
    """

    def __init__(self, run: str, action: str) -> None:
        super().__init__(
            f"Der Lauf {run} lässt sich nicht mehr zurücknehmen: Er hat die Aktion {action}"
            " schon begonnen, und nach ihr gibt es keinen Rückweg.",
            f"Schließen Sie ihn ab: leitstand resume {run}.",
        )
        self.action = action


class ChangedMeanwhile(GateRefused):
    """Someone else has changed what a plan was made for; the run has changed nothing.

    Attributes:
        what: The resource.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: Jemand anderes hat die Ressource geändert, seit der Plan entstand; der Lauf"
            " hat nichts geändert.",
            "Prüfen Sie, wer sie geändert hat, und starten Sie das Runbook neu.",
        )
        self.what = what


class NothingToTakeBack(GateRefused):
    """The run changed nothing, or is already finished or taken back."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} hat nichts offen, das sich zurücknehmen ließe.",
            "Sehen Sie sein Journal an, oder wählen Sie einen anderen Lauf.",
        )


def executor_for(approved: Approved, journal: Journal, connection: Connection) -> Executor:
    """Return the executor that changes the connection's environment."""
    from leitstand.execution.handlers import all_handlers

    return Executor(approved, journal, all_handlers(connection, journal))


def approved_plan(journal: Journal, name: str | None = None) -> Approved | None:
    """Return a plan that a journal shows as approved, with its approval; read-only.

    Args:
        name: Name of the plan; the last approved one when left out.
    """
    history = History.read(journal)
    plan = history.plan if name is None else history.plans.get(name)
    approval = history.approval(plan) if plan is not None else None
    return Approved(plan, approval) if plan is not None and approval is not None else None


def revert(
    run: str,
    journal: Journal,
    connection: Connection,
    reason: str,
    check: Check = lambda _: None,
) -> LeitstandError:
    """Apply the way back of a run's approved plan; return the error that ends the run.

    Args:
        run: Its id.
        journal: Its journal.
        connection: Where it acted.
        reason: German sentence that says why.
        check: Raises if the plan was not approved, whatever the journal says.

    Raises:
        NothingToTakeBack: nothing is open.
        NoWayBack: the plan's point of no return is passed.
        TakenOver: someone else has moved the traffic since; their change stands.
    """
    history = History.read(journal)
    approved = approved_plan(journal)
    if approved is None or not history.open or not approved.plan.way_back:
        raise NothingToTakeBack(run)
    plan = approved.plan
    if not history.can_return:
        raise NoWayBack(run, plan.point_of_no_return)
    if "stable" in plan.basis and not history.left_as_was(
        CloudRun(connection).service(plan.target)
    ):
        journal.append("rollout.left", reason="traffic moved by someone else")
        raise TakenOver(plan.target.rsplit("/", 1)[-1])
    check(approved)
    executor = executor_for(approved, journal, connection)
    return take_back(executor, journal, reason, _restored(plan))


def give_back(
    run: str, approved: Approved, journal: Journal, connection: Connection, error: BaseException
) -> LeitstandError:
    """Take back a plan that failed on its way; return the error that ends the run.

    Past the point of no return nothing is taken back, and the run can be resumed. Where the first
    change was refused because someone else has changed the resource, theirs stands.

    Args:
        run: Its id.
        approved: The plan.
        journal: Of the run.
        connection: Where it acts.
        error: Why it failed; an interrupt is one too.

    Raises:
        NotApproved: the journal does not show that the plan was approved.
        ApprovalExpired: the plan was not begun, and must not be any more.
        RunOver: the run has ended before.
    """
    history = History.read(journal)
    history.check_gate(approved.plan, run, datetime.now(UTC))
    reason = error.message if isinstance(error, LeitstandError) else "Abgebrochen."
    done = any(action.done for action in history.actions.values())
    if isinstance(error, Conflict) and not isinstance(error, Busy) and not done:
        journal.append("rollout.left", reason=error.reason)
        return ChangedMeanwhile(error.what)
    if not history.can_return:
        return RunFailed(reason, f"Setzen Sie den Lauf fort: leitstand resume {run}.")
    executor = executor_for(approved, journal, connection)
    return take_back(executor, journal, reason, _restored(approved.plan))


def _restored(plan: Plan) -> str:
    """Return what holds after the way back, as a German sentence."""
    if plan.restored:
        return plan.restored
    if "stable" in plan.basis:
        return f"Der Verkehr liegt wieder zu 100 % auf {plan.basis['stable']}."
    if all(action.kind == "update_job" for action in plan.way_back):
        return "Der Job hat wieder sein altes Abbild."
    if all(action.kind.startswith("vector_") for action in plan.way_back):
        return "Die Indexe sind wieder von der Art, die sie vorher hatten."
    if all(action.kind.startswith("tenant_") for action in plan.way_back):
        return "Mandanten und Policies sind wieder wie vorher."
    if any(action.kind == "sql_unfence" for action in plan.way_back):
        return "Die Anwendung arbeitet wieder auf der alten Instanz."
    return "Es ist wieder wie vor dem Lauf."


def recover(
    run: str,
    journal: Journal,
    connection: Connection,
    reason: str,
    check: Check = lambda _: None,
) -> LeitstandError:
    """Bring a run that died to a safe end; return the error that ends it.

    Traffic goes back unless nothing was changed, or the last stage was already healthy. For the
    arguments see ``revert``.
    """
    history = History.read(journal)
    if not history.open:
        return RunFailed(reason, "Es wurde nichts geändert; starten Sie das Runbook neu.")
    if history.plan is not None and history.verdicts.get("100") == Verdict.HEALTHY:
        return RunFailed(
            f"{reason} Die neue Revision ist gesund und hat den ganzen Verkehr.",
            f"Schließen Sie den Lauf ab: leitstand resume {run}.",
        )
    if history.plan is not None and not history.plan.returns_by_itself:
        back = f"; oder zurück: leitstand revert {run}" if history.plan.way_back else ""
        return RunFailed(reason, f"Setzen Sie ihn fort: leitstand resume {run}{back}.")
    try:
        return revert(run, journal, connection, reason, check)
    except LeitstandError as error:
        return error
