"""The resources that an environment file asks for, as it writes them.

Most stand under ``resources``; services, jobs, the repository of images and who may read which
secret follow from the sections that other runbooks use as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from leitstand.core.environment import Environment
from leitstand.core.schema import MAXIMUM, MINIMUM

__all__ = ["Wanted", "wanted"]

_ACCESSOR = "roles/secretmanager.secretAccessor"
_VIEWER = "roles/secretmanager.viewer"
_OF_TASK = ("timeout", "max_retries", "service_account", "vpc_access")
_OF_CONTAINER = ("command", "args", "env", "resources")


@dataclass(frozen=True)
class Wanted:
    """One resource as the environment file writes it: keys in snake case, names in ``${…}``.

    Attributes:
        kind: Name of its kind.
        id: Its id within the kind.
        body: The stated fields.
        initial: What only a creation sends.
        project: Id of its project, where that is not the environment's.
        region: Its region, where that is not the environment's.
    """

    kind: str
    id: str
    body: Mapping[str, Any]
    initial: Mapping[str, Any] = field(default_factory=dict)
    project: str = ""
    region: str = ""


def wanted(environment: Environment) -> tuple[Wanted, ...]:
    """Return every resource that the environment file asks for."""
    return (
        *_listed(environment),
        *_repository(environment),
        *_services(environment),
        *_jobs(environment),
        *_accessors(environment),
    )


def _listed(environment: Environment) -> Iterator[Wanted]:
    for kind, entries in environment.resources.items():
        for name, body in entries.items():
            if body is not None:  # an overlay takes a resource out by giving it no body
                initial = (environment.initial.get(kind) or {}).get(name) or {}
                yield Wanted(kind, name, _stated(body), _stated(initial))


def _stated(body: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the fields that an overlay takes out by giving them no value."""
    return {
        key: _stated(value) if isinstance(value, Mapping) else value
        for key, value in body.items()
        if value is not None
    }


def _repository(environment: Environment) -> Iterator[Wanted]:
    host, project, name = environment.artifact_registry.repository.split("/")
    yield Wanted(
        "artifactregistry.repositories",
        name,
        {"format": "DOCKER", "mode": "STANDARD_REPOSITORY"},
        project=project,
        region=host.removesuffix("-docker.pkg.dev"),
    )


def _services(environment: Environment) -> Iterator[Wanted]:
    for name, service in environment.services.items():
        body = service.model_dump(mode="json", exclude_none=True, exclude={"manual_scaling_signal"})
        _without_empty_lists(body["template"])
        template: dict[str, Any] = {"revision": f"{name}-00001-start"}
        image = environment.first_images.get(name)
        if image is not None:
            reference = f"{environment.artifact_registry.repository}/{image}"
            template["containers"] = [{"image": f"${{image:{reference}}}"}]
            if _reads_database(environment, body["template"]):
                template["annotations"] = {
                    key: f"${{image:{reference}#{key}}}" for key in (MINIMUM, MAXIMUM)
                }
        yield Wanted("run.services", name, body, {"template": template})


def _jobs(environment: Environment) -> Iterator[Wanted]:
    for name, job in environment.jobs.items():
        data = job.model_dump(mode="json", exclude_none=True)
        task = {key: data[key] for key in _OF_TASK if key in data}
        task["containers"] = [{key: data[key] for key in _OF_CONTAINER if key in data}]
        _without_empty_lists(task)
        initial: dict[str, Any] = {}
        if name in environment.first_images:
            image = f"{environment.artifact_registry.repository}/{environment.first_images[name]}"
            initial = {"template": {"template": {"containers": [{"image": f"${{image:{image}}}"}]}}}
        body = {"template": {"task_count": job.task_count, "template": task}}
        yield Wanted("run.jobs", name, body, initial)


def _accessors(environment: Environment) -> Iterator[Wanted]:
    """Yield who may read a secret: the accounts of the services and jobs that refer to it.

    A program that asks for secrets by itself finds out which version is the newest: it sees all.
    """
    members: dict[str, set[str]] = {}
    viewers: dict[str, set[str]] = {}
    for job in environment.jobs.values():
        for secret in job.reads if job.service_account else ():
            for found in (members, viewers):
                found.setdefault(secret, set()).add(f"serviceAccount:{job.service_account}")
    for entry in (*_services(environment), *_jobs(environment)):
        template = entry.body["template"]
        template = template.get("template", template)
        account = template.get("service_account")
        for variable in template["containers"][0].get("env", ()):
            source = variable.get("value_source")
            if account and source:
                secret = source["secret_key_ref"]["secret"]
                members.setdefault(secret, set()).add(f"serviceAccount:{account}")
    listed = environment.resources.get("secretmanager.secrets", {})
    for secret in sorted(members):
        if listed.get(secret) is not None:
            bindings = [
                {"role": role, "members": sorted(found[secret])}
                for role, found in ((_ACCESSOR, members), (_VIEWER, viewers))
                if secret in found
            ]
            yield Wanted("secretmanager.policy", secret, {"bindings": bindings})


def _reads_database(environment: Environment, template: Mapping[str, Any]) -> bool:
    database = environment.database
    return database is not None and any(
        variable.get("value_source", {}).get("secret_key_ref", {}).get("secret")
        == database.url_secret
        for variable in template["containers"][0].get("env", ())
    )


def _without_empty_lists(template: dict[str, Any]) -> None:
    """Leave out lists that say nothing: an empty list would be a wish."""
    places = [template, *template.get("containers", ())]
    if "vpc_access" in template:
        places.append(template["vpc_access"])
    for place in places:
        for key in [key for key, value in place.items() if value == []]:
            del place[key]
