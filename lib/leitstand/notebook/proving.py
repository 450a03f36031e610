"""Whether the plan that a journal calls approved was: what a way back needs."""

from collections.abc import Mapping
from typing import Any

from leitstand.audit.approvals import ApprovalStore
from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.core.approvals.decision import Asked
from leitstand.core.errors import GateRefused
from leitstand.core.gates import ApprovalMissing
from leitstand.core.plan import Approved
from leitstand.notebook.approving import (
    SecondPerson,
    announcement,
    approvals_directory,
    was_approved,
)
from leitstand.notebook.operators import operator_at

__all__ = ["ApprovalUnproven", "check_proven"]


class ApprovalUnproven(GateRefused):
    """A journal calls a plan approved, and no signed approval says so.

    Attributes:
        digest: Of the plan.
    """

    def __init__(self, run: str, digest: str) -> None:
        super().__init__(
            f"Dass eine zweite Person den Plan {digest[:12]} freigegeben hat, ist nicht belegt; was"
            " im Journal steht, genügt nicht.",
            f"Lassen Sie ihn freigeben: leitstand approve {digest[:12]} --run {run}. Danach nimmt"
            f" leitstand revert {run} den Lauf zurück.",
        )
        self.digest = digest


def check_proven(
    run: str, journal: Journal, connection: Connection, approved: Approved, *, ask: bool
) -> None:
    """Check that a plan may be taken back, where the environment needs a second person.

    An approval that the run has taken up counts though it has expired since, and one that holds
    now counts too. Only signatures prove either.

    Args:
        run: Id of the run.
        journal: Of the run.
        connection: To the environment in which the way back acts.
        approved: What the journal shows as approved.
        ask: Whether the plan is to wait for an approval where it has none; journals that.

    Raises:
        ApprovalMissing: the environment needs a second person, and does not say who that is.
        ApprovalUnproven: nobody has approved the plan for this run.
        MissingCredentials: who wants to take it back is not known.
    """
    environment, digest = connection.environment, approved.plan.digest
    if approved.plan.environment != environment.name:
        raise ApprovalUnproven(run, digest)
    if not environment.requires_second_person:
        return
    policy = environment.approvals
    if policy is None:
        raise ApprovalMissing(environment.name)
    started: Mapping[str, Any] = next(
        (event for event in journal if event["event"] == "run.started"), {}
    )
    runbook, ticket = str(started.get("runbook", "")), str(started.get("ticket", ""))
    operator = operator_at(connection).name
    asked = Asked(approved.plan, run, runbook, environment.name, operator)
    store = ApprovalStore(approvals_directory(policy))
    if was_approved(store, policy, asked):
        return
    second = SecondPerson(store, policy, journal, announcement(connection, asked))
    decision, _ = second.look(asked)
    if decision.granted:
        second.approval(asked, ticket, lambda _: None)
        return
    if ask and not decision.final:
        second.ask(asked, ticket, decision)
    raise ApprovalUnproven(run, digest)
