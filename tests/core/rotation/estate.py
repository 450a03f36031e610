"""Secrets and their readers, for tests of decisions about them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from leitstand.core.job import JobState
from leitstand.core.rotation.recipes import Recipe
from leitstand.core.rotation.situation import Situation
from leitstand.core.rotation.types import (
    JobReader,
    Login,
    Revision,
    SecretState,
    ServiceReader,
    Version,
    pins_of,
)
from leitstand.core.service import ServiceState, TrafficStatus
from leitstand.core.traffic import Share, Split

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PREFIX = "projects/p/locations/l"
PLAIN = Recipe("key", "key", "${generated:24}", {})
DATABASE = Recipe(
    "url", "password", "${generated:24}",
    {"url": "postgresql://app:${secret:password/1}@db:5432/app"}, "main/app",
)  # fmt: skip


def secret(
    name: str, *states: str, age: timedelta = DAY, period: float | None = None
) -> SecretState:
    """A secret whose versions, oldest first, have these states; the newest is ``age`` old."""
    versions = [Version(i + 1, state, NOW - age) for i, state in enumerate(states)]
    return SecretState(name, tuple(reversed(versions)), period)


def template(pins: Mapping[str, str], image: str = "r/web@sha256:a") -> dict[str, Any]:
    env = [
        {"name": name.upper(), "value_source": {"secret_key_ref": {"secret": name, "version": v}}}
        for name, v in pins.items()
    ]
    return {"containers": [{"image": image, "env": env}]}


def revision(
    name: str, pins: Mapping[str, str], percent: int = 0, *, tags: tuple[str, ...] = (),
    image: str = "a", age: timedelta = DAY, ready: bool = True,
) -> Revision:  # fmt: skip
    found = {secret: frozenset({version}) for secret, version in pins.items()}
    return Revision(name, ready, image, NOW - age, percent, tags, found)


def service(name: str, *revisions: Revision, single: bool = False) -> ServiceReader:
    """A service with revisions, newest first."""
    shares = [Share(r.name, r.percent, (*r.tags, "")[0]) for r in revisions if r.percent or r.tags]
    statuses = tuple(TrafficStatus(s.revision, s.percent, s.tag) for s in shares)
    serving = max(revisions, key=lambda r: r.percent)
    pins = {name: min(versions) for name, versions in serving.pins.items()}
    state = ServiceState(
        f"{PREFIX}/services/{name}", "e", 4, True, Split(tuple(shares)), statuses,
        revisions[0].name, template=template(pins),
    )  # fmt: skip
    return ServiceReader(state, revisions, template(pins), single, ("/healthz",))


def job(name: str, pins: Mapping[str, str]) -> JobReader:
    task = template(pins)
    state = JobState(f"{PREFIX}/jobs/{name}", "e", 1, {"task_count": 1, "template": task})
    return JobReader(state, pins_of(task))


def situation(
    *services: ServiceReader, recipe: Recipe = PLAIN, secrets: tuple[SecretState, ...] = (),
    jobs: tuple[JobReader, ...] = (), keep: timedelta = 7 * DAY,
    logins: Mapping[int, str] | None = None,
    file: Mapping[str, Mapping[str, frozenset[str]]] | None = None, source: str = "generated",
) -> Situation:  # fmt: skip
    states = secrets or tuple(secret(name, "ENABLED") for name in recipe.secrets)
    login = Login("projects/p/instances/main", "app", "url", logins or {1: "app"})
    return Situation(
        recipe, source, {state.name: state for state in states}, services, jobs, file or {}, keep,
        NOW, login if recipe.user else None,
    )  # fmt: skip
