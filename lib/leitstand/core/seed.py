"""What the sandbox starts with, derived from the sandbox's environment file."""

from typing import Any

from leitstand.core.environment import Environment

__all__ = ["desired_template", "sandbox_seed"]


def desired_template(environment: Environment, service: str) -> dict[str, Any]:
    """Return the revision template of a service as JSON values of the Cloud Run API.

    The image is left out: a release decides it.
    """
    template = environment.services[service].template
    data = template.model_dump(mode="json", exclude_none=True)
    for container in data["containers"]:
        if not container["env"]:
            del container["env"]
    return data


def sandbox_seed(environment: Environment) -> dict[str, Any]:
    """Return the sandbox's initial resources, as JSON values in the API's field names.

    Raises:
        ValueError: the environment is not the sandbox.
    """
    sandbox = environment.sandbox
    if sandbox is None:
        raise ValueError(f"{environment.name} is not the sandbox")
    reference = environment.release.reference
    staging = reference.project if reference else f"{environment.project}-staging"
    services = [
        {
            "name": environment.service_name(entry.service),
            "ingress": environment.services[entry.service].ingress,
            "scaling": environment.services[entry.service].scaling.model_dump(mode="json"),
            "template": {
                **_with_image(environment, entry.service, entry.image),
                "revision": f"{entry.service}-00001-start",
            },
        }
        for entry in sandbox.services
    ]
    revisions = [
        {
            "name": f"projects/{staging}/locations/{environment.region}/services/{entry.service}"
            f"/revisions/{entry.service}-{number:05d}-staging",
            "containers": _with_image(environment, entry.service, entry.image)["containers"],
        }
        for number, entry in enumerate(sandbox.staging_revisions, start=1)
    ]
    return {
        "project": environment.project,
        "location": environment.region,
        "staging_project": staging,
        "services": services,
        "revisions": revisions,
        "secrets": _secrets(environment),
        "repositories": [{"name": _repository(environment)}],
        "load_balancer": {
            "domain": environment.load_balancer.domain,
            "service": environment.service_name(environment.load_balancer.service),
        },
        "start_timeout": sandbox.start_timeout,
    }


def _with_image(environment: Environment, service: str, image: str) -> dict[str, Any]:
    template = desired_template(environment, service)
    template["containers"][0]["image"] = f"{environment.artifact_registry.repository}/{image}"
    return template


def _secrets(environment: Environment) -> list[dict[str, Any]]:
    """Return every secret that a service reads, with as many versions as the highest pinned."""
    versions: dict[str, int] = {}
    for service in environment.services.values():
        for variable in service.template.containers[0].env:
            if variable.value_source is not None:
                key = variable.value_source.secret_key_ref
                versions[key.secret] = max(versions.get(key.secret, 0), int(key.version))
    return [
        {"name": f"projects/{environment.project}/secrets/{secret}", "versions": count}
        for secret, count in sorted(versions.items())
    ]


def _repository(environment: Environment) -> str:
    host, project, repository = environment.artifact_registry.repository.split("/")
    location = host.removesuffix("-docker.pkg.dev")
    return f"projects/{project}/locations/{location}/repositories/{repository}"
