"""Takes back what a run left open after its kernel or its machine died."""

from datetime import datetime

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.core.errors import GateRefused, LeitstandError, RunFailed
from leitstand.core.health import Verdict
from leitstand.core.plan import Approval, Approved, Plan
from leitstand.execution.executor import Executor
from leitstand.execution.history import History
from leitstand.execution.rollout import TakenOver, take_back
from leitstand.execution.run_handlers import run_handlers

__all__ = ["NothingToTakeBack", "approved_plan", "executor_for", "recover", "revert"]


class NothingToTakeBack(GateRefused):
    """The run changed nothing, or is already finished or taken back."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} hat nichts offen, das sich zurücknehmen ließe.",
            "Sehen Sie sein Journal an, oder wählen Sie einen anderen Lauf.",
        )


def executor_for(approved: Approved, journal: Journal, connection: Connection) -> Executor:
    """Return the executor that changes Cloud Run in the connection's environment."""
    handlers = run_handlers(
        CloudRun(connection),
        deadline=connection.environment.release.ready_deadline,
        interval=connection.poll_interval,
    )
    return Executor(approved, journal, handlers)


def approved_plan(journal: Journal) -> Approved | None:
    """Return the plan that a journal shows as approved, with its approval; read-only."""
    history = History.read(journal)
    if history.plan is None:
        return None
    given = [
        event
        for event in journal
        if event["event"] == "approval.given" and event["digest"] == history.plan.digest
    ]
    return Approved(history.plan, _approval(given[-1], history.plan))


def revert(run: str, journal: Journal, connection: Connection, reason: str) -> LeitstandError:
    """Apply the way back of a run's approved plan; return the error that ends the run.

    Raises:
        NothingToTakeBack: nothing is open.
        TakenOver: someone else has moved the traffic since; their change stands.
    """
    history = History.read(journal)
    approved = approved_plan(journal)
    if approved is None or not history.open:
        raise NothingToTakeBack(run)
    plan = approved.plan
    if not history.left_as_was(CloudRun(connection).service(plan.target)):
        journal.append("rollout.left", reason="traffic moved by someone else")
        raise TakenOver(plan.target.rsplit("/", 1)[-1])
    return take_back(
        executor_for(approved, journal, connection), journal, reason, str(plan.basis["stable"])
    )


def recover(run: str, journal: Journal, connection: Connection, reason: str) -> LeitstandError:
    """Bring a run that died to a safe end; return the error that ends it.

    Traffic goes back unless nothing was changed, or the last stage was already healthy.
    """
    history = History.read(journal)
    if not history.open:
        return RunFailed(reason, "Es wurde nichts geändert; starten Sie das Runbook neu.")
    if history.plan is not None and history.verdicts.get("100") == Verdict.HEALTHY:
        return RunFailed(
            f"{reason} Die neue Revision ist gesund und hat den ganzen Verkehr.",
            f"Schließen Sie den Lauf ab: leitstand resume {run}.",
        )
    try:
        return revert(run, journal, connection, reason)
    except LeitstandError as error:
        return error


def _approval(event: dict[str, object], plan: Plan) -> Approval:
    return Approval(plan.digest, str(event["by"]), datetime.fromisoformat(str(event["expires_at"])))
