"""Cloud Run services and revisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import translated
from leitstand.cloud.messages import as_data
from leitstand.core.names import short_name
from leitstand.core.service import RevisionState, ServiceState, TrafficStatus
from leitstand.core.traffic import LATEST, Share, Split

if TYPE_CHECKING:
    from google.cloud import run_v2

__all__ = ["CloudRun", "Operation"]


@dataclass(frozen=True)
class Operation:
    """A long-running operation: whether it is done, and with which error, if any."""

    name: str
    done: bool
    error: str = ""


class CloudRun:
    """Reads and changes services; each method is one call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def service(self, name: str) -> ServiceState:
        """Return a service by its full name; read-only."""
        with translated(f"Dienst {short_name(name)} lesen"):
            return _service_state(self._connection.services.get_service(name=name))

    def revision(self, service: str, revision: str) -> RevisionState:
        """Return a revision by its service's full name and its own short name; read-only."""
        with translated(f"Revision {revision} lesen"):
            name = f"{service}/revisions/{revision}"
            return _revision_state(self._connection.revisions.get_revision(name=name))

    def list_revisions(self, service: str) -> tuple[RevisionState, ...]:
        """Return all revisions of a service, newest first; read-only."""
        with translated(f"Revisionen von {short_name(service)} lesen"):
            found = self._connection.revisions.list_revisions(parent=service)
            return tuple(_revision_state(revision) for revision in found)

    def start_traffic(self, name: str, etag: str, split: Split) -> str:
        """Start a change of traffic only; return the operation's name.

        Sends nothing but the traffic: a whole service read before would carry its old revision
        name along and be refused.
        """
        from google.cloud import run_v2

        service = run_v2.Service(name=name, etag=etag, traffic=_targets(split))
        return self._update(service, ["traffic"], f"Verkehr von {short_name(name)} verteilen")

    def start_revision(
        self, name: str, etag: str, template: Mapping[str, Any], split: Split
    ) -> str:
        """Start a new revision with the given traffic; return the operation's name."""
        from google.cloud import run_v2

        service = run_v2.Service(
            name=name,
            etag=etag,
            template=run_v2.RevisionTemplate(dict(template)),
            traffic=_targets(split),
        )
        return self._update(
            service, ["template", "traffic"], f"Revision {template['revision']} anlegen"
        )

    def start_delete_revision(self, service: str, revision: str) -> str:
        """Start the deletion of a revision that nothing leads to; return the operation's name."""
        name = f"{service}/revisions/{revision}"
        with translated(f"Revision {revision} löschen"):
            operation = self._connection.revisions.delete_revision(request={"name": name})
        return str(operation.operation.name)

    def scaling(self, name: str) -> Mapping[str, Any]:
        """Return the scaling of a service as JSON values of the API; read-only."""
        return self.service(name).scaling

    def start_scaling(self, name: str, etag: str, scaling: Mapping[str, Any]) -> str:
        """Start a change of a service's scaling only; return the operation's name."""
        from google.cloud import run_v2

        service = run_v2.Service(name=name, etag=etag, scaling=run_v2.ServiceScaling(dict(scaling)))
        return self._update(service, ["scaling"], f"{short_name(name)} skalieren")

    def operation(self, name: str) -> Operation:
        """Return the state of an operation; read-only."""
        with translated(f"Operation {short_name(name)} lesen"):
            client = self._connection.services.transport.operations_client
            found = client.get_operation(name)
        error = found.error.message if found.done and found.HasField("error") else ""
        return Operation(name, found.done, error)

    def _update(self, service: "run_v2.Service", paths: list[str], what: str) -> str:
        from google.protobuf.field_mask_pb2 import FieldMask

        with translated(what):
            operation = self._connection.services.update_service(
                request={"service": service, "update_mask": FieldMask(paths=paths)},
                retry=None,
            )
        name: str = operation.operation.name
        return name


def _targets(split: Split) -> "list[run_v2.TrafficTarget]":
    from google.cloud import run_v2

    kinds = run_v2.TrafficTargetAllocationType
    return [
        run_v2.TrafficTarget(
            type_=kinds.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
            if share.revision == LATEST
            else kinds.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION,
            revision=share.revision,
            percent=share.percent,
            tag=share.tag,
        )
        for share in split.shares
    ]


def _service_state(service: "run_v2.Service") -> ServiceState:
    from google.cloud import run_v2

    latest = short_name(service.latest_ready_revision)
    traffic = Split(tuple(Share(t.revision, t.percent, t.tag) for t in service.traffic))
    statuses = tuple(
        TrafficStatus(short_name(s.revision) or latest, s.percent, s.tag, s.uri)
        for s in service.traffic_statuses
    )
    in_force = Split(tuple(Share(s.revision, s.percent, s.tag) for s in statuses))
    condition = service.terminal_condition
    succeeded = condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    return ServiceState(
        name=service.name,
        etag=service.etag,
        generation=service.generation,
        settled=not service.reconciling
        and service.generation == service.observed_generation
        and in_force.equivalent(traffic.pinned(latest)),
        traffic=traffic,
        statuses=statuses,
        latest_ready_revision=latest,
        uri=service.uri,
        template=as_data(service.template),
        problem="" if succeeded else condition.message,
        scaling=as_data(service.scaling),
    )


def _revision_state(revision: "run_v2.Revision") -> RevisionState:
    from google.cloud import run_v2

    ready = next((c for c in revision.conditions if c.type_ == "Ready"), None)
    succeeded = ready is not None and ready.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    return RevisionState(
        name=short_name(revision.name),
        image=revision.containers[0].image if revision.containers else "",
        ready=succeeded,
        problem="" if succeeded or ready is None else ready.message,
        template=as_data(revision),
    )
