"""Asks a second person for a plan's approval, and waits for it up to the environment's deadline."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from leitstand.audit.approval_envelopes import examine
from leitstand.audit.approvals import ApprovalStore, Given
from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.log_routing import LogRouting
from leitstand.core.approvals.decision import Asked, Decision, Signed, Use, decide, decide_as_given
from leitstand.core.approvals.policy import ApprovalPolicy
from leitstand.core.approvals.refusals import Reason, Refusal
from leitstand.core.approvals.request import Request
from leitstand.core.approvals.statement import Statement
from leitstand.core.errors import GateRefused, LeitstandError, RunPaused
from leitstand.core.plan import Approval
from leitstand.notebook.views import Notice, Tone
from leitstand.project import state_directory

__all__ = [
    "ApprovalImpossible",
    "ApprovalPending",
    "SecondPerson",
    "announcement",
    "approval_notice",
    "approvals_directory",
    "emergencies",
    "missing_text",
    "was_approved",
]

_ANNOUNCE_SECONDS = 10.0
"""An emergency does not wait longer for Cloud Logging."""

Watch = Callable[[str], object]
Announce = Callable[[Statement], None]


class ApprovalImpossible(GateRefused):
    """No approval could be enough, so nobody waits for one.

    Attributes:
        refusal: Why.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal), _ADVICE.get(refusal.reason, ""))
        self.refusal = refusal


class ApprovalPending(RunPaused):
    """The deadline is over; the run can be resumed when the approval is there.

    Attributes:
        digest: Of the plan.
        missing: How many approvals are missing.
    """

    def __init__(self, run: str, digest: str, decision: Decision) -> None:
        reasons = " ".join(str(refusal) for refusal in decision.refusals)
        super().__init__(
            f"Dem Plan {digest[:12]} {missing_text(decision.missing)}. {reasons}".strip(),
            f"Lassen Sie ihn freigeben: leitstand approve {digest[:12]} --run {run}. Danach geht"
            f" der Lauf mit leitstand resume {run} weiter.",
        )
        self.digest = digest
        self.missing = decision.missing


_ADVICE = {
    Reason.OPERATOR_UNKNOWN: "Melden Sie sich mit einem Konto an, dessen Name bekannt ist.",
    Reason.PLAN_OF_ANOTHER_ENVIRONMENT: "Starten Sie das Runbook für die richtige Umgebung.",
    Reason.NOBODY_ABLE: "Tragen Sie sie unter approvals.approvers in der Umgebung ein.",
}


def approvals_directory(policy: ApprovalPolicy) -> Path:
    """Return the directory of the approvals; it may not exist yet."""
    return Path(policy.directory) if policy.directory else state_directory() / "approvals"


def announcement(connection: Connection, asked: Asked) -> Announce:
    """Return what writes a log entry, severity CRITICAL, when somebody breaks the glass."""

    def announce(emergency: Statement) -> None:
        LogRouting(connection).write(
            f"projects/{connection.environment.project}/logs/leitstand",
            "CRITICAL",
            {
                "message": f"Ohne zweite Person: {emergency.identity} wendet den Plan"
                f" {emergency.digest[:12]} auf {asked.environment} an. {emergency.reason}",
                "event": "approval.broken_glass",
                "run": asked.run,
                "runbook": asked.runbook,
                "operator": asked.operator,
                "by": emergency.identity,
                "digest": emergency.digest,
                "reason": emergency.reason,
            },
            emergency.nonce,
            _ANNOUNCE_SECONDS,
        )

    return announce


def approval_notice(approval: Approval, journal: Journal) -> Notice:
    """Return who approved the plan until when; loud where somebody did without a second person."""
    plan, until = approval.digest[:12], f"{approval.expires_at.astimezone():%d.%m. %H:%M}"
    broken = emergencies(journal).get(approval.digest)
    if broken is not None:
        text = (
            f"NOTFALL: Der Plan {plan} wird ohne zweite Person angewandt, bis {until} Uhr."
            f" Verantwortlich: {broken['by']}. Grund: {broken['reason']}"
        )
        return Notice(text, Tone.BAD)
    return Notice(f"Der Plan {plan} ist freigegeben von {approval.by}, bis {until} Uhr.", Tone.GOOD)


