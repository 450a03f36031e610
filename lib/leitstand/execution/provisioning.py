"""Brings an environment to what its file wants: observe, check, plan, apply."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.observing import observe
from leitstand.core.body_check import Problem, check_body, schema_refs
from leitstand.core.desired import desired
from leitstand.core.kinds import Resource, Step
from leitstand.core.names import short_name
from leitstand.core.order import ordered
from leitstand.core.plan import Approved
from leitstand.core.readiness import unready
from leitstand.core.reconcile import Deviation, Found, Provisioning, compare, plan_provision
from leitstand.core.references import find
from leitstand.execution.executor import Executor
from leitstand.execution.parallel import Progress, Schedule
from leitstand.execution.resource_handlers import resource_handlers

__all__ = ["Observed", "Provisioner", "api_problems", "project_number"]


def project_number(connection: Connection) -> str:
    """Return the number that Google gave the environment's project; read-only."""
    project = f"projects/{connection.environment.project}"
    found = connection.rest.call(
        "cloudresourcemanager.v3", "projects", "get", project, what="Projekt lesen"
    )
    return short_name(str(found["name"]))


def api_problems(connection: Connection, resources: Sequence[Resource]) -> tuple[Problem, ...]:
    """Return what the APIs would refuse of the wanted bodies, by their own descriptions.

    Raises:
        DuplicateName: two resources are one and the same.
        DependencyCycle: resources wait for each other.
        UnknownReference: something names a resource that is not wanted.
    """
    ordered(resources)
    found: list[Problem] = []
    for resource in resources:
        document = connection.rest.document(resource.kind.api)
        refs = schema_refs(document.content, resource.kind)
        found += check_body(resource, document.content["schemas"], *refs)
    return tuple(found)


@dataclass(frozen=True)
class Observed:
    """What is wanted, and what of it was found.

    Attributes:
        number: Number that Google gave the project.
        resources: Everything that the environment file wants.
        found: What is there, by key.
        calls: How many API calls that took.
        seconds: How long it took.
    """

    number: str
    resources: tuple[Resource, ...]
    found: Mapping[str, Found]
    calls: int
    seconds: float

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """What is not as wanted, and what is, but cannot be used."""
        known = compare(self.resources, self.found)
        keys = {deviation.key for deviation in known}
        unusable = unready(self.resources, self.found)
        return (*known, *(one for one in unusable if one.key not in keys))


class Provisioner:
    """Provisions the environment of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._environment = connection.environment

    def observe(self, step: Step | None = None) -> Observed:
        """Read everything that is wanted, many at a time; read-only.

        Args:
            step: The step whose resources are read, with those that they refer to; all steps
                when left out.

        Raises:
            CloudRefused: an API refused.
            CloudUnreachable: an API did not answer.
            InputError: the environment file contradicts itself.
        """
        rest, began = self._connection.rest, time.monotonic()
        before = rest.calls
        number = project_number(self._connection)
        resources = desired(self._environment, number)
        if step is not None:
            mine = [r for r in resources if r.kind.step == step]
            keys = {r.key for r in mine} | {f.key for r in mine for f in find(r.body)}
            resources = tuple(r for r in resources if r.key in keys)
        found = observe(self._connection, resources)
        return Observed(number, resources, found, rest.calls - before, time.monotonic() - began)

    def problems(self, resources: Sequence[Resource]) -> tuple[Problem, ...]:
        """Return what the APIs would refuse of the wanted bodies, see ``api_problems``."""
        return api_problems(self._connection, resources)

    def plan(self, seen: Observed, replace: Collection[str] = ()) -> Provisioning:
        """Plan what makes everything as wanted.

        Raises:
            InputError: the environment file contradicts itself, see ``problems``.
            UnknownReference: ``replace`` names a resource that is not wanted.
        """
        return plan_provision(
            seen.resources,
            seen.found,
            environment=self._environment.name,
            project=self._environment.project,
            replace=replace,
        )

    def schedule(
        self, approved: Approved, seen: Observed, journal: Journal, progress: Progress
    ) -> Schedule:
        """Return what applies an approved plan, side by side where nothing depends on it."""
        names = {resource.key: resource.name for resource in seen.resources}
        deadline = self._environment.provision_deadline
        handlers = resource_handlers(self._connection, names, deadline=deadline)
        executor = Executor(approved, journal, handlers)
        return Schedule(executor, approved.plan.actions, progress=progress)
