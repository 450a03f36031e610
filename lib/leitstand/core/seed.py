"""What the sandbox starts with, derived from the sandbox's environment file."""

from typing import Any

from leitstand.core.environment import Environment

__all__ = ["desired_template", "sandbox_seed"]

_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


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
        "jobs": _jobs(environment),
        "first_executions": _first_executions(environment),
        "sql": _sql(environment),
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


def _jobs(environment: Environment) -> list[dict[str, Any]]:
    """Return the migrate job with the image that runs first, where there is a database."""
    database, sandbox = environment.database, environment.sandbox
    if database is None or sandbox is None or not sandbox.services:
        return []
    first = sandbox.services[0]
    job = environment.jobs["migrate"]
    url = {"secret_key_ref": {"secret": database.url_secret, "version": "1"}}
    container = {
        "image": f"{environment.artifact_registry.repository}/{first.image}",
        "command": ["python", "manage.py"],
        "args": ["migrate"],
        "env": [{"name": "DATABASE_URL", "value_source": url}],
    }
    task = {"timeout": job.timeout, "max_retries": job.max_retries, "containers": [container]}
    return [
        {"name": environment.job_name("migrate"), "template": {"task_count": 1, "template": task}}
    ]


def _first_executions(environment: Environment) -> list[dict[str, Any]]:
    """Return what the migrate job does before anything serves: the schema, and sample rows."""
    sandbox = environment.sandbox
    if environment.database is None or sandbox is None:
        return []
    name = environment.job_name("migrate")
    sample = ["load_sample", "--tenants", "2", "--documents", str(sandbox.sample_documents)]
    return [{"job": name, "args": ["migrate"]}, {"job": name, "args": sample}]


def _sql(environment: Environment) -> list[dict[str, Any]]:
    """Return the database instance with its users; their passwords are the sandbox's secrets."""
    database, wanted = environment.database, environment.cloud_sql
    if database is None:
        return []
    backup = wanted.backup_configuration
    settings = {
        "tier": "db-custom-2-8192",
        "ip_configuration": {"ipv4_enabled": wanted.ipv4_enabled},
        "backup_configuration": {
            "enabled": backup.enabled,
            "point_in_time_recovery_enabled": backup.point_in_time_recovery_enabled,
            "transaction_log_retention_days": backup.transaction_log_retention_days,
            "backup_retention_settings": {"retained_backups": backup.retained_backups},
        },
        "maintenance_window": {
            "day": _WEEKDAYS.index(wanted.maintenance_window.day) + 1,
            "hour": wanted.maintenance_window.hour,
        },
        "deletion_protection_enabled": True,
    }
    users = [
        _user(environment, role, database.url_secret, f"{database.url_secret}-{role}-password")
        for role in database.roles[:1]
    ]
    users.append(
        _user(
            environment, "postgres", database.administrator_url_secret,
            f"{database.administrator_url_secret}-password",
            # Whoever fences a database and rescues its rows acts for the role that owns them.
            database.roles[:1],
        )
    )  # fmt: skip
    return [
        {
            "instance": {"name": database.instance, "settings": settings},
            "databases": list(wanted.databases),
            "users": users,
        }
    ]


def _user(
    environment: Environment, name: str, url: str, password: str, member_of: list[str] | None = None
) -> dict[str, Any]:
    assert environment.database is not None
    project = f"projects/{environment.project}/secrets"
    return {
        "name": name,
        "member_of": member_of or [],
        "password_secret": f"{project}/{password}/versions/1",
        "url_secret": f"{project}/{url}/versions/1",
        "database": environment.database.name,
    }


def _secrets(environment: Environment) -> list[dict[str, Any]]:
    """Return every secret that a service reads, with as many versions as the highest pinned."""
    versions: dict[str, int] = {}
    for service in environment.services.values():
        for variable in service.template.containers[0].env:
            if variable.value_source is not None:
                key = variable.value_source.secret_key_ref
                versions[key.secret] = max(versions.get(key.secret, 0), int(key.version))
    for instance in _sql(environment):
        for user in instance["users"]:
            for reference in (user["password_secret"], user["url_secret"]):
                versions.setdefault(reference.split("/")[3], 1)
    return [
        {"name": f"projects/{environment.project}/secrets/{secret}", "versions": count}
        for secret, count in sorted(versions.items())
    ]


def _repository(environment: Environment) -> str:
    host, project, repository = environment.artifact_registry.repository.split("/")
    location = host.removesuffix("-docker.pkg.dev")
    return f"projects/{project}/locations/{location}/repositories/{repository}"
