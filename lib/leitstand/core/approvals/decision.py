"""Whether a plan may be applied: who has said yes, for what, until when, and is that enough?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from leitstand.core.approvals.policy import ApprovalPolicy, canonical, same_identity
from leitstand.core.approvals.refusals import Reason, Refusal
from leitstand.core.approvals.statement import Statement
from leitstand.core.plan import Plan

__all__ = ["Asked", "Decision", "Outcome", "Signed", "Use", "decide", "decide_as_given"]

CLOCKS_DIFFER: Final = timedelta(minutes=2)
"""Two machines' clocks may differ by so much."""

UNKNOWN_OPERATORS: Final = frozenset({"", "unbekannt"})


class Outcome(StrEnum):
    """What follows."""

    GRANTED = "granted"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True)
class Asked:
    """For what an approval is needed.

    Attributes:
        plan: Exactly this plan.
        run: Id of the run.
        runbook: Name of the run's runbook; its plans may have names of their own.
        environment: Name of the environment.
        operator: Account name of who runs it.
    """

    plan: Plan
    run: str
    runbook: str
    environment: str
    operator: str


@dataclass(frozen=True)
class Signed:
    """What an envelope proved to be.

    Attributes:
        source: Name of its file.
        statement: What it says; None while it is not proven that somebody said so.
        signer: Account name to whom the key belongs that signed it.
        problem: Why it proves nothing.
    """

    source: str
    statement: Statement | None = None
    signer: str = ""
    problem: Reason | None = None


@dataclass(frozen=True)
class Use:
    """For what a nonce was used."""

    run: str
    digest: str


@dataclass(frozen=True)
class Decision:
    """Whether a plan may be applied.

    Attributes:
        outcome: ``granted``; ``waiting``; or ``refused``: something was given that does not count.
        missing: How many are still missing.
        refusals: What does not count, and why.
        final: Whether waiting is in vain, since no approval could be enough.
        counted: The statements that count, the oldest first.
        expires_at: Until when it is granted.
    """

    outcome: Outcome
    missing: int
    refusals: tuple[Refusal, ...] = ()
    final: bool = False
    counted: tuple[Statement, ...] = ()
    expires_at: datetime | None = None

    @property
    def granted(self) -> bool:
        """Whether the plan may be applied."""
        return self.outcome is Outcome.GRANTED

    @property
    def broken_glass(self) -> bool:
        """Whether that is so only because somebody has done without a second person."""
        return self.granted and any(one.broken_glass for one in self.counted)

    @property
    def by(self) -> str:
        """Account names of who is counted, sorted."""
        return ", ".join(sorted(one.identity for one in self.counted))


def decide(
    asked: Asked,
    policy: ApprovalPolicy,
    given: Sequence[Signed],
    now: datetime,
    used: Mapping[str, Use] | None = None,
) -> Decision:
    """Return whether what was given is enough to apply the plan now; pure.

    Args:
        asked: The plan, and whose run it belongs to.
        policy: The environment's.
        given: What the envelopes proved to be.
        now: UTC.
        used: For what each nonce has been used before; going on with the same plan of the same
            run is no second use.
    """
    needed = policy.needed_of(asked.runbook)
    if (hopeless := _hopeless(asked, policy, needed)) is not None:
        return Decision(Outcome.REFUSED, needed, (hopeless,), final=True)
    valid: list[Statement] = []
    refusals: list[Refusal] = []
    for signed in given:
        refusal = _refusal(asked, policy, signed, now) or _replay(asked, signed, valid, used or {})
        if refusal is not None:
            refusals.append(refusal)
        elif signed.statement is not None and signed.statement not in valid:
            valid.append(signed.statement)
    lasting = sorted(valid, key=lambda one: _end(one, policy))
    voices = {canonical(one.identity): one for one in lasting if not one.broken_glass}
    emergency = [one for one in lasting if one.broken_glass][-1:]
    outcome = Outcome.REFUSED if refusals else Outcome.WAITING
    counted = list(voices.values())
    expires_at = None
    if len(voices) >= needed:
        outcome = Outcome.GRANTED
        expires_at = sorted(_end(one, policy) for one in counted)[-needed]
    elif emergency:
        outcome = Outcome.GRANTED
        counted += emergency
        expires_at = _end(emergency[0], policy)
    return Decision(
        outcome,
        max(needed - len(voices), 0),
        tuple(refusals),
        counted=tuple(sorted(counted, key=lambda one: (one.at, one.identity))),
        expires_at=expires_at,
    )


