"""All that a rotation is decided on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from leitstand.core.rotation.due import is_due
from leitstand.core.rotation.needs import Need, adopted, needs_of
from leitstand.core.rotation.recipes import Recipe
from leitstand.core.rotation.types import JobReader, Login, SecretState, ServiceReader, Version

__all__ = ["Situation", "Spare"]


@dataclass(frozen=True)
class Spare:
    """What of a secret's past can go.

    Attributes:
        versions: By secret, versions that nobody needs, ascending.
        logins: Database roles that nobody logs in as any more.
    """

    versions: Mapping[str, tuple[int, ...]]
    logins: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(self.versions.values())


@dataclass(frozen=True)
class Situation:
    """What was observed of one rotation.

    Attributes:
        recipe: How the secret gets a new value.
        source: ``generated`` or ``pending``.
        secrets: By short name: all that the recipe names.
        services: All that read one of them, or have revisions that do.
        jobs: The same.
        file: By secret, the versions that the environment file pins, by place.
        keep: How long any revision may be rolled back to after the next one came.
        now: When it was observed, UTC.
        login: The database role, where the secret holds its password.
        auth_changed: Whether the AUTH string differs from the one in the newest version.
        problem: What kept a value from being read; empty otherwise.
    """

    recipe: Recipe
    source: str
    secrets: Mapping[str, SecretState]
    services: tuple[ServiceReader, ...]
    jobs: tuple[JobReader, ...]
    file: Mapping[str, Mapping[str, frozenset[str]]]
    keep: timedelta
    now: datetime
    login: Login | None = None
    auth_changed: bool = False
    problem: str = ""

    def current(self, secret: str) -> int:
        """Return the version that is in use: the newest that is served with, 0 without one.

        Where no service and no job pins one, it is the newest that can be read.
        """
        pins = [service.serving.pins.get(secret, frozenset()) for service in self.services]
        pins += [job.pins.get(secret, frozenset()) for job in self.jobs]
        numbers = [int(version) for found in pins for version in found if version.isdecimal()]
        enabled = self.secrets[secret].enabled
        return max(numbers, default=enabled[0].number if enabled else 0)

    @property
    def disabled_in_use(self) -> Mapping[str, int]:
        """By secret, the version in use where somebody has disabled it; its value is still kept."""
        found = {}
        for name in self.recipe.read:
            current = self.current(name)
            states = {version.number: version.state for version in self.secrets[name].versions}
            if states.get(current) == "DISABLED":
                found[name] = current
        return found

    @property
    def pending(self) -> int:
        """The newest version that can be read and that nobody uses yet, 0 without one."""
        root = self.recipe.root
        enabled = self.secrets[root].enabled
        pinned = any(root in r.pins for s in self.services for r in s.revisions)
        pinned = pinned or any(root in job.pins for job in self.jobs)
        newest = enabled[0].number if enabled and pinned else 0
        return newest if newest > self.current(root) else 0

    @property
    def new_versions(self) -> dict[str, int]:
        """By secret, the number of the version that the services move to."""
        if self.source == "pending":
            return {self.recipe.root: self.pending}
        return {name: self.secrets[name].newest + 1 for name in self.recipe.secrets}

    @property
    def new_login(self) -> str:
        """The database role that the new address logs in as; empty without a database."""
        if self.login is None:
            return ""
        role, other = self.login.pair
        return other if self.login.by_version.get(self.current(self.login.url)) == role else role

    @property
    def needs(self) -> tuple[Need, ...]:
        """Everything that needs an enabled version of what services read."""
        return tuple(
            need
            for secret in self.recipe.read
            for need in needs_of(
                secret, self.services, self.jobs, self.file.get(secret, {}),
                keep=self.keep, now=self.now,
            )
        )  # fmt: skip

    @property
    def due(self) -> bool:
        """Whether the rotation period of one of the secrets has passed."""
        return any(is_due(secret, self.now) for secret in self.secrets.values())

    @property
    def old_needs(self) -> tuple[Need, ...]:
        """The needs of versions that came before those in use and can still be read."""
        old = {name: set(self._old(name)) for name in self.recipe.read}
        return tuple(need for need in self.needs if need.version in old[need.secret])

    def unfinished(self) -> bool:
        """Return whether an older version can still be read: the last rotation is not over."""
        return any(self._old(name) for name in self.recipe.read)

    def spare(self) -> Spare:
        """Return what nobody needs any more, of the versions before those in use."""
        needed = {(need.secret, need.version) for need in self.needs}
        found = {
            name: tuple(v for v in self._old(name) if (name, v) not in needed)
            for name in self.recipe.read
        }
        if self.recipe.composed and all(found[n] == self._old(n) for n in self.recipe.read):
            found[self.recipe.root] = self._old(self.recipe.root)
        return Spare({name: versions for name, versions in found.items() if versions},
                     self._closed(found))  # fmt: skip

    def after_adoption(self, revisions: Mapping[str, str]) -> "Situation":
        """Return the situation as it will be once all services and jobs read the new versions.

        Args:
            revisions: By full name of a service, its new revision.
        """
        new = self.new_versions
        secrets = {
            name: replace(
                state, versions=(Version(new[name], "ENABLED", self.now), *state.versions)
            )
            if name in new and new[name] > state.newest
            else state
            for name, state in self.secrets.items()
        }
        services = tuple(
            adopted(service, new, revisions[service.state.name], self.now)
            if service.state.name in revisions
            else service
            for service in self.services
        )
        jobs = tuple(
            replace(job, pins={s: frozenset({str(new.get(s, ""))}) if s in new else v
                               for s, v in job.pins.items()})
            for job in self.jobs
        )  # fmt: skip
        login = self.login
        if login is not None and login.url in new:
            known = {**login.by_version, new[login.url]: self.new_login}
            login = replace(login, by_version=known)
        return replace(self, secrets=secrets, services=services, jobs=jobs, login=login)

    def _old(self, secret: str) -> tuple[int, ...]:
        current = self.current(secret)
        return tuple(sorted(v.number for v in self.secrets[secret].enabled if v.number < current))

    def _closed(self, going: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
        if self.login is None:
            return ()
        gone = set(going.get(self.login.url, ()))
        logins = self.login.by_version
        left = {login for version, login in logins.items() if version not in gone}
        return tuple(sorted({logins[v] for v in gone if v in logins} - left))
