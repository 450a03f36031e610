"""What a seed leaves open: image digests, annotations, and what jobs do before anything serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.cloud import run_v2, secretmanager_v1
from google.longrunning import operations_pb2

from leitstand.sandbox.errors import failed_precondition
from leitstand.sandbox.jobs import Jobs
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.registry import Registry
from leitstand.sandbox.store import Store

__all__ = ["annotated", "by_digest", "projects", "run_first", "setter"]

_SECONDS = 60


def by_digest(revision: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return a recorded revision with its images by digest, as a deployment leaves them.

    Raises:
        UnknownImage: The registry has no such image.
    """
    containers = [
        {**container, "image": registry.resolve(container["image"]).by_digest}
        for container in revision["containers"]
    ]
    return {**revision, "containers": containers}


def annotated(service: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return a service whose template carries its image's annotations, as a release leaves it.

    Raises:
        UnknownImage: The registry has no such image.
    """
    template = dict(service["template"])
    image = registry.resolve(template["containers"][0]["image"])
    template["annotations"] = {**image.annotations, **template.get("annotations", {})}
    return {**service, "template": template}


def projects(seed: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the projects that exist; "-" stands for all of them."""
    named = {str(seed["project"]), str(seed.get("staging_project", ""))}
    return frozenset(named - {""}) | {"-"}


def setter(store: Store) -> Callable[[str, bytes], None]:
    """What replaces the value of a secret version, by its full name."""
    payloads = store.table("secret_payloads", secretmanager_v1.SecretPayload)

    def set_secret(name: str, value: bytes) -> None:
        payloads[name] = secretmanager_v1.SecretPayload(data=value)

    return set_secret


async def run_first(
    listed: Iterable[Mapping[str, Any]], jobs: Jobs, operations: Operations
) -> None:
    """Execute jobs one after the other: each `{"job": full name, "args": [...]}`.

    Raises:
        ApiError: FAILED_PRECONDITION, one of them failed.
    """
    for item in listed:
        override = run_v2.RunJobRequest.Overrides.ContainerOverride(args=item["args"])
        overrides = run_v2.RunJobRequest.Overrides(container_overrides=[override])
        started = await jobs.run(run_v2.RunJobRequest(name=item["job"], overrides=overrides))
        request = operations_pb2.WaitOperationRequest(name=started.name)
        request.timeout.seconds = _SECONDS
        done = await operations.wait(request)
        if not done.done or done.HasField("error"):
            raise failed_precondition(f"{item['job']} {item['args']}: {done.error.message}")
