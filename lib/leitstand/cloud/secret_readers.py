"""Which services and jobs read a secret."""

from collections.abc import Sequence
from datetime import datetime

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import translated
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.next_template import next_template
from leitstand.cloud.run import CloudRun
from leitstand.core.rotation.types import JobReader, Revision, ServiceReader, pins_of
from leitstand.core.service import RevisionState, ServiceState

__all__ = ["SecretReaders"]


class SecretReaders:
    """Finds them among everything that runs in the environment's region; read-only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._run = CloudRun(connection)
        self._jobs = CloudRunJobs(connection)
        environment = connection.environment
        self._parent = f"projects/{environment.project}/locations/{environment.region}"

    def services(self, secrets: Sequence[str]) -> tuple[ServiceReader, ...]:
        """Return the services of which any revision reads one of the secrets (short names)."""
        with translated("Dienste auflisten"):
            listed = self._connection.services.list_services(parent=self._parent)
            names = sorted(service.name for service in listed)
        found = (self.service(name) for name in names)
        return tuple(
            reader
            for reader in found
            if any(secret in r.pins for r in reader.revisions for secret in secrets)
        )

    def service(self, name: str) -> ServiceReader:
        """Return a service with its revisions, by its full name.

        One that never had a revision has none, and what its next one is made of is its own.
        """
        state = self._run.service(name)
        revisions = self._run.list_revisions(name)
        serving = max(revisions, key=lambda revision: _percent(state, revision), default=None)
        template = next_template(state, serving) if serving else dict(state.template)
        # The first is what a service may have in all, the second what each revision may have.
        limits = (state.scaling, template.get("scaling") or {})
        return ServiceReader(
            state,
            tuple(_revision(state, revision) for revision in revisions),
            template,
            single=any(limit.get("max_instance_count") == 1 for limit in limits),
        )

    def jobs(self, secrets: Sequence[str]) -> tuple[JobReader, ...]:
        """Return the jobs whose next execution reads one of the secrets (short names)."""
        with translated("Jobs auflisten"):
            names = sorted(j.name for j in self._connection.jobs.list_jobs(parent=self._parent))
        states = (self._jobs.job(name) for name in names)
        readers = (JobReader(state, pins_of(state.template["template"])) for state in states)
        return tuple(r for r in readers if any(secret in r.pins for secret in secrets))


def _revision(state: ServiceState, revision: RevisionState) -> Revision:
    return Revision(
        revision.name,
        revision.ready,
        revision.digest,
        datetime.fromisoformat(str(revision.template["create_time"])),
        _percent(state, revision),
        tuple(s.tag for s in state.statuses if s.revision == revision.name and s.tag),
        pins_of(revision.template),
    )


def _percent(state: ServiceState, revision: RevisionState) -> int:
    return sum(s.percent for s in state.statuses if s.revision == revision.name)
