"""The score of a drill, from what is known of it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from leitstand.core.drilling.types import (
    DrillFacts,
    LoadFigures,
    Ranking,
    RunFacts,
    Score,
    Verdict,
)

__all__ = ["run_facts", "score"]

_TELLING_ERRORS = 5
"""From so many lost requests on, the last of them tells when the harm ended."""
_START_RUN = "start_run"


def run_facts(events: Iterable[Mapping[str, Any]], since: datetime) -> RunFacts:
    """Return what the journal of a run tells of a drill.

    Args:
        events: Of the journal, oldest first.
        since: What came before it does not count.
    """
    runbook = ""
    rankings: list[Ranking] = []
    applied: list[datetime] = []
    kinds: dict[str, str] = {}
    for event in events:
        name = event["event"]
        if name == "run.started":
            runbook = str(event.get("runbook", ""))
        elif name == "action.intent":
            kinds[str(event["id"])] = str(event.get("kind", ""))
        at = datetime.fromisoformat(str(event["at"]))
        if at < since:
            continue
        if name == "incident.ranked":
            causes = tuple(str(found["cause"]) for found in event["hypotheses"])
            rankings.append(Ranking(at, causes))
        elif name == "action.outcome" and event["status"] == "done":
            applied += [at] if kinds.get(str(event["id"])) != _START_RUN else []
    return RunFacts(runbook, tuple(rankings), tuple(applied))


def score(facts: DrillFacts) -> Score:
    """Return how a fault was dealt with.

    The harm ended no later than it was seen to be gone. Where the load lost requests until after
    the last action, the last one lost tells more closely.
    """
    rankings = sorted((r for run in facts.runs for r in run.rankings), key=lambda r: r.at)
    right = next((r for r in rankings if r.causes[:1] == (facts.cause,)), None)
    wrong = sum(1 for r in rankings if right is None or r.at < right.at)
    recovered = _recovered(facts)
    sent, lost = _requests(facts)
    return Score(
        verdict=_verdict(rankings, right, recovered),
        seconds_to_cause=_seconds(facts.injected_at, right.at if right else None),
        wrong_first=wrong,
        seconds_to_recovery=_seconds(facts.injected_at, recovered),
        requests_sent=sent,
        requests_lost=lost,
        data_lost=facts.data_lost,
        runs=len(facts.runs),
        actions=sum(len(run.applied) for run in facts.runs),
    )


def _verdict(rankings: list[Ranking], right: Ranking | None, recovered: datetime | None) -> Verdict:
    if not rankings:
        return Verdict.NOT_LOOKED
    if right is None:
        return Verdict.NOT_NAMED
    return Verdict.PASSED if recovered else Verdict.NOT_RECOVERED


def _recovered(facts: DrillFacts) -> datetime | None:
    seen = facts.seen_recovered_at
    if seen is None:
        return None
    _, lost = _requests(facts)
    last = facts.after.last_error if facts.after else None
    if not lost or lost < _TELLING_ERRORS or last is None:
        return seen
    ended = datetime.fromtimestamp(last, UTC)
    earlier = [at for run in facts.runs for at in run.applied if at <= seen]
    return ended if max([facts.injected_at, *earlier]) <= ended <= seen else seen


def _requests(facts: DrillFacts) -> tuple[int | None, int | None]:
    if facts.after is None:
        return None, None
    before = facts.before or LoadFigures()
    return facts.after.sent - before.sent, facts.after.lost - before.lost


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else max(0.0, round((end - start).total_seconds(), 1))
