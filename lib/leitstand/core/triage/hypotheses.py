"""What may be the matter: causes, the evidence for and against them, and what treats them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from leitstand.core.triage.signals import Source

__all__ = ["Cause", "Evidence", "Hypothesis", "Treatment"]


_FIELDS = {Source.LOGS: "errors"}  # of Signals, where the source is called otherwise


class Cause(StrEnum):
    """Root causes, the deepest first: none of them follows from one that stands below it.

    An error rate or a latency is a symptom and no cause.
    """

    SECRET_UNUSABLE = "secret-unusable"
    INCOMPATIBLE_SCHEMA = "incompatible-schema"
    ARCHIVING_BROKEN = "archiving-broken"
    DISK_FULL = "disk-full"
    DATABASE_DOWN = "database-down"
    LOCKED_DATABASE = "locked-database"
    CONNECTIONS_EXHAUSTED = "connections-exhausted"
    REDIS_FULL = "redis-full"
    REDIS_DOWN = "redis-down"
    QUOTA_EXHAUSTED = "quota-exhausted"
    INVALID_VECTOR_INDEX = "invalid-vector-index"
    TENANTS_NOT_APART = "tenants-not-apart"
    BAD_RELEASE = "bad-release"
    SERVICE_DOWN = "service-down"
    WORKERS_MISSING = "workers-missing"
    QUEUE_BACKLOG = "queue-backlog"
    MONITORING_SILENT = "monitoring-silent"
    CERTIFICATE_EXPIRING = "certificate-expiring"
    SECRET_EXPIRING = "secret-expiring"


@dataclass(frozen=True)
class Evidence:
    """One thing that speaks for or against a hypothesis.

    Attributes:
        text: German sentence with its figures; it names no value of a secret.
        source: Where it is from.
        at: When it happened, where that is known.
    """

    text: str
    source: Source
    at: datetime | None = None


@dataclass(frozen=True)
class Treatment:
    """A runbook that treats a cause.

    Attributes:
        runbook: Its name.
        parameters: What to fill in, as literals; ``env`` and ``ticket`` are the caller's.
        text: German sentence that says what it does.
    """

    runbook: str
    parameters: Mapping[str, object]
    text: str


@dataclass(frozen=True)
class Hypothesis:
    """One cause that may lie behind an incident.

    Attributes:
        title: German headline with the name of what is affected.
        score: From 0 to 1; it orders hypotheses, and is no probability.
        evidence: What speaks for it, the strongest first.
        against: What speaks against it.
        treatments: The one to begin with first.
        harms: German sentence: who feels it.
        target: What is affected, for example a service; empty for the whole.
        began: When it began, where that is known.
        acute: Whether it does harm now; else it will, unless somebody acts.
        consequences: Causes with evidence of their own that follow from this one.
    """

    cause: Cause
    title: str
    score: float
    evidence: tuple[Evidence, ...]
    against: tuple[Evidence, ...]
    treatments: tuple[Treatment, ...]
    harms: str
    target: str = ""
    began: datetime | None = None
    acute: bool = True
    consequences: tuple[Cause, ...] = ()

    def left_in(self, found: Iterable["Hypothesis"]) -> "Hypothesis | None":
        """Return the first of what was found later that is this one, or that it follows from.

        What did harm, and by now only will, is over.
        """
        for other in found:
            same = (other.cause, other.target) == (self.cause, self.target)
            if (same or self.cause in other.consequences) and (other.acute or not self.acute):
                return other
        return None

    def unseen_in(self, missing: Iterable[str]) -> tuple[str, ...]:
        """Return which of the missing sources gave evidence for this one.

        While they are silent, nobody can tell whether it is over.

        Args:
            missing: As in ``Signals.missing``.
        """
        told = {_FIELDS.get(evidence.source, evidence.source.value) for evidence in self.evidence}
        return tuple(name for name in missing if name in told)

    def as_data(self) -> dict[str, object]:
        """Return what a later report needs of it, as JSON values."""

        def told(evidence: tuple[Evidence, ...]) -> list[dict[str, object]]:
            return [
                {"text": e.text, "source": e.source.value, "at": e.at.isoformat() if e.at else None}
                for e in evidence
            ]

        return {
            "cause": self.cause.value,
            "title": self.title,
            "score": self.score,
            "evidence": told(self.evidence),
            "against": told(self.against),
            "harms": self.harms,
            "target": self.target,
            "began": self.began.isoformat() if self.began else None,
            "acute": self.acute,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Hypothesis":
        """Return the hypothesis that ``as_data`` gave, without treatments and consequences."""

        def heard(told: list[dict[str, Any]]) -> tuple[Evidence, ...]:
            return tuple(Evidence(e["text"], Source(e["source"]), _moment(e["at"])) for e in told)

        return cls(
            cause=Cause(data["cause"]),
            title=data["title"],
            score=data["score"],
            evidence=heard(data["evidence"]),
            against=heard(data["against"]),
            treatments=(),
            harms=data["harms"],
            target=data["target"],
            began=_moment(data["began"]),
            acute=data["acute"],
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
