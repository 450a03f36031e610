"""Bad deployments, as somebody in a hurry makes them: a new revision with all of the traffic."""

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import RunFailed
from leitstand.core.release import revision_name
from leitstand.core.traffic import Share, Split
from leitstand.execution.waiting import until

if TYPE_CHECKING:
    from leitstand.core.service import ServiceState
    from leitstand.drills.scene import Scene

__all__ = [
    "NotDeployed",
    "await_operation",
    "deploy",
    "image_of",
    "restore",
    "serving",
    "set_variable",
]

_SECONDS = 30.0
_BY_HAND = "sha256:manual"
"""Instead of the digest of an image that somebody deployed by its tag."""
Template = dict[str, Any]


class NotDeployed(RunFailed):
    """A deployment of a drill did not come to its end."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(
            f"Die Übung konnte {service} nicht umstellen: {reason}",
            "Beenden Sie die Übung mit leitstand drill stop, und beginnen Sie sie neu.",
        )
        self.service = service


def deploy(scene: "Scene", service: str, change: Callable[[Template], None]) -> str:
    """Make a revision with a changed template, and give it all traffic once it is ready.

    What ``restore`` will need is noted before. One that does not get ready gets no traffic.

    Args:
        scene: Where.
        service: As the environment file names it.
        change: Changes the template, given as JSON values of the API.

    Returns:
        What the API says of a revision that did not get ready; empty where it did.
    """
    state = scene.run.service(scene.environment.service_name(service))
    template = _plain(state.template)
    made = copy.deepcopy(template)
    change(made)
    name = _revision_name(state, made)
    scene.state.note(f"deployed-{service}", {"revision": name, "before": template})
    return _deploy(scene, state, {**made, "revision": name}, name)


def restore(scene: "Scene", service: str) -> None:
    """Deploy again what ran before ``deploy``, unless somebody has replaced its revision since.

    The revision of the drill stays, without traffic: Cloud Run keeps the last ones as well.
    """
    noted = scene.state.noted(f"deployed-{service}")
    if noted is None:
        return
    state = scene.run.service(scene.environment.service_name(service))
    bad = noted["revision"]
    if bad not in (*serving(state), state.template.get("revision")):
        return
    name = _revision_name(state, noted["before"])
    problem = _deploy(scene, state, {**noted["before"], "revision": name}, name)
    if problem:
        raise NotDeployed(service, problem)


def await_operation(scene: "Scene", resource: str, operation: str) -> str:
    """Return the error of an operation of Cloud Run once it is done; empty when it succeeded.

    Args:
        scene: Where.
        resource: The service or job that it changes, for the message.
        operation: Its name.

    Raises:
        NotDeployed: it is not done in time.
    """

    def ended() -> str | None:
        found = scene.run.operation(operation)
        return found.error if found.done else None

    return until(
        ended,
        deadline=_SECONDS,
        interval=scene.connection.poll_interval,
        watch=lambda: None,
        late=lambda: NotDeployed(resource, f"nach {_SECONDS:.0f} s nicht fertig."),
    )


def serving(state: "ServiceState") -> tuple[str, ...]:
    """Return the revisions that get traffic, by short name."""
    return tuple(status.revision for status in state.statuses if status.percent)


def image_of(
    scene: "Scene", reference: str, *, annotated: bool = True
) -> Callable[[Template], None]:
    """Return the change that gives a template the image ``package:tag``.

    Args:
        scene: Where.
        reference: Of the image.
        annotated: Whether the template has annotations; they then say which versions of the
            schema the image's code understands.
    """
    from leitstand.cloud.registry import Registry

    image = Registry(scene.connection).image(reference)

    def change(template: Template) -> None:
        template["containers"][0]["image"] = image.by_digest
        if annotated and image.schema is not None:
            told = image.schema.as_annotations()
            template["annotations"] = {**template.get("annotations", {}), **told}

    return change


def set_variable(name: str, value: str) -> Callable[[Template], None]:
    """Return the change that gives the container another value of an environment variable."""

    def change(template: Template) -> None:
        kept = [v for v in template["containers"][0].get("env", []) if v["name"] != name]
        template["containers"][0]["env"] = [*kept, {"name": name, "value": value}]

    return change


def _deploy(
    scene: "Scene", state: "ServiceState", template: Mapping[str, Any], revision: str
) -> str:
    service = state.short_name
    before = Split.of(*(Share(s.revision, s.percent) for s in state.statuses if s.percent))
    operation = scene.run.start_revision(state.name, state.etag, template, before)
    error = await_operation(scene, service, operation)
    ready = scene.run.revision(state.name, revision)
    if error or not ready.ready:
        return error or ready.problem or "nicht bereit"
    etag = scene.run.service(state.name).etag
    operation = scene.run.start_traffic(state.name, etag, Split.of(Share(revision, 100)))
    moved = await_operation(scene, service, operation)
    if moved:
        raise NotDeployed(service, moved)
    return ""


def _revision_name(state: "ServiceState", template: Template) -> str:
    """Return a name as a release gives it; it does not tell that this is a drill."""
    image = str(template["containers"][0]["image"])
    return revision_name(state, image.partition("@")[2] or _BY_HAND)


def _plain(template: Mapping[str, Any]) -> Template:
    """Return a copy without the name of the revision, which no second one may have."""
    return {key: copy.deepcopy(value) for key, value in template.items() if key != "revision"}
