"""The score of a drill."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leitstand.core.drilling.score import run_facts, score
from leitstand.core.drilling.types import DrillFacts, LoadFigures, Ranking, RunFacts, Verdict

START = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
RIGHT, WRONG = "locked-database", "bad-release"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def looked(*rankings: tuple[float, tuple[str, ...]]) -> RunFacts:
    return RunFacts("incident", tuple(Ranking(at(s), causes) for s, causes in rankings))


def treated(*seconds: float) -> RunFacts:
    return RunFacts("end_session", (), tuple(at(s) for s in seconds))


def facts(*runs: RunFacts, recovered: float | None = None, **more: Any) -> DrillFacts:
    seen = None if recovered is None else at(recovered)
    return DrillFacts(RIGHT, START, seen, runs, **more)


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (facts(), Verdict.NOT_LOOKED),
        (facts(recovered=5), Verdict.NOT_LOOKED),
        (facts(looked((9, (WRONG, RIGHT))), recovered=20), Verdict.NOT_NAMED),
        (facts(looked((9, ()))), Verdict.NOT_NAMED),
        (facts(looked((9, (RIGHT,)))), Verdict.NOT_RECOVERED),
        (facts(looked((9, (RIGHT, WRONG))), recovered=20), Verdict.PASSED),
        (facts(looked((9, (WRONG,))), looked((19, (RIGHT,))), recovered=20), Verdict.PASSED),
    ],
)
def test_a_drill_is_passed_when_the_cause_was_first_and_the_harm_is_gone(
    known: DrillFacts, verdict: Verdict
) -> None:
    found = score(known)
    assert verdict is found.verdict
    assert found.passed == (verdict is Verdict.PASSED)


def test_the_figures_of_a_drill() -> None:
    found = score(
        facts(
            looked((12, (WRONG,)), (31.5, (RIGHT,)), (80, ())),
            treated(50, 52),
            recovered=60,
            before=LoadFigures(sent=100, errors=1),
            after=LoadFigures(sent=900, errors=21, unanswered=30, last_error=at(55.2).timestamp()),
            data_lost=0,
        )
    )
    assert (31.5, 1) == (found.seconds_to_cause, found.wrong_first)
    assert (800, 50, 0) == (found.requests_sent, found.requests_lost, found.data_lost)
    assert (2, 2) == (found.runs, found.actions)
    assert 55.2 == found.seconds_to_recovery


@pytest.mark.parametrize(
    ("errors", "last", "seconds"),
    [
        (40, 55, 55),  # lost until after the treatment: the last one tells
        (40, 30, 60),  # none was lost any more when it was treated: the look tells
        (40, 75, 60),  # others came after the recovery
        (2, 55, 60),  # too few to tell
        (0, None, 60),
    ],
)
def test_the_load_tells_more_closely_when_the_harm_ended(
    errors: int, last: float | None, seconds: float
) -> None:
    last_error = None if last is None else at(last).timestamp()
    after = LoadFigures(sent=500, errors=errors, last_error=last_error)
    found = score(facts(looked((9, (RIGHT,))), treated(50), recovered=60, after=after))
    assert seconds == found.seconds_to_recovery


def test_without_load_nothing_is_counted() -> None:
    found = score(facts())
    assert (None, None, None) == (found.requests_sent, found.requests_lost, found.data_lost)


def test_figures_of_the_load_are_summed_over_all_kinds() -> None:
    kinds = {
        "page": {"sent": 9, "errors": 0, "unanswered": 0, "last_error": None},
        "write": {"sent": 5, "errors": 2, "unanswered": 1, "last_error": 7.5},
        "chat": {"sent": 4, "errors": 1, "unanswered": 0, "last_error": 6.0},
    }
    assert LoadFigures(18, 3, 1, 7.5) == LoadFigures.of({"kinds": kinds})
    assert LoadFigures() == LoadFigures.of({})


def test_a_journal_tells_what_was_ranked_and_done_since_the_fault() -> None:
    def event(name: str, seconds: float, **fields: Any) -> dict[str, Any]:
        return {"event": name, "at": at(seconds).isoformat().replace("+00:00", "Z"), **fields}

    ranked = [{"cause": RIGHT, "target": "", "score": 0.9}, {"cause": WRONG, "score": 0.2}]
    events = [
        event("run.started", -5, runbook="incident"),
        event("incident.ranked", -3, hypotheses=[], missing=[]),
        event("incident.ranked", 3, hypotheses=ranked, missing=[]),
        event("action.intent", 4, id="start-end_session", kind="start_run"),
        event("action.outcome", 5, id="start-end_session", status="done"),
        event("action.intent", 6, id="end", kind="end_session"),
        event("action.outcome", 7, id="end", status="done"),
        event("action.outcome", 8, id="other", status="failed"),
        event("action.outcome", 9, id="third", status="found_done"),
    ]
    expected = RunFacts("incident", (Ranking(at(3), (RIGHT, WRONG)),), (at(7),))
    assert expected == run_facts(events, START)
