"""Versions of secrets and who logs in with them: read in an environment, made in a sandbox.

No value goes from one to the other: of an address only the role is kept that it logs in as, and
the sandbox puts its own addresses together.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from leitstand.cloud.errors import CloudRefused, NotFound
from leitstand.cloud.secret_readers import SecretReaders
from leitstand.cloud.secrets import Secrets
from leitstand.core.plan import Action
from leitstand.core.predictions.world import World
from leitstand.core.rotation.recipes import recipe_for
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.login_handlers import login_handlers
from leitstand.execution.provisioning import Observed
from leitstand.execution.secret_values import Values
from leitstand.notebook.rotate_secret_observer import Observer

if TYPE_CHECKING:
    from leitstand.cloud.connection import Connection

__all__ = [
    "add_versions",
    "made_at",
    "other_readers",
    "read_logins",
    "read_versions",
    "set_versions",
]

_SECONDS = 60.0
"""So long the change of a database's user in the sandbox may take."""

States = dict[str, dict[int, str]]
Times = dict[str, dict[int, datetime]]
Noted = Callable[[str], AbstractContextManager[None]]
"""Gives a block whose errors become sentences about what is not like the environment."""


def read_versions(
    connection: "Connection", observed: Observed, unread: list[str]
) -> tuple[States, Times]:
    """Return states and times of all versions, by short name of the secret; read-only."""
    secrets = Secrets(connection)
    states: States = {}
    times: Times = {}
    for resource in observed.resources:
        if resource.kind.name != "secretmanager.secrets":
            continue
        try:
            versions = secrets.secret(resource.name).versions
        except NotFound:
            continue
        except CloudRefused as error:
            unread.append(f"Secret {resource.id}: {error.message}")
            continue
        states[resource.id] = {version.number: version.state for version in versions}
        times[resource.id] = {version.number: version.created for version in versions}
    return states, times


def read_logins(connection: "Connection", secret: str) -> dict[str, dict[int, str]]:
    """Return which database role each enabled version of a secret's address logs in as.

    Empty where no address is rotated together with the secret, or where it is missing. Reads
    addresses, read-only.

    Raises:
        UnknownSecret: the environment file has no such secret.
    """
    observer = Observer(connection)
    recipe = observer.recipe(secret)
    try:
        states = {url: observer.secrets.secret(observer.full_name(url)) for url in recipe.composed}
    except NotFound:
        return {}
    login = observer.login(recipe, states)
    return {} if login is None else {login.url: dict(login.by_version)}


def other_readers(connection: "Connection", secret: str) -> tuple[str, ...]:
    """Return who reads a secret and is in no environment file, as German sentences; read-only."""
    environment = connection.environment
    names = recipe_for(secret, environment.resources, environment.initial).secrets
    readers = SecretReaders(connection)
    services = {reader.state.short_name for reader in readers.services(names)}
    jobs = {reader.state.short_name for reader in readers.jobs(names)}
    found = [f"Dienst {name}" for name in sorted(services - set(environment.services))]
    found += [f"Job {name}" for name in sorted(jobs - set(environment.jobs))]
    return tuple(
        f"{one}: liest das Secret, steht aber nicht in der Umgebungsdatei." for one in found
    )


def add_versions(connection: "Connection", world: World, noted: Noted) -> None:
    """Give every secret of a sandbox as many versions as it has there, of the sandbox's values."""
    environment, secrets = connection.environment, Secrets(connection)
    addresses = _addresses(connection, world, noted)
    for name, versions in world.secrets.items():
        secret = f"projects/{environment.project}/secrets/{name}"
        with noted(f"Secret {name}"):
            newest = secrets.newest_version(secret)
            if newest and newest < max(versions, default=0):
                value = secrets.value(secret, str(secrets.newest_enabled(secret)))
                roles = world.logins.get(name, {})
                for number in range(newest + 1, max(versions) + 1):
                    role = roles.get(number, "")
                    secrets.add_version(secret, addresses.get((name, role), value))


def set_versions(connection: "Connection", world: World, noted: Noted) -> None:
    """Disable the versions of a sandbox's secrets that are disabled or destroyed there."""
    secrets = Secrets(connection)
    for name, versions in world.secrets.items():
        secret = f"projects/{connection.environment.project}/secrets/{name}"
        with noted(f"Secret {name}"):
            states = {v.number: v.state for v in secrets.secret(secret).versions}
            for number, state in versions.items():
                if state != "ENABLED" and states.get(number) == "ENABLED":
                    secrets.set_state(secret, number, enabled=False)


def made_at(connection: "Connection", world: World) -> dict[str, str]:
    """Return when revisions and versions were made there, by their full names in a sandbox."""
    environment = connection.environment
    found = {
        f"{environment.service_name(name)}/revisions/{revision.name}": revision.created
        for name, service in world.services.items()
        for revision in service.revisions
    }
    for secret, times in world.created.items():
        name = f"projects/{environment.project}/secrets/{secret}/versions"
        found |= {f"{name}/{number}": at for number, at in times.items()}
    return {name: at.isoformat() for name, at in found.items() if at is not None}


def _addresses(connection: "Connection", world: World, noted: Noted) -> dict[tuple[str, str], str]:
    """Make the second database role where it is in use there; return addresses by secret and role.

    Both roles have the password of the sandbox's first version until one of them is rotated.
    """
    environment = connection.environment
    values, found = Values(connection), {}
    handler = login_handlers(connection, values, deadline=_SECONDS)["secret_login"]
    for url, logins in world.logins.items():
        recipe = recipe_for(url, environment.resources, environment.initial)
        instance, _, role = recipe.user.partition("/")
        for login in sorted(set(logins.values()) & {f"{role}_b"}):
            with noted(f"Datenbankrolle {login}"):
                password, address = f"{recipe.root}/1", f"{url}/1"
                target = DatabaseAccess(connection).instance_name(instance)
                arguments = {"login": login, "role": role, "password": password, "url": address}
                action = Action("login", "secret_login", target, arguments)
                handler.finish(action, handler.start(action, ""), lambda _: None)
                found[url, login] = values.login_url(address, login, password)
    return found
