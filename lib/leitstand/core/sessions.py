"""Ending a session that holds others up: which, and the plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from leitstand.core.database_state import Block
from leitstand.core.plan import Action, Plan

__all__ = ["Client", "first_holders", "plan_end", "waiting_behind"]


@dataclass(frozen=True)
class Client:
    """A client's session.

    Attributes:
        pid: Of its server process.
        application: What the client calls itself.
        role: Who logged in.
        state: ``active``, ``idle in transaction`` and so on.
        connected_at: When the session began; with the pid it names one session for ever.
        transaction_at: When its transaction began; None outside of one.
        seconds: Age of that transaction.
    """

    pid: int
    application: str
    role: str
    state: str
    connected_at: datetime
    transaction_at: datetime | None
    seconds: float


def waiting_behind(blocks: Sequence[Block], pid: int) -> frozenset[int]:
    """Return the sessions that wait for one, directly or through others."""
    found: set[int] = set()
    held_up = {pid}
    while held_up:
        held_up = {b.waiting.pid for b in blocks if b.blocker.pid in held_up} - found - {pid}
        found |= held_up
    return frozenset(found)


def first_holders(blocks: Sequence[Block]) -> tuple[int, ...]:
    """Return the sessions that hold others up and wait for nobody, the most harmful first."""
    waiting = {block.waiting.pid for block in blocks}
    holders = {block.blocker.pid for block in blocks} - waiting
    return tuple(sorted(holders, key=lambda pid: (-len(waiting_behind(blocks, pid)), pid)))


def plan_end(client: Client, blocks: Sequence[Block], *, environment: str, database: str) -> Plan:
    """Return the plan that ends one session; its open transaction is rolled back by the server.

    The plan holds only as long as it is the same transaction.

    Args:
        client: The session.
        blocks: Who waits for whom.
        environment: Name of the environment.
        database: Full name of the database.
    """
    arguments = {
        "pid": client.pid,
        "connected_at": client.connected_at.isoformat(),
        "transaction_at": client.transaction_at.isoformat() if client.transaction_at else None,
    }
    basis = {
        "waiting": sorted(waiting_behind(blocks, client.pid)),
        "application": client.application,
    }
    return Plan(
        runbook="end_session",
        environment=environment,
        target=database,
        basis=basis,
        actions=(Action(f"end-{client.pid}", "session_end", database, arguments),),
        returns_by_itself=False,
    )
