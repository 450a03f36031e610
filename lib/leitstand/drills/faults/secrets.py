"""A secret that cannot be read any more."""

from leitstand.cloud.errors import NotFound
from leitstand.core.cut_over import pinned_version
from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.deploying import deploy, restore
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_SERVICE = "web"
_SECRET = "django-secret-key"


def _name(scene: Scene) -> str:
    return f"projects/{scene.project}/secrets/{_SECRET}"


def _inject(scene: Scene) -> None:
    """Disable the version in use; then somebody deploys, and the new revision cannot start."""
    service = scene.run.service(scene.environment.service_name(_SERVICE))
    version = int(pinned_version(service.template, _SECRET) or 1)
    scene.state.note("version", version)
    scene.secrets.set_state(_name(scene), version, enabled=False)
    deploy(scene, _SERVICE, lambda _: None)


def _recovered(scene: Scene) -> bool:
    """Whether every version that a service would start with can be read."""
    for name in scene.environment.services:
        try:
            service = scene.run.service(scene.environment.service_name(name))
        except NotFound:
            continue
        version = pinned_version(service.template, _SECRET)
        if version and scene.secrets.version_state(_SECRET, version) != "ENABLED":
            return False
    return True


def _clean(scene: Scene) -> None:
    """Enable the version again, also where it was rotated since: an older revision needs it."""
    version = scene.state.noted("version")
    if version is not None and scene.secrets.version_state(_SECRET, str(version)) == "DISABLED":
        scene.secrets.set_state(_name(scene), version, enabled=True)
    restore(scene, _SERVICE)


DRILLS = (
    Drill(
        name="disabled-secret",
        title="Ein Release bleibt stecken",
        story=(
            "Die Bereitschaft wird aus dem Deployment gerufen: Die neue Revision der Anwendung wird"
            " nicht bereit, obwohl am Code nichts geändert ist. Die alte bedient den Verkehr noch."
        ),
        cause=Cause.SECRET_UNUSABLE,
        treatments=("rotate_secret",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
