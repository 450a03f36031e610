"""Handlers that change Cloud Run: a new revision, a new traffic split."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from leitstand.cloud.errors import NotFound
from leitstand.cloud.run import CloudRun
from leitstand.core.plan import Action
from leitstand.core.reconfiguring import variable
from leitstand.core.rotation.types import pins_of
from leitstand.core.scaling.stated import same
from leitstand.core.service import ServiceState
from leitstand.core.traffic import Split
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.waiting import until

__all__ = ["run_handlers"]

T = TypeVar("T")


def run_handlers(run: CloudRun, *, deadline: float, interval: float) -> dict[str, Handler]:
    """Return the handlers of Cloud Run by kind of action.

    ``deadline`` bounds each wait, ``interval`` is the first pause between two looks; in seconds.
    """
    waiting = _Waiting(run, deadline, interval)
    deploy = _DeployRevision(run, waiting)
    return {
        "deploy_revision": deploy,
        "restore_template": _RestoreTemplate(run, deploy),
        "set_traffic": _SetTraffic(run, waiting),
        "set_scaling": _SetScaling(run, waiting),
    }


class _Waiting:
    """Waits for operations and for a service to settle."""

    def __init__(self, run: CloudRun, deadline: float, interval: float) -> None:
        self._run = run
        self._deadline = deadline
        self._interval = interval

    def for_operation(self, action: Action, name: str, watch: Watch) -> str:
        """Return the operation's error once it is done; empty when it succeeded."""
        if not name:
            return ""

        def error_when_done() -> str | None:
            operation = self._run.operation(name)
            return operation.error if operation.done else None

        try:
            return self._until(action, error_when_done, watch, "Google Cloud arbeitet daran")
        except NotFound:
            # Operations are forgotten after a while; the service itself tells what came of it.
            return ""

    def for_service(
        self, action: Action, holds: Callable[[ServiceState], bool], watch: Watch
    ) -> ServiceState:
        """Return the service once ``holds`` is true for it."""

        def service_when_settled() -> ServiceState | None:
            service = self._run.service(action.target)
            return service if holds(service) else None

        return self._until(action, service_when_settled, watch, "der Dienst stellt sich um")

    def _until(self, action: Action, look: Callable[[], T | None], watch: Watch, detail: str) -> T:
        late = f"Nach {self._deadline:.0f} s ist die Änderung nicht wirksam"
        return until(
            look,
            deadline=self._deadline,
            interval=self._interval,
            watch=lambda: watch(detail),
            late=lambda: ActionFailed(action.id, late),
        )


class _SetTraffic:
    """Gives a service a whole traffic split."""

    def __init__(self, run: CloudRun, waiting: _Waiting) -> None:
        self._run = run
        self._waiting = waiting

    def reached(self, action: Action) -> bool:
        return self._run.service(action.target).traffic.equivalent(_split(action))

    def start(self, action: Action, etag: str) -> str:
        if not etag:
            etag = self._run.service(action.target).etag
        return self._run.start_traffic(action.target, etag, _split(action))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        error = self._waiting.for_operation(action, operation, watch)
        if error:
            raise ActionFailed(action.id, f"Der Verkehr ließ sich nicht verteilen: {error}")
        split = _split(action)
        service = self._waiting.for_service(
            action, lambda s: s.settled and s.traffic.equivalent(split), watch
        )
        return {"etag": service.etag, "generation": service.generation}


class _DeployRevision:
    """Makes a new revision and waits until it can serve."""

    def __init__(self, run: CloudRun, waiting: _Waiting) -> None:
        self._run = run
        self._waiting = waiting

    def reached(self, action: Action) -> bool:
        service = self._run.service(action.target)
        return bool(service.template.get("revision") == action.arguments["revision"])

    def start(self, action: Action, etag: str) -> str:
        arguments = action.arguments
        return self._run.start_revision(action.target, etag, arguments["template"], _split(action))

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        name = action.arguments["revision"]
        error = self._waiting.for_operation(action, operation, watch)
        if error:
            raise ActionFailed(action.id, f"Die Revision {name} wurde nicht bereit: {error}")
        split = _split(action)

        def serves(service: ServiceState) -> bool:
            if service.problem and not service.settled:
                return False
            return service.settled and service.traffic.equivalent(split)

        service = self._waiting.for_service(action, serves, watch)
        revision = self._run.revision(action.target, name)
        if not revision.ready:
            raise ActionFailed(
                action.id, f"Die Revision {name} wurde nicht bereit: {revision.problem}"
            )
        return {"etag": service.etag, "generation": service.generation}


class _RestoreTemplate:
    """Lets the next revision of a service be again what it was; its traffic stays.

    ``pins`` of an action says which versions of secrets it is to read, ``variables`` which plain
    values it is to have.
    """

    def __init__(self, run: CloudRun, deploy: _DeployRevision) -> None:
        self._run = run
        self._deploy = deploy

    def reached(self, action: Action) -> bool:
        """Return whether it is so already, for instance since nothing had been changed."""
        template, arguments = self._run.service(action.target).template, action.arguments
        pins, values = arguments.get("pins", {}), arguments.get("variables", {})
        found = pins_of(template)
        return all(
            sorted(found.get(secret, ())) == list(wanted) for secret, wanted in pins.items()
        ) and all(variable(template, name) == value for name, value in values.items())

    def start(self, action: Action, etag: str) -> str:
        """Send the template that was there before."""
        return self._deploy.start(action, etag)

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait for the revision, where one was made."""
        if operation or self._deploy.reached(action):
            return self._deploy.finish(action, operation, watch)
        return {}


class _SetScaling:
    """Gives a service another scaling; a manual count of 0 lets it stand still."""

    def __init__(self, run: CloudRun, waiting: _Waiting) -> None:
        self._run = run
        self._waiting = waiting

    def reached(self, action: Action) -> bool:
        """Return whether the service has the wanted scaling."""
        return same(self._run.scaling(action.target), action.arguments["scaling"])

    def start(self, action: Action, etag: str) -> str:
        """Send the scaling and nothing else."""
        if not etag:
            etag = self._run.service(action.target).etag
        return self._run.start_scaling(action.target, etag, action.arguments["scaling"])

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait until the service has settled with the wanted scaling."""
        error = self._waiting.for_operation(action, operation, watch)
        if error:
            raise ActionFailed(action.id, f"Die Skalierung ließ sich nicht ändern: {error}")
        service = self._waiting.for_service(action, lambda s: s.settled, watch)
        if not self.reached(action):
            raise ActionFailed(action.id, "Die Skalierung ist nicht wirksam")
        return {"etag": service.etag, "generation": service.generation}


def _split(action: Action) -> Split:
    return Split.from_data(action.arguments["traffic"])
