"""Tells the facts of a run from the events of its journal."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from leitstand.core import plan as plans
from leitstand.core.records.facts import (
    Action,
    ApiCall,
    Approval,
    ClockStep,
    Plan,
    Resumption,
    RunFacts,
)
from leitstand.core.records.journal_text import JournalText

__all__ = ["NoStart", "facts_of"]

Event = Mapping[str, Any]

_ENDS: Final = {
    "run.completed": ("completed", 0),
    "run.failed": ("failed", None),
    "run.paused": ("paused", 4),
    "run.rolled_back": ("rolled_back", 5),
}
_STATUS_OF_CODE: Final = {
    2: "refused",
    3: "refused",
    5: "rolled_back",
    6: "finding",
    130: "interrupted",
}


class NoStart(ValueError):
    """A journal does not say which run it belongs to."""


def facts_of(journal: JournalText, left_out: Iterable[str] = ()) -> RunFacts:
    """Return what a journal tells of its run.

    Besides the events of today it reads, where they are there, ``git`` (``commit``, ``dirty``) and
    ``library`` (``version``, ``lock_digest``) of ``run.started``, ``api_calls`` (``method``,
    ``resource``, ``operation``) of any event and ``redaction`` (``masked``: a number by kind).

    Args:
        journal: What was read.
        left_out: Entries of the run directory that are not sealed.

    Raises:
        NoStart: no event starts the run.
    """
    reader = _Reader()
    for event in journal.events:
        reader.take(event)
    if reader.facts is None:
        raise NoStart("no event of the journal is run.started")
    return replace(
        reader.facts,
        status=reader.facts.status or "crashed",
        plans=tuple(reader.plans.values()),
        approvals=tuple(reader.approvals),
        actions=tuple(reader.actions.values()),
        calls=tuple(reader.calls.values()),
        resumptions=tuple(reader.resumptions),
        verdicts=reader.verdicts,
        masked=reader.masked,
        read_calls=reader.read_calls,
        events=len(journal.events),
        torn_lines=journal.torn_lines,
        sequence_breaks=tuple(reader.breaks),
        clock_steps=tuple(reader.steps),
        left_out=tuple(sorted(left_out)),
    )


class _Reader:
    """Puts the facts together, event by event."""

    def __init__(self) -> None:
        self.facts: RunFacts | None = None
        self.plans: dict[str, Plan] = {}
        self.approvals: list[Approval] = []
        self.actions: dict[str, Action] = {}
        self.calls: dict[tuple[str, str, str], ApiCall] = {}
        self.resumptions: list[Resumption] = []
        self.verdicts: dict[str, str] = {}
        self.masked: dict[str, int] = {}
        self.read_calls = 0
        self.breaks: list[int] = []
        self.steps: list[ClockStep] = []
        self._seq = 0
        self._at: datetime | None = None

    def take(self, event: Event) -> None:
        """Add one event."""
        self._follow(event)
        calls = event.get("api_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._call(call)
        kind = event["event"]
        if kind == "run.started" and self.facts is None:
            self.facts = _start(event)
        elif kind in _ENDS:
            self._end(event)
        elif (handler := _HANDLERS.get(kind)) is not None:
            handler(self, event)

    def _follow(self, event: Event) -> None:
        seq, at = event.get("seq"), _moment(event.get("at"))
        if not isinstance(seq, int) or seq != self._seq + 1:
            self.breaks.append(seq if isinstance(seq, int) else 0)
        self._seq = seq if isinstance(seq, int) else self._seq + 1
        if at is not None:
            if self._at is not None and at < self._at:
                self.steps.append(ClockStep(self._seq, (self._at - at).total_seconds()))
            self._at = at

    def _end(self, event: Event) -> None:
        if self.facts is None:
            return
        status, usual = _ENDS[event["event"]]
        code = event.get("exit_code", usual)
        code = code if isinstance(code, int) else usual
        if status == "failed":
            status = _STATUS_OF_CODE.get(code or 0, status)
        self.facts = replace(
            self.facts,
            status=status,
            exit_code=code,
            ended_at=_text(event, "at"),
            error=_text(event, "error"),
            message=_text(event, "message") or _text(event, "reason"),
        )

    def _resumed(self, event: Event) -> None:
        self.resumptions.append(
            Resumption(
                _text(event, "at"), _text(event, "operator"), _text(event, "template_digest")
            )
        )
        if self.facts is not None:
            self.facts = replace(
                self.facts, status="", exit_code=None, ended_at="", error="", message=""
            )

    def _plan(self, event: Event) -> None:
        made = _plan(event)
        self.plans.pop(made.digest, None)
        self.plans[made.digest] = made

    def _approval(self, event: Event) -> None:
        self.approvals.append(
            Approval(
                digest=_text(event, "digest"),
                by=_text(event, "by"),
                at=_text(event, "at"),
                expires_at=_text(event, "expires_at"),
                broken_glass=event["event"] == "approval.broken_glass",
                reason=_text(event, "reason"),
            )
        )

    def _intent(self, event: Event) -> None:
        name = _text(event, "id")
        before = self.actions.get(name, Action(name))
        self.actions[name] = replace(
            before,
            kind=_text(event, "kind") or before.kind,
            target=_text(event, "target") or before.target,
            status="",
            started_at=before.started_at or _text(event, "at"),
            ended_at="",
        )

    def _operation(self, event: Event) -> None:
        name = _text(event, "id")
        before = self.actions.get(name, Action(name))
        self.actions[name] = replace(before, operation=_text(event, "operation"))

    def _outcome(self, event: Event) -> None:
        name = _text(event, "id")
        before = self.actions.get(name, Action(name))
        self.actions[name] = replace(
            before, status=_text(event, "status"), ended_at=_text(event, "at")
        )

    def _call(self, event: Event) -> None:
        key = (_text(event, "method"), _text(event, "resource"), _text(event, "operation"))
        before = self.calls.get(key)
        self.calls[key] = replace(before, count=before.count + 1) if before else ApiCall(*key)

    def _observation(self, event: Event) -> None:
        calls = event.get("calls")
        self.read_calls += calls if isinstance(calls, int) else 0

    def _verdict(self, event: Event) -> None:
        verdict = _text(event, "verdict")
        self.verdicts[_text(event, "stage")] = verdict
        if self.facts is not None:
            self.facts = replace(self.facts, verdict=verdict)

    def _redaction(self, event: Event) -> None:
        for kind, count in _mapping(event, "masked").items():
            if isinstance(count, int):
                self.masked[kind] = self.masked.get(kind, 0) + count


_HANDLERS: Final[Mapping[str, Callable[[_Reader, Event], None]]] = {
    "run.resumed": _Reader._resumed,
    "plan.made": _Reader._plan,
    "approval.given": _Reader._approval,
    "approval.broken_glass": _Reader._approval,
    "action.intent": _Reader._intent,
    "action.operation": _Reader._operation,
    "action.outcome": _Reader._outcome,
    "observation": _Reader._observation,
    "verdict": _Reader._verdict,
    "redaction": _Reader._redaction,
}


def _start(event: Event) -> RunFacts:
    git, library = _mapping(event, "git"), _mapping(event, "library")
    dirty = git.get("dirty")
    return RunFacts(
        run=_text(event, "run"),
        runbook=_text(event, "runbook"),
        env=_text(event, "env"),
        operator=_text(event, "operator"),
        operator_source=_text(event, "operator_source"),
        ticket=_text(event, "ticket"),
        parameters=dict(_mapping(event, "parameters")),
        template_digest=_text(event, "template_digest"),
        git_commit=_text(git, "commit"),
        git_dirty=dirty if isinstance(dirty, bool) else None,
        leitstand_version=_text(library, "version"),
        lock_digest=_text(library, "lock_digest"),
        started_at=_text(event, "at"),
        incident=_text(event, "incident"),
        started_by=_text(event, "started_by"),
    )


def _plan(event: Event) -> Plan:
    try:
        made = plans.Plan.from_data(event["plan"])
        actions = tuple(action.id for action in made.actions)
        return Plan(made.digest, made.runbook, made.target, actions)
    except (AttributeError, KeyError, TypeError, ValueError):
        # A plan in a form that this version does not know; its digest stands as it was told.
        return Plan(_text(event, "digest"))


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)


def _mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _moment(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
