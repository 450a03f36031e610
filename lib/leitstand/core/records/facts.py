"""What a record says of a run: plain facts, as values that JSON can hold."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = [
    "Action",
    "ApiCall",
    "Approval",
    "ClockStep",
    "Plan",
    "Resumption",
    "RunFacts",
]


@dataclass(frozen=True)
class Plan:
    """A plan that the run made.

    Attributes:
        digest: Computed anew from the plan as it was journalled.
        runbook: Its name within the run.
        target: Full name of the resource that it is about.
        actions: Ids of its actions, in order.
    """

    digest: str
    runbook: str = ""
    target: str = ""
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Approval:
    """A yes to a plan.

    Attributes:
        digest: Of the plan.
        by: Identity that said yes.
        at: When, ISO 8601, UTC.
        expires_at: Until when it held; empty when nobody said.
        broken_glass: Whether the operator went ahead without a second identity.
        reason: Why, where the glass was broken.
    """

    digest: str
    by: str
    at: str
    expires_at: str = ""
    broken_glass: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Action:
    """A change that the run announced.

    Attributes:
        id: Stable within its plan.
        kind: What was done.
        target: Full name of the resource.
        operation: Name of the long-running operation; empty when there was none.
        status: ``done``, ``found_done`` or ``failed``; empty when its outcome is unknown.
        started_at: When it was announced.
        ended_at: When its outcome was known, or empty.
    """

    id: str
    kind: str = ""
    target: str = ""
    operation: str = ""
    status: str = ""
    started_at: str = ""
    ended_at: str = ""


@dataclass(frozen=True)
class ApiCall:
    """Calls of one API method on one resource.

    Attributes:
        method: Full name of the method.
        resource: Full name of the resource.
        operation: Name of the operation that the call started, or empty.
        count: How many calls.
    """

    method: str
    resource: str = ""
    operation: str = ""
    count: int = 1


@dataclass(frozen=True)
class Resumption:
    """Somebody went on with the run.

    Attributes:
        at: When, ISO 8601, UTC.
        operator: Who.
        template_digest: Of the runbook at that time; empty when it was not journalled.
    """

    at: str
    operator: str
    template_digest: str = ""


@dataclass(frozen=True)
class ClockStep:
    """The clock ran backwards between two events of the journal.

    Attributes:
        seq: Of the later event.
        seconds: By how much it is earlier than the one before.
    """

    seq: int
    seconds: float


@dataclass(frozen=True)
class RunFacts:
    """One run, as its journal tells it.

    Attributes:
        run: Id of the run.
        runbook: Name of the runbook.
        env: Environment, empty when the notebook has none.
        operator: Who started it.
        operator_source: How that was found out, or empty.
        ticket: Its ticket, or empty.
        parameters: All parameters as literals.
        template_digest: Of the runbook before execution.
        git_commit: Of the checkout, empty when it is none.
        git_dirty: Whether the checkout had changes; None when nobody looked.
        leitstand_version: Of Leitstand.
        lock_digest: Of the file that pins all libraries.
        started_at: ISO 8601, UTC.
        ended_at: The same, empty while it has no end.
        status: ``completed``, ``finding``, ``refused``, ``failed``, ``paused``, ``rolled_back``,
            ``interrupted`` or, when its journal has no end, ``crashed``.
        exit_code: Exit code, or None when there is no end.
        error: Class of the error that ended it, or empty.
        message: Sentence that tells why it failed, or empty.
        verdict: The last verdict, or empty.
        verdicts: By stage, the last verdict.
        plans: In the order in which they were made.
        approvals: In the order in which they were given.
        actions: In the order in which they were first announced.
        calls: Of APIs, as far as the journal names them, by method and resource.
        read_calls: Calls that observations counted without naming them.
        resumptions: In order.
        masked: By kind, how many secrets and personal data were masked.
        incident: Id of the incident that it was started for, or empty.
        started_by: Run and action that started it, as ``run/action``, or empty.
        events: Events in the journal.
        torn_lines: Offsets of lines of the journal that cannot be read.
        sequence_breaks: Numbers of events that do not follow the one before.
        clock_steps: Where the clock ran backwards.
        left_out: Entries of the run directory that are no regular files and are not sealed.
    """

    run: str
    runbook: str = ""
    env: str = ""
    operator: str = ""
    operator_source: str = ""
    ticket: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    template_digest: str = ""
    git_commit: str = ""
    git_dirty: bool | None = None
    leitstand_version: str = ""
    lock_digest: str = ""
    started_at: str = ""
    ended_at: str = ""
    status: str = ""
    exit_code: int | None = None
    error: str = ""
    message: str = ""
    verdict: str = ""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    plans: tuple[Plan, ...] = ()
    approvals: tuple[Approval, ...] = ()
    actions: tuple[Action, ...] = ()
    calls: tuple[ApiCall, ...] = ()
    read_calls: int = 0
    resumptions: tuple[Resumption, ...] = ()
    masked: Mapping[str, int] = field(default_factory=dict)
    incident: str = ""
    started_by: str = ""
    events: int = 0
    torn_lines: tuple[int, ...] = ()
    sequence_breaks: tuple[int, ...] = ()
    clock_steps: tuple[ClockStep, ...] = ()
    left_out: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        return {
            name: [
                asdict(item) if hasattr(item, "__dataclass_fields__") else item for item in value
            ]
            if isinstance(value, tuple)
            else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "RunFacts":
        """Return the facts that ``as_data`` gave; names that it does not know are left out.

        Raises:
            KeyError: the run has no id.
            TypeError: a value has not the form that ``as_data`` gives it.
        """
        plain = {name: data[name] for name in _NAMES if name in data}
        for name, kind in _LISTS.items():
            plain[name] = tuple(kind(**item) for item in plain.get(name, ()))
        plain["plans"] = tuple(
            Plan(**{**item, "actions": tuple(item["actions"])}) for item in plain.get("plans", ())
        )
        for name in ("torn_lines", "sequence_breaks", "left_out"):
            plain[name] = tuple(plain.get(name, ()))
        return cls(run=data["run"], **{k: v for k, v in plain.items() if k != "run"})


_NAMES = tuple(RunFacts.__dataclass_fields__)
_LISTS: Mapping[str, Any] = {
    "approvals": Approval,
    "actions": Action,
    "calls": ApiCall,
    "resumptions": Resumption,
    "clock_steps": ClockStep,
}
