"""Who still needs a version of a secret, and until when.

A revision that may be rolled back to needs what it reads: disabling a version that an older
revision pins breaks the way back (Secret Manager and Cloud Run read it at every start).
May be rolled back to:

- a revision with traffic or with a tag;
- the one that the rollback runbook would choose: the newest ready one with another image;
- any other ready one, for some hours after the next ready one came.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from leitstand.core.names import short_name
from leitstand.core.rotation.types import JobReader, Revision, ServiceReader

__all__ = ["Need", "adopted", "needs_of"]


@dataclass(frozen=True)
class Need:
    """One reason to keep a version enabled.

    Attributes:
        secret: Short name.
        version: Number.
        holder: Who needs it: a revision, a job, or a place in the environment file.
        reason: ``traffic``, ``tag``, ``rollback``, ``kept``, ``job`` or ``file``.
        until: When the need ends by itself; None where something must be done first.
    """

    secret: str
    version: int
    holder: str
    reason: str
    until: datetime | None = None


def needs_of(
    secret: str,
    services: Iterable[ServiceReader],
    jobs: Iterable[JobReader],
    file: Mapping[str, frozenset[str]],
    *,
    keep: timedelta,
    now: datetime,
) -> tuple[Need, ...]:
    """Return all needs of a secret's versions.

    Args:
        secret: Short name.
        services: Those that read it, or have revisions that do.
        jobs: Those that read it.
        file: Versions that the environment file pins, by the place that does.
        keep: How long any revision may be rolled back to after the next one came.
        now: UTC.
    """
    found: list[Need] = []
    for service in services:
        for revision, reason, until in _targets(service, keep, now):
            found += _needs(secret, revision.pins.get(secret, ()), revision.name, reason, until)
    for job in jobs:
        found += _needs(secret, job.pins.get(secret, ()), job.state.short_name, "job", None)
    for place, versions in file.items():
        found += _needs(secret, versions, place, "file", None)
    return tuple(found)


def adopted(
    service: ServiceReader, versions: Mapping[str, int], revision: str, now: datetime
) -> ServiceReader:
    """Return a service as it will be once a new revision with these versions serves."""
    pins = {**service.serving.pins}
    pins |= {s: frozenset({str(v)}) for s, v in versions.items() if s in pins}
    new = replace(service.serving, name=revision, created=now, percent=100, tags=(), pins=pins)
    others = tuple(replace(old, percent=0) for old in service.revisions)
    return replace(service, revisions=(new, *others))


def _targets(
    service: ServiceReader, keep: timedelta, now: datetime
) -> Iterator[tuple[Revision, str, datetime | None]]:
    """Yield the revisions that serve or may be rolled back to, why, and until when."""
    serving = service.serving
    older = service.revisions[service.revisions.index(serving) + 1 :]
    goal = next((r for r in older if r.ready and r.digest != serving.digest), None)
    newer: datetime | None = None
    for revision in service.revisions:
        until = (newer or revision.created) + keep
        if revision.percent:
            yield revision, "traffic", None
        elif revision.tags:
            yield revision, "tag", None
        elif revision == goal:
            yield revision, "rollback", None
        elif revision.ready and until > now:
            yield revision, "kept", until
        if revision.ready:
            newer = revision.created


def _needs(
    secret: str, versions: Iterable[str], holder: str, reason: str, until: datetime | None
) -> list[Need]:
    return [
        Need(secret, int(version), short_name(holder), reason, until)
        for version in sorted(versions)
        if version.isdecimal()
    ]
