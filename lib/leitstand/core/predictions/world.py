"""What the control plane of an environment looks like, as far as a rehearsal copies it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from leitstand.core.names import short_name
from leitstand.core.predictions.plans import differing, digest
from leitstand.core.predictions.structure import Structure
from leitstand.core.predictions.words import Words
from leitstand.core.service import digest_of
from leitstand.core.traffic import Split

__all__ = [
    "Change",
    "ImageSeen",
    "RevisionSeen",
    "ServiceSeen",
    "World",
    "changes",
    "image_place",
    "to_be_made",
]

_OLDER = 3
"""So many ready revisions before the oldest one with traffic are made again: ways back."""


@dataclass(frozen=True)
class ImageSeen:
    """An image in the environment's registry.

    Attributes:
        package: Its name within the repository.
        tag: One of its tags; the beginning of its digest where it has none.
        digest: ``sha256:…``.
        signed: Whether a signature lies beside it.
    """

    package: str
    tag: str
    digest: str
    signed: bool

    @property
    def reference(self) -> str:
        """``package:tag``."""
        return f"{self.package}:{self.tag}"


@dataclass(frozen=True)
class RevisionSeen:
    """A revision.

    Attributes:
        name: Short name.
        image: Of its container, by digest.
        ready: Whether it can serve.
        template: What another one like it is made from, as JSON values of the API.
        created: When it was made; None where that is not known.
    """

    name: str
    image: str
    ready: bool
    template: Mapping[str, Any] = field(default_factory=dict)
    created: datetime | None = None


@dataclass(frozen=True)
class ServiceSeen:
    """A service.

    Attributes:
        name: Short name.
        revisions: All of them, oldest first.
        traffic: The split that was asked for.
        latest: Short name of the latest ready revision.
        scaling: The service's own scaling, as JSON values of the API.
        template: What its next revision is made from, as JSON values of the API.
        kept_since: A revision counts as a way back if the next ready one came later than that;
            None where that does not count.
    """

    name: str
    revisions: tuple[RevisionSeen, ...]
    traffic: Split
    latest: str
    scaling: Mapping[str, Any] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)
    kept_since: datetime | None = None

    @property
    def pinned(self) -> Split:
        """The split with the latest ready revision by its name."""
        return self.traffic.pinned(self.latest)

    def summary(self) -> dict[str, Any]:
        """Return what of it a comparison shows, as JSON values."""
        made = {revision.name for revision in to_be_made(self)}
        return {
            "traffic": dict(sorted(self.pinned.serving().items())),
            "tags": dict(sorted(self.pinned.tags().items())),
            "revisions": {r.name: r.image for r in self.revisions if r.name in made},
            "scaling": dict(self.scaling),
        }


@dataclass(frozen=True)
class World:
    """The control plane of an environment, without any value of a secret and without data.

    Attributes:
        services: By short name.
        jobs: Image by short name of the job.
        secrets: By short name: state by number of the version.
        departures: What is not as the environment file says, by ``kind/id``: by dotted path what
            is there; None where the resource is missing.
        schema_version: Newest migration of the application's database; None where it was not read.
        unread: What could not be read, as German sentences.
        created: When versions of secrets were made, by number and by short name of the secret.
        logins: Which database role the enabled versions of a secret log in as, where that counts.
        structure: Of the application's database, where that counts.
    """

    services: Mapping[str, ServiceSeen]
    jobs: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    departures: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    schema_version: int | None = None
    unread: tuple[str, ...] = ()
    created: Mapping[str, Mapping[int, datetime]] = field(default_factory=dict)
    logins: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    structure: Structure | None = None

    def summary(self, words: Words) -> dict[str, Any]:
        """Return the world as JSON values without the environment's names, to be compared.

        Templates are left out, and of what runs on Cloud Run only digests are kept: variables
        could hold what nobody else should read.
        """
        data: dict[str, Any] = {
            "services": {name: seen.summary() for name, seen in sorted(self.services.items())},
            "jobs": dict(sorted(self.jobs.items())),
            "secrets": {
                name: {str(number): state for number, state in sorted(versions.items())}
                for name, versions in sorted(self.secrets.items())
            },
            "resources": {
                key: _resource(key, fields) for key, fields in sorted(self.departures.items())
            },
            "schema_version": self.schema_version,
        }
        if self.logins:
            data["logins"] = {
                name: {str(number): role for number, role in sorted(versions.items())}
                for name, versions in sorted(self.logins.items())
            }
        if self.structure is not None:
            data["structure"] = self.structure.summary()
        plain: dict[str, Any] = words.plain(data)
        return plain


@dataclass(frozen=True)
class Change:
    """One place at which two summaries of a world differ."""

    path: str
    before: Any
    now: Any


def changes(
    before: Mapping[str, Any], now: Mapping[str, Any], part: str = ""
) -> tuple[Change, ...]:
    """Return where two summaries of a world differ.

    Args:
        before: The earlier one.
        now: The later one.
        part: Only what lies below this key.
    """
    one, other = (before.get(part), now.get(part)) if part else (before, now)
    return tuple(Change(*place) for place in differing(one, other, part))


def to_be_made(service: ServiceSeen) -> tuple[RevisionSeen, ...]:
    """Return the revisions that a rehearsal needs, oldest first.

    Those with traffic or a tag, all ready ones that are newer, and a few before. Then all that may
    be rolled back to: before each one in use the newest ready one with another image, and what was
    replaced after ``kept_since`` (see ``leitstand.core.rotation.needs``).
    """
    split = service.pinned
    used = {*split.serving(), *split.tags().values()}
    positions = [at for at, revision in enumerate(service.revisions) if revision.name in used]
    first = min(positions, default=0)
    ready = [at for at, revision in enumerate(service.revisions) if revision.ready]
    older = [at for at in ready if at < first][-_OLDER:]
    newer = [at for at in ready if at >= first]
    goals = [goal for at in positions if (goal := _goal(service.revisions, at)) is not None]
    kept = {*positions, *older, *newer, *goals, *_kept(service, ready)}
    return tuple(service.revisions[at] for at in sorted(kept))


def _goal(revisions: Sequence[RevisionSeen], position: int) -> int | None:
    """Return where the newest ready revision before one lies that has another image."""
    image = digest_of(revisions[position].image)
    older = range(position - 1, -1, -1)
    return next(
        (at for at in older if revisions[at].ready and digest_of(revisions[at].image) != image),
        None,
    )


def _kept(service: ServiceSeen, ready: Sequence[int]) -> Iterator[int]:
    """Yield where ready revisions lie that the next ready one has replaced after ``kept_since``."""
    if service.kept_since is None:
        return
    for at, following in pairwise(ready):
        created = service.revisions[following].created
        if created is None or created > service.kept_since:
            yield at


def _resource(key: str, fields: Mapping[str, Any] | None) -> Any:
    if fields is None:
        return "missing"
    hidden = key.startswith("run.")
    return {path: digest(value) if hidden else value for path, value in sorted(fields.items())}


def image_place(image: str) -> tuple[str, str, str]:
    """Return repository, package and digest of ``HOST/PROJECT/REPOSITORY/PACKAGE@DIGEST``."""
    path, _, digest = image.partition("@")
    repository, _, _ = path.rpartition("/")
    return repository, short_name(path).partition(":")[0], digest
