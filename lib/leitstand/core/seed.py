"""What exists around the sandbox before anything is provisioned in it."""

from typing import Any

from leitstand.core.environment import Environment

__all__ = ["sandbox_seed"]


def sandbox_seed(environment: Environment) -> dict[str, Any]:
    """Return what an empty sandbox starts with, as JSON values in the API's field names.

    The project itself is empty.
    Around it there is what a new production finds: the repository that staging shares with it,
    with the images that the pipeline has pushed, and the revisions that have run on staging.

    Raises:
        ValueError: the environment is not the sandbox.
    """
    sandbox = environment.sandbox
    if sandbox is None:
        raise ValueError(f"{environment.name} is not the sandbox")
    reference = environment.release.reference
    staging = reference.project if reference else f"{environment.project}-staging"
    repository = environment.artifact_registry.repository
    revisions = [
        {
            "name": f"projects/{staging}/locations/{environment.region}/services/{entry.service}"
            f"/revisions/{entry.service}-{number:05d}-staging",
            "containers": [{"image": f"{repository}/{entry.image}"}],
        }
        for number, entry in enumerate(sandbox.staging_revisions, start=1)
    ]
    stand_ins = [image.model_dump() for image in sandbox.stand_ins]
    return {
        "project": environment.project,
        "location": environment.region,
        "staging_project": staging,
        "revisions": revisions,
        "repositories": [{"name": _repository(repository)}],
        "start_timeout": sandbox.start_timeout,
        "apis_disabled": True,
        **({"images": stand_ins} if stand_ins else {}),
    }


def _repository(path: str) -> str:
    host, project, repository = path.split("/")
    location = host.removesuffix("-docker.pkg.dev")
    return f"projects/{project}/locations/{location}/repositories/{repository}"
