"""Cloud Run as an incident sees it: services, their revisions, and who has which secret pinned."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leitstand.core.environment import Environment
from leitstand.core.names import short_name
from leitstand.core.schema import SchemaRange
from leitstand.core.secrets_read import secrets_read
from leitstand.core.triage.signals import RevisionSignal, ServiceSignal

__all__ = ["Estate", "pinned_by", "read_time", "service_signals", "variable"]

_NEWEST = 4
"""Revisions of a service that are told besides those with traffic."""

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Estate:
    """What the API says of everything that runs.

    Attributes:
        services: By short name.
        revisions: Of all services, in any order.
    """

    services: Mapping[str, Body]
    revisions: tuple[Body, ...]

    def serving(self, service: str) -> list[Body]:
        """Return the revisions of a service that get traffic."""
        percents = _percents(self.services.get(service, {}))
        return [r for r in self._of(service) if short_name(r["name"]) in percents]

    @property
    def missing(self) -> list[tuple[str, str]]:
        """Service and revision of all that get traffic and are not among the revisions."""
        known = {tuple(revision["name"].split("/")[5::2]) for revision in self.revisions}
        wanted = [(name, r) for name, found in self.services.items() for r in _percents(found)]
        return [pair for pair in wanted if pair[1] and pair not in known]

    def shown(self, service: str) -> list[Body]:
        """Return the revisions of a service with traffic and the newest few, newest first."""
        percents = _percents(self.services.get(service, {}))
        ordered = sorted(
            self._of(service), key=lambda r: (r.get("createTime", ""), r["name"]), reverse=True
        )
        return [
            revision
            for number, revision in enumerate(ordered)
            if number < _NEWEST or short_name(revision["name"]) in percents
        ]

    def _of(self, service: str) -> Iterator[Body]:
        return (r for r in self.revisions if r["name"].split("/")[5] == service)


def service_signals(estate: Estate, environment: Environment) -> dict[str, ServiceSignal]:
    """Return all services that are there, and those of the environment file that are not."""
    names = [*environment.services, *(n for n in estate.services if n not in environment.services)]
    return {name: _service(name, estate, environment) for name in names}


def pinned_by(template: Body) -> dict[str, str]:
    """Return the version of each secret that a revision or a template reads, by its short name.

    Where one is read in several versions, it is the one that variables see.
    """
    return dict(reversed(list(secrets_read(template))))


def variable(revision: Body, name: str) -> str:
    """Return the plain value of an environment variable; empty where there is none."""
    for container in revision.get("containers", []):
        for entry in container.get("env", []):
            if entry["name"] == name:
                return str(entry.get("value", ""))
    return ""


def read_time(text: object) -> datetime | None:
    """Return a time of the API as UTC; None where there is none."""
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def _service(name: str, estate: Estate, environment: Environment) -> ServiceSignal:
    desired = environment.services.get(name)
    wanted = (
        (desired.scaling.min_instance_count, desired.scaling.max_instance_count)
        if desired is not None
        else (0, 0)
    )
    found = estate.services.get(name)
    if found is None:
        return ServiceSignal(name, False, "Den Dienst gibt es nicht.", (), (0, 0, None), wanted)
    condition = found.get("terminalCondition", {})
    succeeded = condition.get("state") == "CONDITION_SUCCEEDED"
    percents = _percents(found)
    return ServiceSignal(
        name=name,
        ready=succeeded and not found.get("reconciling", False),
        problem="" if succeeded else str(condition.get("message", "")),
        revisions=tuple(_revision(r, percents) for r in estate.shown(name)),
        instances=_instances(found),
        wanted=wanted,
    )


def _percents(service: Body) -> dict[str, int]:
    """Return the traffic that is in force, by revision."""
    latest = short_name(service.get("latestReadyRevision", ""))
    found: dict[str, int] = {}
    for status in service.get("trafficStatuses", []):
        revision = short_name(status.get("revision", "")) or latest
        found[revision] = found.get(revision, 0) + int(status.get("percent", 0))
    return {revision: percent for revision, percent in found.items() if percent}


def _instances(service: Body) -> tuple[int, int, int | None]:
    scaling, template = service.get("scaling", {}), service.get("template", {}).get("scaling", {})
    least = int(scaling.get("minInstanceCount") or template.get("minInstanceCount") or 0)
    most = int(scaling.get("maxInstanceCount") or template.get("maxInstanceCount") or 0)
    manual = None
    if scaling.get("scalingMode") == "MANUAL":
        manual = int(scaling.get("manualInstanceCount", 0))
    return least, most, manual


def _revision(revision: Body, percents: Mapping[str, int]) -> RevisionSignal:
    name, containers = short_name(revision["name"]), revision.get("containers", [])
    ready: Body = next((c for c in revision.get("conditions", []) if c.get("type") == "Ready"), {})
    succeeded = ready.get("state") == "CONDITION_SUCCEEDED"
    return RevisionSignal(
        name=name,
        image=str(containers[0].get("image", "")) if containers else "",
        percent=percents.get(name, 0),
        ready=succeeded,
        problem="" if succeeded else str(ready.get("message", "")),
        created_at=read_time(revision.get("createTime")),
        schema=SchemaRange.from_annotations(revision.get("annotations", {})),
        secrets=pinned_by(revision),
    )
