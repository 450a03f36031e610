"""The verbs of the runbook that ends a session which holds others up."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from leitstand.core.database_state import Block, OpenTransaction
from leitstand.core.errors import Finding, InputError
from leitstand.core.plan import Action, Approved, Plan, Withheld, is_withheld
from leitstand.core.sessions import Client, first_holders, plan_end
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.recovery import executor_for
from leitstand.notebook.plan_views import plan_table
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Row, Table, Tone, show
from leitstand.notebook.wording import number

__all__ = ["EndSession", "NoSuchSession", "Observed", "StillWaiting"]

_PAUSE = 0.25


class NoSuchSession(InputError):
    """There is no such session, or it is in another transaction by now."""

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"Die Sitzung {pid} gibt es nicht, oder ihre Transaktion ist schon zu Ende.",
            "Starten Sie ohne pid; das Runbook zeigt dann, wer wen aufhält.",
        )
        self.pid = pid


class StillWaiting(Finding):
    """Sessions wait for a lock for long, now that one was ended."""

    def __init__(self, waiting: int) -> None:
        super().__init__(
            f"Noch immer warten {waiting} Sitzungen auf eine Sperre.",
            "Lassen Sie das Runbook noch einmal ohne pid laufen; es nennt, wer sie jetzt hält.",
        )
        self.waiting = waiting


@dataclass(frozen=True)
class Observed:
    """Who waits for whom, what is open for long, and the session in question, if any."""

    blocks: tuple[Block, ...]
    open: tuple[OpenTransaction, ...]
    client: Client | None


class EndSession:
    """The end of one session within a run.

    The run's parameters say which: ``pid``, 0 for the one that holds up the most; ``started_at``,
    when its transaction began, so that no later one is ended; ``long_seconds``, from which on an
    open transaction is shown.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        pid, started_at = run.parameters["pid"], run.parameters["started_at"]
        long_seconds = run.parameters["long_seconds"]
        assert isinstance(pid, int)
        assert isinstance(long_seconds, int)
        assert started_at is None or isinstance(started_at, datetime)
        self._pid, self._started_at, self._long = pid, started_at, long_seconds
        self._access = DatabaseAccess(run.connection)

    def observe(self) -> Observed:
        """Read locks, long transactions and the session; change nothing.

        Raises:
            NoSuchSession: the one that was asked for is not there any more.
        """
        earlier = self._run.earlier_plan("end_session")
        with self._run.step("observe", "Beobachten"):
            observed = self._read(self._pid)
        show(_blocks_table(observed.blocks), _open_table(observed.open))
        found = observed.client
        if earlier is None and self._pid and (found is None or self._later(found)):
            raise NoSuchSession(self._pid)
        return observed

    def plan(self, observed: Observed) -> Plan:
        """Plan the end of the session; show who waits behind it."""
        earlier = self._run.earlier_plan("end_session")
        target, environment = self._access.database, self._run.environment.name
        if earlier is not None:
            plan = earlier.plan
        elif observed.client is None:
            plan = Plan("end_session", environment, target, {}, ())
        else:
            plan = plan_end(
                observed.client, observed.blocks, environment=environment, database=target
            )
        if earlier is None:
            self._run.planned(plan)
        show(_plan_table(plan, observed.client))
        return plan

    def end(self, approved: Approved | Withheld) -> None:
        """End the session; its transaction is rolled back by the server."""
        if is_withheld(approved):
            withheld(approved)
            return
        executor = executor_for(approved, self._run.journal, self._run.connection)
        for action in approved.plan.actions:
            title = f"Sitzung {action.arguments['pid']} beenden"
            with self._run.step(action.id, title) as progress:
                executor.apply(action.id, progress.update)

    def verify(self, approved: Approved | Withheld) -> None:
        """Look who still waits, for as long as a session may wait for a lock; show the last look.

        Those who waited go on one after the other, so a look at once would find some of them.

        Raises:
            StillWaiting: sessions that waited before do so still.
        """
        if is_withheld(approved) or not approved.plan.actions:
            return
        before = set(approved.plan.basis["waiting"])
        patience = self._run.environment.triage.lock_wait_seconds
        with self._run.step("verify", "Nachprüfen", patience) as progress:
            end = time.monotonic() + patience
            while True:
                left = self._read(0).blocks
                still = {block.waiting.pid for block in left} & before
                if not still or time.monotonic() >= end:
                    break
                progress.update(f"{len(still)} warten noch")
                time.sleep(_PAUSE)
        show(_blocks_table(left))
        if still:
            raise StillWaiting(len(still))
        show(Notice("Niemand wartet mehr von denen, die gewartet haben.", Tone.GOOD))

    def _read(self, pid: int) -> Observed:
        from leitstand.database.activity import blocked_sessions, long_transactions
        from leitstand.database.clients import client
        from leitstand.database.connection import connect

        with connect(self._access.administrator_url(self._access.instance)) as connection:
            blocks = blocked_sessions(connection)
            holders = first_holders(blocks)
            chosen = pid or (holders[0] if holders else 0)
            return Observed(
                blocks,
                long_transactions(connection, float(self._long)),
                client(connection, chosen) if chosen else None,
            )

    def _later(self, found: Client) -> bool:
        """Return whether the session is in another transaction than the one that was meant."""
        if self._started_at is None:
            return False
        begun = found.transaction_at
        return begun is None or abs((begun - self._started_at).total_seconds()) >= 1


def _blocks_table(blocks: Sequence[Block]) -> Table:
    rows = [
        Row(
            (
                f"{block.waiting.application or block.waiting.role} (pid {block.waiting.pid})",
                f"{block.blocker.application or block.blocker.role} (pid {block.blocker.pid})",
                block.relation or "–",
                f"{number(block.waiting.age)} s",
            ),
            Tone.BAD if block.blocker.pid in first_holders(blocks) else Tone.WAIT,
        )
        for block in blocks
    ]
    columns = ("Wer wartet", "auf wen", "Tabelle", "seit")
    return Table("Sperren", columns, rows, "Niemand wartet.")


def _open_table(found: Sequence[OpenTransaction]) -> Table:
    rows = [
        Row(
            (
                f"{one.session.application or one.session.role} (pid {one.session.pid})",
                one.state,
                f"{one.started_at:%Y-%m-%d %H:%M:%S} UTC",
                f"{number(one.age)} s",
            )
        )
        for one in found
    ]
    return Table(
        "Lange Transaktionen", ("Sitzung", "Zustand", "offen seit", "Dauer"), rows, "Keine."
    )


def _plan_table(plan: Plan, client: Client | None) -> Table:
    who = f" ({client.application or client.role}, {client.state})" if client else ""

    def text(action: Action) -> str:
        behind = len(plan.basis["waiting"])
        return f"Beendet die Sitzung {action.arguments['pid']}{who}; hinter ihr warten {behind}."

    return plan_table(plan, text, empty="Nichts zu tun: Niemand hält andere auf.")