def decide_as_given(asked: Asked, policy: ApprovalPolicy, given: Sequence[Signed]) -> bool:
    """Return whether what was given was once enough, though it may have expired since; pure.

    That is what a way back needs: it belongs to the plan that was approved.
    """
    moments = {signed.statement.at for signed in given if signed.statement is not None}
    return any(decide(asked, policy, given, moment).granted for moment in sorted(moments))


def _hopeless(asked: Asked, policy: ApprovalPolicy, needed: int) -> Refusal | None:
    """Return why no approval could be enough, if none could."""
    if asked.operator.strip() in UNKNOWN_OPERATORS:
        return Refusal(Reason.OPERATOR_UNKNOWN)
    if asked.plan.environment != asked.environment:
        return Refusal(
            Reason.PLAN_OF_ANOTHER_ENVIRONMENT,
            named=asked.plan.environment,
            expected=asked.environment,
        )
    able = sum(1 for _ in policy.able(asked.runbook, asked.operator))
    emergency = policy.break_glass is not None and policy.break_glass.covers(asked.runbook)
    if able < needed and not emergency:
        return Refusal(Reason.NOBODY_ABLE, named=str(needed), expected=asked.runbook)
    return None


def _refusal(asked: Asked, policy: ApprovalPolicy, signed: Signed, now: datetime) -> Refusal | None:
    """Return why one approval does not count, if it does not."""
    said = signed.statement
    if signed.problem is not None or said is None:
        return Refusal(signed.problem or Reason.UNREADABLE, signed.source)
    digest = asked.plan.digest
    end = _end(said, policy)
    for reason, wrong, named, expected in (
        (
            Reason.OTHER_IDENTITY,
            not same_identity(said.identity, signed.signer),
            said.identity,
            "",
        ),
        (
            Reason.OTHER_ENVIRONMENT,
            said.environment != asked.environment,
            said.environment,
            asked.environment,
        ),
        (Reason.OTHER_RUNBOOK, said.runbook != asked.runbook, said.runbook, asked.runbook),
        (Reason.OTHER_RUN, said.run != asked.run, said.run, asked.run),
        (Reason.OTHER_PLAN, said.digest != digest, said.digest[:12], digest[:12]),
        (Reason.FROM_THE_FUTURE, said.at > now + CLOCKS_DIFFER, f"{said.at:%d.%m. %H:%M}", ""),
        (Reason.EXPIRED, end <= now, f"{end:%d.%m. %H:%M}", ""),
    ):
        if wrong:
            return Refusal(reason, signed.source, signed.signer, named, expected)
    return (_emergency if said.broken_glass else _person)(asked, policy, signed, said)


def _person(
    asked: Asked, policy: ApprovalPolicy, signed: Signed, said: Statement
) -> Refusal | None:
    """Return why the signer's yes does not count, if it does not."""
    reason: Reason | None = None
    approver = policy.named(signed.signer)
    if same_identity(signed.signer, asked.operator):
        reason = Reason.BY_ONESELF
    elif approver is None or not approver.may_approve(asked.runbook):
        reason = Reason.NOT_ALLOWED
    if reason is None:
        return None
    return Refusal(reason, signed.source, signed.signer, expected=asked.runbook)


def _emergency(
    asked: Asked, policy: ApprovalPolicy, signed: Signed, said: Statement
) -> Refusal | None:
    """Return why the signer may not do without a second person, if so."""
    rule = policy.break_glass
    if rule is None or not rule.may_break(signed.signer, asked.runbook):
        return Refusal(Reason.NO_BREAK_GLASS, signed.source, signed.signer, expected=asked.runbook)
    if len(" ".join(said.reason.split())) < rule.min_reason:
        return Refusal(
            Reason.NO_REASON, signed.source, signed.signer, expected=str(rule.min_reason)
        )
    return None


def _replay(
    asked: Asked, signed: Signed, valid: Iterable[Statement], used: Mapping[str, Use]
) -> Refusal | None:
    """Return a refusal if the nonce was used for anything else."""
    said = signed.statement
    if said is None:
        return None
    elsewhere = used.get(said.nonce, Use(asked.run, said.digest)) != Use(asked.run, said.digest)
    twice = any(one.nonce == said.nonce and one != said for one in valid)
    if elsewhere or twice:
        return Refusal(Reason.REPLAYED, signed.source, signed.signer)
    return None


def _end(statement: Statement, policy: ApprovalPolicy) -> datetime:
    """Return when a statement ends: as it says, and never later than the policy allows."""
    meant = statement.expires_at - statement.at
    return statement.at + min(meant, policy.longest(broken_glass=statement.broken_glass))
