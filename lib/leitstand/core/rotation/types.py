"""What was observed of a secret and of those that read it, as plain values.

Names of secrets are short, versions are numbers; times are timezone-aware and UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leitstand.core.job import JobState
from leitstand.core.secrets_read import secrets_read
from leitstand.core.service import ServiceState

__all__ = [
    "JobReader",
    "Login",
    "Pins",
    "Revision",
    "SecretState",
    "ServiceReader",
    "Version",
    "pins_of",
]

Pins = Mapping[str, frozenset[str]]
"""Versions by secret, as they are written: a number, ``latest`` or an alias."""


@dataclass(frozen=True)
class Version:
    """A version of a secret; ``state`` is ``ENABLED``, ``DISABLED`` or ``DESTROYED``."""

    number: int
    state: str
    created: datetime

    @property
    def enabled(self) -> bool:
        """Whether its value can be read."""
        return self.state == "ENABLED"


@dataclass(frozen=True)
class SecretState:
    """A secret without any value.

    Attributes:
        name: Short name.
        versions: Newest first.
        period: Seconds after which it is to be rotated; None where nothing is said.
        next_rotation: When Secret Manager reminds of it next; None without a reminder.
    """

    name: str
    versions: tuple[Version, ...]
    period: float | None = None
    next_rotation: datetime | None = None

    @property
    def enabled(self) -> tuple[Version, ...]:
        """The versions that can be read, newest first."""
        return tuple(version for version in self.versions if version.enabled)

    @property
    def newest(self) -> int:
        """Number of the newest version in any state, 0 without one."""
        return max((version.number for version in self.versions), default=0)


@dataclass(frozen=True)
class Revision:
    """A revision of a service.

    Attributes:
        digest: Of its image.
        percent: Its share of the traffic.
        pins: Which versions of which secrets it reads.
    """

    name: str
    ready: bool
    digest: str
    created: datetime
    percent: int
    tags: tuple[str, ...]
    pins: Pins


@dataclass(frozen=True)
class ServiceReader:
    """A service that reads a secret.

    Attributes:
        state: The service now.
        revisions: Its revisions, newest first.
        template: Of the revision that serves, as JSON values of the API.
        single: Whether there must never be two instances at once.
        paths: Pages that answer 200 now.
    """

    state: ServiceState
    revisions: tuple[Revision, ...]
    template: Mapping[str, Any]
    single: bool = False
    paths: tuple[str, ...] = ()

    @property
    def serving(self) -> Revision:
        """The revision with the most traffic."""
        return max(self.revisions, key=lambda revision: revision.percent)


@dataclass(frozen=True)
class JobReader:
    """A job that reads a secret."""

    state: JobState
    pins: Pins


@dataclass(frozen=True)
class Login:
    """The database role whose password a secret holds.

    Attributes:
        instance: Full name of the Cloud SQL instance that is in use.
        role: The role that owns what the application has.
        url: Secret whose versions hold the whole address.
        by_version: Which role each enabled version of ``url`` logs in as.
    """

    instance: str
    role: str
    url: str
    by_version: Mapping[int, str] = field(default_factory=dict)

    @property
    def pair(self) -> tuple[str, str]:
        """The two roles that take turns: the owning one, and one that works as it."""
        return self.role, f"{self.role}_b"


def pins_of(template: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the versions that a template's containers read, by short name of the secret.

    They read them in environment variables and in volumes.
    """
    found: dict[str, set[str]] = {}
    for secret, version in secrets_read(template):
        found.setdefault(secret, set()).add(version)
    return {secret: frozenset(versions) for secret, versions in found.items()}