def emergencies(events: Iterable[Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
    """Return for each plan that was last approved without a second person the event that says so.

    The keys are digests of plans.
    """
    broken: dict[str, Mapping[str, object]] = {}
    last: dict[str, Mapping[str, object]] = {}
    for event in events:
        digest = str(event.get("digest", ""))
        if event["event"] == "approval.broken_glass":
            broken[digest] = event
        elif event["event"] == "approval.given":
            last.pop(digest, None)
            if digest in broken:
                last[digest] = broken.pop(digest)
    return last


def was_approved(store: ApprovalStore, policy: ApprovalPolicy, asked: Asked) -> bool:
    """Return whether a run has taken up a plan's approval, which may have expired since; read-only.

    What going on and going back need where a second person is needed: a journal alone proves no
    approval. One that the run never took up, because it came too late, is none either.
    """
    mine = Use(asked.run, asked.plan.digest)
    signed = [examine(one, policy) for one in store.given(asked.run)]
    used = store.used([one.statement.nonce for one in signed if one.statement is not None])
    taken = [
        one for one in signed if one.statement is not None and used.get(one.statement.nonce) == mine
    ]
    return decide_as_given(asked, policy, taken)


def missing_text(missing: int) -> str:
    """Return what is missing, as the end of a German sentence that began with a dative."""
    return "fehlt noch eine Freigabe" if missing == 1 else f"fehlen noch {missing} Freigaben"


@dataclass(frozen=True)
class SecondPerson:
    """Gets approvals for the plans of one run.

    Attributes:
        store: Where approvals lie.
        policy: The environment's.
        journal: Of the run.
        announce: Tells the world at once that somebody does without a second person.
    """

    store: ApprovalStore
    policy: ApprovalPolicy
    journal: Journal
    announce: Announce

    def look(self, asked: Asked) -> tuple[Decision, Sequence[Given]]:
        """Return whether the plan may be applied now, and the envelopes of the run; read-only."""
        given = self.store.given(asked.run)
        signed = [examine(one, self.policy) for one in given]
        nonces = [one.statement.nonce for one in signed if one.statement is not None]
        used = self.store.used(nonces)
        # What was used up for an earlier plan of the run says nothing about this one.
        left = [one for one in signed if not _spent(asked, one, used)]
        return decide(asked, self.policy, left, datetime.now(UTC), used), given

    def approval(self, asked: Asked, ticket: str, watch: Watch) -> Approval:
        """Return the approval of a plan, as soon as it is there.

        Journals ``approval.requested`` and ``approval.refused``, and in the end
        ``approval.given``, or ``run.paused``.

        Args:
            asked: The plan and its run.
            ticket: The run's ticket.
            watch: Called before each pause, with what is missing.

        Raises:
            ApprovalImpossible: nobody could approve it.
            ApprovalPending: it was not there at the deadline.
        """
        decision, given = self.look(asked)
        told: set[Refusal] = set()
        if not decision.granted and not decision.final:
            self.ask(asked, ticket, decision)
        end = time.monotonic() + self.policy.deadline
        while not decision.granted:
            self._tell(decision, told)
            if decision.final:
                self.store.settle(asked.run, asked.plan.digest)
                raise ApprovalImpossible(decision.refusals[0])
            left = end - time.monotonic()
            if left <= 0:
                self.journal.append("run.paused", stage="approval", digest=asked.plan.digest)
                raise ApprovalPending(asked.run, asked.plan.digest, decision)
            watch(self._detail(asked, decision))
            time.sleep(min(self.policy.interval, left))
            decision, given = self.look(asked)
        return self._grant(asked, decision, given)

    def ask(self, asked: Asked, ticket: str, decision: Decision) -> None:
        """Let a plan wait for its approval; journals ``approval.requested``."""
        now = datetime.now(UTC)
        request = Request(asked, ticket, now, now + timedelta(seconds=self.policy.deadline))
        self.store.ask(request)
        self.journal.append(
            "approval.requested",
            digest=asked.plan.digest,
            missing=decision.missing,
            until=request.until,
            policy=self.policy.digest,
        )

    def _tell(self, decision: Decision, told: set[Refusal]) -> None:
        """Journal what does not count, each refusal once."""
        for refusal in decision.refusals:
            if refusal not in told:
                told.add(refusal)
                self.journal.append(
                    "approval.refused",
                    reason=refusal.reason,
                    by=refusal.signer,
                    source=refusal.source,
                    message=str(refusal),
                )

    def _detail(self, asked: Asked, decision: Decision) -> str:
        last = f"; {decision.refusals[-1]}" if decision.refusals else ""
        missing = missing_text(decision.missing)
        return f"{missing}: leitstand approve {asked.plan.digest[:12]} --run {asked.run}{last}"

    def _grant(self, asked: Asked, decision: Decision, given: Sequence[Given]) -> Approval:
        digest = asked.plan.digest
        assert decision.expires_at is not None  # granted
        self.store.use((one.nonce for one in decision.counted), Use(asked.run, digest))
        if decision.broken_glass:
            emergency = next(one for one in decision.counted if one.broken_glass)
            self.journal.append(
                "approval.broken_glass",
                digest=digest,
                by=emergency.identity,
                reason=emergency.reason,
                expires_at=decision.expires_at,
            )
            self._announce(emergency)
        self.journal.append(
            "approval.given",
            digest=digest,
            by=decision.by,
            expires_at=decision.expires_at,
            policy=self.policy.digest,
            envelopes=[
                one.content.decode()
                for one in given
                if examine(one, self.policy).statement in decision.counted
            ],
        )
        self.store.settle(asked.run, digest)
        return Approval(digest, decision.by, decision.expires_at)

    def _announce(self, emergency: Statement) -> None:
        try:
            self.announce(emergency)
        except LeitstandError as error:
            # An emergency may be why Cloud Logging does not answer; the journal has it already.
            self.journal.append("approval.unannounced", message=error.message)


def _spent(asked: Asked, signed: Signed, used: Mapping[str, Use]) -> bool:
    said = signed.statement
    if said is None or said.digest == asked.plan.digest:
        return False
    return used.get(said.nonce) == Use(asked.run, said.digest)
