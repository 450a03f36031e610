"""What a rule looks at, and what it gives."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from leitstand.core.german import count, sentence
from leitstand.core.triage.hypotheses import Evidence, Hypothesis
from leitstand.core.triage.policy import Triage
from leitstand.core.triage.signals import (
    Change,
    ErrorGroup,
    Missing,
    ServiceSignal,
    Signals,
    Source,
)
from leitstand.core.triage.symptoms import Symptom, SymptomKind

__all__ = ["Suspect", "Talk", "View"]


class Talk(StrEnum):
    """What error lines complain about, as a regular expression over one line."""

    SCHEMA = (
        r"(column|relation|table) .{0,120}does not exist|UndefinedColumn|UndefinedTable"
        r"|no such (column|table)"
    )
    CONNECTIONS = r"too many (connections|clients)|remaining connection slots"
    DATABASE = (
        r"connection to server .{0,120}failed: (?!.{0,40}(authentication|too many|remaining))"
        r"|could not connect to server"
        r"|database system is (starting up|shutting down|in recovery|not accepting)"
        r"|server closed the connection unexpectedly"
    )
    DISK = r"no space left on device|could not extend file|disk full"
    LOCKS = r"lock timeout|deadlock detected|LockNotAvailable"
    LOGIN = (
        r"password authentication failed|WRONGPASS|NOAUTH|invalid (username-)?password"
        r"|redis\S*\.AuthenticationError"
    )
    REDIS_FULL = r"OOM command not allowed|command not allowed when used memory"
    REDIS = r"Error \S+ connecting to|redis\S*\.ConnectionError|Cannot connect to redis"
    QUOTA = r"RateLimitError|too many requests|rate limit exceeded"


@dataclass(frozen=True)
class Suspect:
    """A hypothesis before it is ranked; its score is the strength of its own evidence.

    Attributes:
        felt: When its signs were seen first; None unknown.
        services: Whom it can harm; empty where that is every service.
        specific: Whether what runs beside its target is well, so that a cause that harms all alike
            does not explain it away.
    """

    hypothesis: Hypothesis
    felt: datetime | None = None
    services: frozenset[str] = frozenset()
    specific: bool = False


@dataclass(frozen=True)
class View:
    """Signals with the limits they are judged by.

    Attributes:
        quota: Requests per minute by the environment file, and the most that the provider grants.
        database_secret: The secret with the URL of the database; empty unknown.
        redis_secret: The secret with the URL of Redis; empty unknown.
    """

    signals: Signals
    policy: Triage
    symptoms: tuple[Symptom, ...]
    quota: tuple[int, int] | None = None
    database_secret: str = ""
    redis_secret: str = ""

    def services(self) -> dict[str, ServiceSignal]:
        """Return the services by name; none when their source is missing."""
        known = self.signals.services
        return {} if isinstance(known, Missing) else {name: known[name] for name in sorted(known)}

    def groups(self, talk: Talk) -> tuple[ErrorGroup, ...]:
        """Return the recent groups of alike lines that complain so; few lines are no group."""
        if isinstance(self.signals.errors, Missing):
            return ()
        earliest = self.signals.at - timedelta(seconds=self.policy.recent_seconds)
        found = [
            group
            for group in self.signals.errors
            if group.last >= earliest
            and re.search(talk.value, f"{group.pattern}\n{group.example}", re.IGNORECASE)
        ]
        enough = sum(group.count for group in found) >= self.policy.error_lines
        return tuple(sorted(found, key=lambda g: (-g.count, g.pattern))) if enough else ()

    def lines(self, groups: Sequence[ErrorGroup]) -> tuple[Evidence, ...]:
        """Return groups of lines as evidence, at most two of them."""
        return tuple(
            Evidence(
                f"{count(group.count, 'Eine Fehlerzeile', 'Fehlerzeilen')} in {group.service}: "
                + sentence(f"„{group.pattern[:160]}“"),
                Source.LOGS,
                group.first,
            )
            for group in groups[:2]
        )

    def felt(self, *services: str) -> tuple[Evidence, ...]:
        """Return the symptoms of these services, or of all, as evidence."""
        return tuple(
            Evidence(symptom.text, Source.TRAFFIC, symptom.began)
            for symptom in self.symptoms
            if not services or symptom.service in services
        )

    def onset(self, *services: str) -> datetime | None:
        """Return when errors of these services, or of any, were seen first."""
        times = [
            symptom.began
            for symptom in self.symptoms
            if symptom.kind is SymptomKind.ERRORS
            and symptom.began is not None
            and (not services or symptom.service in services)
        ]
        return min(times, default=None)

    def changes(self, word: str = "") -> tuple[Change, ...]:
        """Return runs and operations whose run or target holds the word, newest first."""
        known = [
            change
            for source in (self.signals.runs, self.signals.operations)
            if not isinstance(source, Missing)
            for change in source
            if word in f"{change.run} {change.target}" and change.at <= self.signals.at
        ]
        return tuple(sorted(known, key=lambda change: (change.at, change.text), reverse=True))

    def ago(self, moment: datetime) -> float:
        """Return how many seconds ago a moment was."""
        return (self.signals.at - moment).total_seconds()
