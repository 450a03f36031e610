"""What a score is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = ["DrillFacts", "LoadFigures", "Ranking", "RunFacts", "Score", "Verdict"]


@dataclass(frozen=True)
class LoadFigures:
    """What the load saw since its beginning, over all kinds of requests.

    Attributes:
        sent: Requests that ended, one way or the other.
        errors: Those with a status of 400 and above.
        unanswered: Those without an answer.
        last_error: Seconds since the epoch of the last of both; None without one.
    """

    sent: int = 0
    errors: int = 0
    unanswered: int = 0
    last_error: float | None = None

    @property
    def lost(self) -> int:
        """Requests that nobody was served with."""
        return self.errors + self.unanswered

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> "LoadFigures":
        """Return the sum of a report of the sandbox's visitors; zeros for an empty one."""
        kinds = list(report.get("kinds", {}).values())
        return cls(
            sum(kind["sent"] for kind in kinds),
            sum(kind["errors"] for kind in kinds),
            sum(kind["unanswered"] for kind in kinds),
            max((k["last_error"] for k in kinds if k["last_error"] is not None), default=None),
        )


@dataclass(frozen=True)
class Ranking:
    """What an incident run ranked, at one moment.

    Attributes:
        at: When.
        causes: The likeliest first; empty where nothing was found.
    """

    at: datetime
    causes: tuple[str, ...]


@dataclass(frozen=True)
class RunFacts:
    """What the journal of one run tells of a drill.

    Attributes:
        runbook: Its name.
        rankings: Of an incident run.
        applied: When each of its actions was done; starting another run is none.
    """

    runbook: str
    rankings: tuple[Ranking, ...] = ()
    applied: tuple[datetime, ...] = ()


@dataclass(frozen=True)
class DrillFacts:
    """What is known of a drill.

    Attributes:
        cause: What had to be ranked first.
        injected_at: When the fault was there.
        seen_recovered_at: When the harm was first seen to be gone; None while it is there.
        runs: Those that were started since.
        before: The load just before the fault; None without load.
        after: The newest figures of the load; None without load.
        data_lost: Rows that were acknowledged and are gone; None where nobody could count.
    """

    cause: str
    injected_at: datetime
    seen_recovered_at: datetime | None
    runs: tuple[RunFacts, ...]
    before: LoadFigures | None = None
    after: LoadFigures | None = None
    data_lost: int | None = None


class Verdict(StrEnum):
    """How a drill stands."""

    PASSED = "passed"
    NOT_LOOKED = "not-looked"
    NOT_NAMED = "not-named"
    NOT_RECOVERED = "not-recovered"


@dataclass(frozen=True)
class Score:
    """How a fault was dealt with.

    Attributes:
        verdict: In a word.
        seconds_to_cause: Until the right cause was ranked first; None where it never was.
        wrong_first: How many rankings before that had another cause first, or none.
        seconds_to_recovery: Until the harm was gone; None while it is there.
        requests_sent: Since the fault; None without load.
        requests_lost: Of those, with an error or without an answer; None without load.
        data_lost: Rows that were acknowledged and are gone; None where nobody could count.
        runs: How many runs were started.
        actions: How many actions they applied.
    """

    verdict: Verdict
    seconds_to_cause: float | None
    wrong_first: int
    seconds_to_recovery: float | None
    requests_sent: int | None
    requests_lost: int | None
    data_lost: int | None
    runs: int
    actions: int

    @property
    def passed(self) -> bool:
        """Whether the right cause was ranked first, and the harm is gone."""
        return self.verdict is Verdict.PASSED
