"""Reads the control plane of an environment: everything that a rehearsal is made like. Read-only.

No value of a secret is read, except addresses of databases: to ask for the schema's version and
structure, and which role they log in as.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from leitstand.cloud.errors import NotFound
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.registry import Registry
from leitstand.cloud.run import CloudRun
from leitstand.core.cut_over import reads_secret
from leitstand.core.errors import LeitstandError
from leitstand.core.names import short_name
from leitstand.core.nested import value_at
from leitstand.core.predictions.world import (
    ImageSeen,
    RevisionSeen,
    ServiceSeen,
    World,
    image_place,
    to_be_made,
)
from leitstand.core.reconcile import Unreadable
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.provisioning import Observed, Provisioner
from leitstand.notebook.like_database import read_structure
from leitstand.notebook.like_secrets import other_readers, read_logins, read_versions
from leitstand.notebook.live_schema import live_version

if TYPE_CHECKING:
    from leitstand.cloud.connection import Connection

__all__ = ["Needs", "Seen", "read_images", "read_services", "read_world"]

Watch = Callable[[str], None]


@dataclass(frozen=True)
class Needs:
    """What a rehearsal needs beside what every one does.

    Attributes:
        image: An image that is to be used, ``package:tag``; looked up, too.
        structure: Whether the structure of the database counts.
        secret: Short name of the secret that is to be rotated.
        kept_since: Revisions that were replaced after that may be rolled back to; for a rotation.
    """

    image: str = ""
    structure: bool = False
    secret: str = ""
    kept_since: datetime | None = None

    @classmethod
    def of(cls, runbook: str, values: Mapping[str, Any], at: datetime) -> "Needs":
        """Return what a runbook with these parameters needs of what is read then (UTC)."""
        image = str(values.get("image", ""))
        if runbook != "rotate_secret":
            return cls(image, runbook == "migrate")
        kept_since = at - timedelta(hours=int(values.get("keep_hours", 0)))
        return cls(image, secret=str(values.get("secret", "")), kept_since=kept_since)


_NOTHING = Needs()


@dataclass(frozen=True)
class Seen:
    """An environment as it was read.

    Attributes:
        world: What a rehearsal is made like.
        observed: Every resource that the environment file wants, and what of it was found.
        images: Images that run, and the one that is to run.
        staging: Services and images that have run where releases come from.
    """

    world: World
    observed: Observed
    images: tuple[ImageSeen, ...]
    staging: tuple[tuple[str, ImageSeen], ...]


def read_world(
    connection: "Connection", needs: Needs = _NOTHING, watch: Watch = lambda _: None
) -> Seen:
    """Return an environment's control plane, and what else a rehearsal needs.

    Args:
        connection: Its clients.
        needs: What else is read.
        watch: Told in German what is being read.

    Raises:
        CloudUnreachable: an API did not answer.
        CloudRefused: an API refused.
        RunFailed: the structure of the database is needed, and cannot be read.
    """
    watch("Ressourcen")
    observed = Provisioner(connection).observe()
    watch("Dienste")
    services = read_services(connection, needs.kept_since)
    unread: list[str] = []
    jobs = _jobs(connection)
    watch("Secrets")
    secrets, created = read_versions(connection, observed, unread)
    logins: dict[str, dict[int, str]] = {}
    if needs.secret:
        logins = read_logins(connection, needs.secret)
        unread += other_readers(connection, needs.secret)
    watch("Schema")
    version = _schema(connection, unread)
    structure = read_structure(connection) if needs.structure else None
    unread += [
        f"{key}: {found.reason}"
        for key, found in observed.found.items()
        if isinstance(found, Unreadable)
    ]
    world = World(
        services, jobs, secrets, _departures(observed), version, tuple(unread), created, logins,
        structure,
    )  # fmt: skip
    watch("Abbilder")
    running = [r.image for s in services.values() for r in to_be_made(s)] + [*jobs.values()]
    images = read_images(connection, running, needs.image)
    return Seen(world, observed, images, _staging(connection, needs.image))


def read_services(
    connection: "Connection", kept_since: datetime | None = None
) -> dict[str, ServiceSeen]:
    """Return every service that the environment file names and that is there; read-only.

    Args:
        connection: Its clients.
        kept_since: See ``ServiceSeen``.
    """
    cloud, environment = CloudRun(connection), connection.environment
    found: dict[str, ServiceSeen] = {}
    for name in sorted(environment.services):
        try:
            state = cloud.service(environment.service_name(name))
        except NotFound:
            continue
        listed = cloud.list_revisions(state.name)
        revisions = tuple(
            RevisionSeen(r.name, r.image, r.ready, _template(r.template), _created(r.template))
            for r in reversed(listed)
        )
        found[name] = ServiceSeen(
            name, revisions, state.traffic, state.latest_ready_revision, state.scaling,
            state.template, kept_since,
        )  # fmt: skip
    return found


def read_images(
    connection: "Connection", running: Sequence[str], wanted: str = ""
) -> tuple[ImageSeen, ...]:
    """Return the images of the environment's repository that run or are wanted; read-only.

    Args:
        connection: Its clients.
        running: Image references by digest.
        wanted: ``package:tag``.
    """
    registry = Registry(connection)
    repository = connection.environment.artifact_registry.repository
    wanted_package, _, wanted_tag = wanted.partition(":")
    digests: dict[str, set[str]] = {wanted_package: set()} if wanted else {}
    for place, package, digest in map(image_place, running):
        if place == repository and digest:
            digests.setdefault(package, set()).add(digest)
    found: list[ImageSeen] = []
    for package, used in digests.items():
        tags = registry.tags(package)
        asked = tags.get(wanted_tag, "") if package == wanted_package else ""
        for digest in sorted({*used, asked} - {""}):
            named = sorted(tag for tag, one in tags.items() if one == digest)
            tag = named[0] if named else digest.partition(":")[2][:12]
            signed = f"{digest.replace(':', '-')}.sig" in tags
            found.append(ImageSeen(package, wanted_tag if digest == asked else tag, digest, signed))
    return tuple(found)


def _staging(connection: "Connection", image: str) -> tuple[tuple[str, ImageSeen], ...]:
    """Return the services of which a ready revision has run the wanted image, where it comes from.

    Elsewhere than in the environment's own project; nothing where it names no such place.
    """
    environment = connection.environment
    reference = environment.release.reference
    wanted = read_images(connection, (), image) if image and reference else ()
    if reference is None or not wanted:
        return ()
    place = f"projects/{reference.project}/locations/{reference.region}/services"
    found: list[tuple[str, ImageSeen]] = []
    for service in sorted(environment.services):
        try:
            revisions = CloudRun(connection).list_revisions(f"{place}/{service}")
        except NotFound:
            continue
        digests = {revision.digest for revision in revisions if revision.ready}
        found += [(service, one) for one in wanted if one.digest in digests]
    return tuple(found)


def _jobs(connection: "Connection") -> dict[str, str]:
    environment, jobs = connection.environment, CloudRunJobs(connection)
    found: dict[str, str] = {}
    for name in sorted(environment.jobs):
        try:
            template = jobs.job(environment.job_name(name)).template
        except NotFound:
            continue
        containers = template.get("template", {}).get("containers") or [{}]
        found[name] = str(containers[0].get("image", ""))
    return found


def _schema(connection: "Connection", unread: list[str]) -> int | None:
    """Return the schema version; a database that this machine does not reach is said so."""
    environment = connection.environment
    database = environment.database
    if database is None:
        return None
    cloud = CloudRun(connection)
    for name in database.moves_with:
        try:
            service = cloud.service(environment.service_name(name))
            if reads_secret(service.template, database.url_secret):
                return live_version(DatabaseAccess(connection), service)
        except NotFound:
            continue
        except LeitstandError as error:
            unread.append(f"Schema-Version der Datenbank: {error.message}")
            return None
    return None


def _departures(observed: Observed) -> dict[str, dict[str, Any] | None]:
    """Return what is not as the environment file says; services are read by themselves.

    Of a list in which something differs, all of it.
    """
    found: dict[str, dict[str, Any] | None] = {}
    for deviation in observed.deviations:
        if deviation.change == "unreadable" or deviation.kind.name == "run.services":
            continue
        if deviation.change == "create":
            found[deviation.key] = None
        elif deviation.differences:
            body = observed.found[deviation.key]
            paths = sorted({d.path.partition("[")[0] for d in deviation.differences})
            found[deviation.key] = {path: value_at(body, path) for path in paths}
    return found


def _created(revision: Mapping[str, Any]) -> datetime | None:
    text = str(revision.get("create_time") or "")
    return datetime.fromisoformat(text) if text else None


def _template(revision: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a revision that another one like it is made from."""
    from google.cloud import run_v2

    taken = set(run_v2.RevisionTemplate.meta.fields)
    template = {key: value for key, value in revision.items() if key in taken}
    return {**template, "revision": short_name(str(revision.get("name", "")))}
