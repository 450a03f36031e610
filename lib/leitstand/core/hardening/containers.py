"""The containers of services and jobs, as the rules look at them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leitstand.core.hardening.estate import Body, Estate, Item
from leitstand.core.hardening.rule import Finding

__all__ = ["Variable", "Workload", "variables", "workloads"]


@dataclass(frozen=True)
class Workload:
    """What a service or job runs: the template with the containers, and where it stands."""

    item: Item
    path: str
    template: Body

    @property
    def containers(self) -> tuple[tuple[str, Body], ...]:
        """Path and body of each container."""
        return tuple(
            (f"{self.path}.containers.{position}", container)
            for position, container in enumerate(self.template.get("containers", ()))
        )


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    Attributes:
        item: The service or job.
        path: Where the variable stands.
        name: Its name.
        value: Its plain value; ``None`` where it comes from a secret.
        secret: Name of the secret it takes its value from, or ``""``.
        version: Version of that secret, as written.
    """

    item: Item
    path: str
    name: str
    value: str | None
    secret: str
    version: str

    def finding(self, found: Any, expected: Any, evidence: str) -> Finding:
        """Return a finding about this variable."""
        return self.item.finding(self.path, found, expected, evidence)


def workloads(estate: Estate) -> Iterator[Workload]:
    """Yield every service and job that was seen."""
    for kind, path in (("run.services", "template"), ("run.jobs", "template.template")):
        for item in estate.all(kind):
            yield Workload(item, path, item.get(path, {}))


def variables(workload: Workload) -> Iterator[Variable]:
    """Yield the environment variables of all containers."""
    for path, container in workload.containers:
        for entry in container.get("env", ()):
            name = str(entry.get("name", ""))
            reference = entry.get("valueSource", {}).get("secretKeyRef", {})
            plain = None if reference else str(entry.get("value", ""))
            yield Variable(
                workload.item, f"{path}.env.{name}", name, plain,
                str(reference.get("secret", "")), str(reference.get("version", "")),
            )  # fmt: skip
