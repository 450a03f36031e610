"""Runs of vector maintenance for tests: plans of a few actions, approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leitstand.audit.journal import Journal
from leitstand.core.plan import Action, Approval, Approved, Plan
from leitstand.execution.executor import Executor, Handler
from tests.fixtures.times import LATER


def executor(
    actions: Sequence[Action],
    journal: Journal,
    handlers: Mapping[str, Handler],
    way_back: Sequence[Action] = (),
) -> Executor:
    """Approve a plan of these actions, unless the journal has it already."""
    plan = Plan(
        "pgvector_maintenance",
        "sandbox",
        "db",
        {},
        tuple(actions),
        tuple(way_back),
        returns_by_itself=False,
    )
    if not journal.events():
        journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
        journal.append(
            "approval.given", digest=plan.digest, by="test", expires_at=LATER.isoformat()
        )
    return Executor(Approved(plan, Approval(plan.digest, "test", LATER)), journal, handlers)
