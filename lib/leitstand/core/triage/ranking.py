"""Which cause is the likeliest: rules give suspects, and what follows from another is set aside.

A cause outranks another by, in this order:

1. whether it does harm now; what only will is never above what does;
2. whether the other follows from it: a consequence stands with its cause, and not in the list;
3. the strength of its own evidence, weighed by how much of what users feel it explains, and by
   whether it began before that and not long before.

Nothing is inferred from silence: a source that is missing adds no cause but that it is silent.
A database that says it has no room for another session has answered.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.policy import Triage
from leitstand.core.triage.rules_data import invalid_vector_indexes, tenants_not_apart
from leitstand.core.triage.rules_database import (
    connections_exhausted,
    databases_down,
    locked_databases,
)
from leitstand.core.triage.rules_gateway import quotas_exhausted
from leitstand.core.triage.rules_outlook import (
    certificates_expiring,
    monitoring_silent,
    secrets_expiring,
)
from leitstand.core.triage.rules_queue import (
    queue_backlogs,
    redis_down,
    redis_full,
    workers_missing,
)
from leitstand.core.triage.rules_release import bad_releases
from leitstand.core.triage.rules_schema import incompatible_schemas
from leitstand.core.triage.rules_services import secrets_unusable, services_down
from leitstand.core.triage.rules_storage import archiving_broken, disks_full
from leitstand.core.triage.signals import Signals, Source
from leitstand.core.triage.symptoms import Symptom, SymptomKind, read_symptoms
from leitstand.core.triage.view import Suspect, View

__all__ = ["rank"]

_RULES: tuple[Callable[[View], Iterator[Suspect]], ...] = (
    secrets_unusable,
    incompatible_schemas,
    archiving_broken,
    disks_full,
    databases_down,
    locked_databases,
    connections_exhausted,
    redis_full,
    redis_down,
    quotas_exhausted,
    invalid_vector_indexes,
    tenants_not_apart,
    bad_releases,
    services_down,
    workers_missing,
    queue_backlogs,
    monitoring_silent,
    certificates_expiring,
    secrets_expiring,
)
_ORDER = {cause: place for place, cause in enumerate(Cause)}
_BROKEN = frozenset(
    {Cause.BAD_RELEASE, Cause.SERVICE_DOWN, Cause.WORKERS_MISSING, Cause.QUEUE_BACKLOG}
)
_FOLLOWS: Mapping[Cause, frozenset[Cause]] = {
    Cause.SECRET_UNUSABLE: _BROKEN | {Cause.DATABASE_DOWN, Cause.REDIS_DOWN},
    Cause.INCOMPATIBLE_SCHEMA: _BROKEN,
    Cause.ARCHIVING_BROKEN: frozenset({Cause.DISK_FULL}),
    Cause.DISK_FULL: _BROKEN | {Cause.DATABASE_DOWN},
    Cause.DATABASE_DOWN: _BROKEN | {Cause.LOCKED_DATABASE, Cause.CONNECTIONS_EXHAUSTED},
    Cause.LOCKED_DATABASE: _BROKEN | {Cause.CONNECTIONS_EXHAUSTED},
    Cause.CONNECTIONS_EXHAUSTED: _BROKEN,
    Cause.REDIS_FULL: _BROKEN,
    Cause.REDIS_DOWN: _BROKEN,
    Cause.QUOTA_EXHAUSTED: frozenset({Cause.BAD_RELEASE, Cause.QUEUE_BACKLOG}),
    Cause.INVALID_VECTOR_INDEX: frozenset(),
    Cause.BAD_RELEASE: frozenset({Cause.SERVICE_DOWN, Cause.WORKERS_MISSING, Cause.QUEUE_BACKLOG}),
    Cause.SERVICE_DOWN: frozenset({Cause.WORKERS_MISSING, Cause.QUEUE_BACKLOG}),
    Cause.WORKERS_MISSING: frozenset({Cause.QUEUE_BACKLOG}),
}
"""What may follow from a cause; ``Cause`` is ordered so that this has no circle."""

_OF_ONE_SERVICE = frozenset({Cause.BAD_RELEASE, Cause.SERVICE_DOWN})
_OF_ONE_REVISION = frozenset({Cause.SECRET_UNUSABLE, Cause.INCOMPATIBLE_SCHEMA})
_BOTH = frozenset(SymptomKind)
_FELT_AS: Mapping[Cause, frozenset[SymptomKind]] = {
    **dict.fromkeys(_FOLLOWS, _BOTH),
    Cause.ARCHIVING_BROKEN: frozenset(),
    Cause.INVALID_VECTOR_INDEX: frozenset({SymptomKind.LATENCY}),
    Cause.WORKERS_MISSING: frozenset(),
    Cause.CERTIFICATE_EXPIRING: frozenset(),
}
_ACUTE, _AHEAD, _BLIND = (0.45, 1.0), (0.05, 0.35), 0.4


def rank(
    signals: Signals,
    policy: Triage,
    *,
    quota: tuple[int, int] | None = None,
    database_secret: str = "",
    redis_secret: str = "",
) -> tuple[Hypothesis, ...]:
    """Return what may be the matter, the likeliest first; empty when nothing was found.

    Args:
        signals: What the sources told.
        policy: The limits of the environment file.
        quota: LiteLLM's requests per minute by the environment file, and the most that the
            provider grants; without it a treatment goes back to the file's.
        database_secret: The secret with the URL of the database, which a refused password treats;
            without it none is named.
        redis_secret: The same for Redis.
    """
    symptoms = read_symptoms(signals, policy)
    view = View(signals, policy, symptoms, quota, database_secret, redis_secret)
    suspects = [suspect for rule in _RULES for suspect in rule(view)]
    weighed = [(suspect, _weighed(view, suspect)) for suspect in suspects]
    roots = _roots(view, weighed)
    found = []
    for place, (_, hypothesis) in enumerate(weighed):
        if roots[place] == place:
            followers = [weighed[i][1] for i, root in enumerate(roots) if root == place != i]
            found.append(_with_consequences(hypothesis, followers))
    return tuple(sorted(found, key=lambda h: (-h.score, _ORDER[h.cause], h.target, h.title)))


def _weighed(view: View, suspect: Suspect) -> Hypothesis:
    """Return a suspect's hypothesis with the score that it is ranked by."""
    hypothesis = suspect.hypothesis
    strength = min(1.0, max(0.0, hypothesis.score))
    if hypothesis.cause is Cause.MONITORING_SILENT:
        return replace(hypothesis, score=_BLIND)
    if not hypothesis.acute:
        return replace(hypothesis, score=_between(_AHEAD, strength))
    explained = [symptom for symptom in view.symptoms if _explains(suspect, symptom)]
    fit = 1.0
    if view.symptoms:
        fit = 0.75 + 0.25 * len(explained) / len(view.symptoms)
    weight, late = _timing(view, hypothesis, explained)
    score = _between(_ACUTE, strength * fit * weight)
    return replace(hypothesis, score=score, against=(*hypothesis.against, *late))


