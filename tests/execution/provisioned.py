"""A project of a sandbox, what is wanted in it, and a run that makes it so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.observing import observe
from leitstand.configuration import load_environment
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Resource
from leitstand.core.plan import Approval, Approved, Plan
from leitstand.core.reconcile import Found, plan_provision
from leitstand.execution.executor import Executor
from leitstand.execution.parallel import Outcome, Schedule
from leitstand.execution.resource_handlers import resource_handlers
from tests.fixtures.times import LATER

PROJECT = "leitstand-sandbox"
REGION = "europe-west3"
EMPTY = {
    "project": PROJECT,
    "location": REGION,
    "staging_project": f"{PROJECT}-staging",
    "revisions": [],
    "repositories": [],
}
"""Seed of a sandbox in which nothing is provisioned."""


def resource(
    kind: str,
    id: str,
    body: Mapping[str, Any] | None = None,
    *after: str,
    initial: Mapping[str, Any] | None = None,
) -> Resource:
    row = KINDS[kind]
    name = row.full_name(id, project=PROJECT, number="1", region=REGION)
    return Resource(row, id, name, body or {}, initial or {}, after)


def network(id: str) -> Resource:
    return resource("compute.networks", id, {"autoCreateSubnetworks": False})


def subnetwork(id: str, network: str, **fields: Any) -> Resource:
    body = {"network": f"projects/{PROJECT}/global/networks/{network}", **fields}
    return resource("compute.subnetworks", id, body, f"compute.networks/{network}")


def secret(id: str, value: str = "${generated:24}") -> tuple[Resource, Resource]:
    """A secret and its first version."""
    payload = {"payload": {"data": value}}
    return (
        resource("secretmanager.secrets", id, {"replication": {"automatic": {}}}),
        resource(
            "secretmanager.versions",
            f"{id}/1",
            {"state": "ENABLED"},
            f"secretmanager.secrets/{id}",
            initial=payload,
        ),
    )


@dataclass
class Provisioning:
    """A run that provisions.

    Attributes:
        address: Of the sandbox's gRPC APIs.
        rest: Of its REST APIs.
        path: Of the journal.
        deadline: Seconds that a change may take.
    """

    address: str
    rest: str
    path: Path
    deadline: float = 20.0
    told: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = Connection(load_environment("sandbox"), self.address, self.rest)
        self.journal = Journal(self.path)

    def observe(self, resources: Sequence[Resource]) -> Mapping[str, Found]:
        return observe(self.connection, resources)

    def plan(self, resources: Sequence[Resource], replace: Sequence[str] = ()) -> Plan:
        """Observe and plan, and journal that, as the runbook does."""
        found = self.observe(resources)
        plan = plan_provision(
            resources, found, environment="sandbox", project=PROJECT, replace=replace
        ).plan
        self.journal.append("run.started", env="sandbox")
        self.journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
        self.journal.append("approval.given", digest=plan.digest, by="test", expires_at=LATER)
        return plan

    def schedule(self, plan: Plan, resources: Sequence[Resource]) -> Schedule:
        names = {resource.key: resource.name for resource in resources}
        handlers = resource_handlers(self.connection, names, deadline=self.deadline)
        approved = Approved(plan, Approval(plan.digest, "test", LATER))
        executor = Executor(approved, self.journal, handlers)

        def progress(action: str, status: str, detail: str) -> None:
            self.told.append((action, str(status), detail))

        return Schedule(executor, plan.actions, progress=progress)

    def apply(self, *resources: Resource, replace: Sequence[str] = ()) -> Outcome:
        """Plan and apply everything."""
        return self.schedule(self.plan(resources, replace), resources).run(7)

    def deviations(self, *resources: Resource) -> list[str]:
        """Keys of what a further plan would change."""
        found = self.observe(resources)
        plan = plan_provision(resources, found, environment="sandbox", project=PROJECT).plan
        return [action.id for action in plan.actions]
