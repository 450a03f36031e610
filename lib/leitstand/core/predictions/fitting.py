"""The file of a sandbox that is made like another environment."""

from collections.abc import Mapping, Sequence
from typing import Any

from leitstand.core.layers import merge
from leitstand.core.predictions.world import ImageSeen, World, image_place, to_be_made

__all__ = ["foreign_images", "overlay_like"]

_OWN = (
    "name", "project", "region", "requires_ticket", "requires_second_person", "approvals",
    "records", "locks", "load_balancer", "artifact_registry", "deviations", "sandbox", "rehearsal",
)  # fmt: skip
"""What names or guards an environment: a sandbox has its own."""

_SHOWN: Mapping[str, tuple[str, ...]] = {
    "jobs": ("maintenance",), "scaling": ("drain_deadline",),
}  # fmt: skip
"""Short cuts of a sandbox that stand in plans."""


def overlay_like(
    theirs: Mapping[str, Any],
    sandbox: Mapping[str, Any],
    world: World,
    images: Sequence[ImageSeen],
    staging: Sequence[tuple[str, ImageSeen]],
    locks: str,
    *,
    itself: str = "",
) -> dict[str, Any]:
    """Return the overlay of a sandbox in which what the other environment states holds.

    What the sandbox states wins: it is what one machine cannot do otherwise. Not so where it only
    saves time, and plans show it.

    Args:
        theirs: Overlay of the other environment, in the sandbox's own names.
        sandbox: Overlay of the sandbox.
        world: The other environment as it is.
        images: Images that it runs, or is to run.
        staging: Services and images that have run in the environment that it takes releases from.
        locks: Directory of the rehearsal's locks.
        itself: Image that nothing may stand in for, ``package:tag``.
    """
    kept = {key: value for key, value in theirs.items() if key not in _OWN}
    if "release" in kept:
        kept["release"] = {k: v for k, v in kept["release"].items() if k != "reference"}
    tags = {(image.package, image.digest): image.reference for image in images}
    first = {
        name: tags[key]
        for name, image in _first_images(world).items()
        if (key := image_place(image)[1:]) in tags
    }
    own: dict[str, Any] = {
        "first_images": first,
        "locks": {"store": locks},
        "sandbox": {
            "staging_revisions": [
                {"service": service, "image": image.reference} for service, image in staging
            ],
            "stand_ins": [
                {"image": image.reference, "digest": image.digest, "signed": image.signed}
                for image in _each(images, [image for _, image in staging])
                if image.reference != itself
            ],
        },
    }
    if itself:
        # Its database is made anew, without rows.
        own["sandbox"]["sample_documents"] = 0
    return merge(merge(kept, _limits(sandbox)), own)


def foreign_images(world: World, repository: str) -> tuple[str, ...]:
    """Return the images that a service runs and that lie in another repository."""
    found = {
        revision.image
        for service in world.services.values()
        for revision in to_be_made(service)
        if image_place(revision.image)[0] != repository or not image_place(revision.image)[2]
    }
    return tuple(sorted(found))


def _limits(sandbox: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a sandbox states without what plans show and any machine can do."""
    limits = {key: value for key, value in sandbox.items() if key not in _SHOWN}
    for section, names in _SHOWN.items():
        left = {k: v for k, v in sandbox.get(section, {}).items() if k not in names}
        if left:
            limits[section] = left
    return limits


def _first_images(world: World) -> dict[str, str]:
    services = {
        name: made[0].image
        for name, service in world.services.items()
        if (made := to_be_made(service))
    }
    return {**world.jobs, **services}


def _each(*listed: Sequence[ImageSeen]) -> list[ImageSeen]:
    """Return every image once; what is known as signed is signed."""
    found: dict[tuple[str, str], ImageSeen] = {}
    for image in (image for images in listed for image in images):
        found.setdefault((image.package, image.tag), image)
    return list(found.values())