def _timing(
    view: View, hypothesis: Hypothesis, explained: Sequence[Symptom]
) -> tuple[float, tuple[Evidence, ...]]:
    """Return how well the beginning of a cause fits that of what it explains."""
    onset = min((s.began for s in explained if s.began is not None), default=None)
    if onset is None or hypothesis.began is None:
        return 0.95 if explained else 1.0, ()
    if hypothesis.began > onset + timedelta(seconds=view.policy.slack_seconds):
        text = "Die Fehler begannen schon, bevor dies eintrat."
        return 0.6, (Evidence(text, Source.TRAFFIC, onset),)
    if onset - hypothesis.began > timedelta(seconds=view.policy.change_seconds):
        return 0.9, ()
    return 1.0, ()


def _roots(view: View, weighed: Sequence[tuple[Suspect, Hypothesis]]) -> list[int]:
    """Return for each suspect the place of the cause that it follows from, else its own."""
    direct = []
    for place, (suspect, _) in enumerate(weighed):
        causes = [
            (-weighed[other][1].score, other)
            for other, (cause, _) in enumerate(weighed)
            if other != place and _follows(view, suspect, cause)
        ]
        direct.append(min(causes)[1] if causes else place)
    roots = []
    for place in range(len(direct)):
        root = place
        while direct[root] != root:
            root = direct[root]
        roots.append(root)
    return roots


def _follows(view: View, effect: Suspect, cause: Suspect) -> bool:
    one, other = effect.hypothesis, cause.hypothesis
    if one.cause not in _FOLLOWS.get(other.cause, ()) or (one.acute and not other.acute):
        return False
    if effect.specific and other.cause not in _OF_ONE_REVISION:
        return False
    if one.cause in _OF_ONE_SERVICE and cause.services and one.target not in cause.services:
        return False
    if other.cause is Cause.SERVICE_DOWN and not cause.services & {"worker", "litellm"}:
        return False
    # When a revision was made is not when its harm began.
    seen = effect.felt if one.cause is Cause.BAD_RELEASE else effect.felt or one.began
    if other.began is None or seen is None:
        return True
    return other.began <= seen + timedelta(seconds=view.policy.slack_seconds)


def _explains(suspect: Suspect, symptom: Symptom) -> bool:
    kinds = _FELT_AS.get(suspect.hypothesis.cause, frozenset())
    return symptom.kind in kinds and (not suspect.services or symptom.service in suspect.services)


def _with_consequences(hypothesis: Hypothesis, followers: Sequence[Hypothesis]) -> Hypothesis:
    """Return a cause with what follows from it; the way out of a backlog is its own step."""
    if not followers:
        return hypothesis
    texts = {evidence.text for evidence in hypothesis.evidence}
    told = [f.evidence[0] for f in followers if f.evidence and f.evidence[0].text not in texts]
    taken = {(t.runbook, str(t.parameters)) for t in hypothesis.treatments}
    after = {
        (t.runbook, str(t.parameters)): Treatment(t.runbook, t.parameters, f"Danach: {t.text}")
        for follower in followers
        if follower.cause in {Cause.WORKERS_MISSING, Cause.QUEUE_BACKLOG}
        for t in follower.treatments[:1]
    }
    return replace(
        hypothesis,
        evidence=(*hypothesis.evidence, *told),
        treatments=(
            *hypothesis.treatments,
            *(treatment for key, treatment in after.items() if key not in taken),
        ),
        consequences=tuple(sorted({f.cause for f in followers}, key=_ORDER.__getitem__)),
    )


def _between(bounds: tuple[float, float], share: float) -> float:
    low, high = bounds
    return round(low + (high - low) * min(1.0, max(0.0, share)), 4)
