"""A release as a decision: what was observed, which checks hold, and the plan that follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leitstand.core.environment import ReleasePolicy, merge
from leitstand.core.plan import Action, Plan
from leitstand.core.schema import SchemaRange
from leitstand.core.service import RevisionState, ServiceState
from leitstand.core.traffic import Share, Split

__all__ = [
    "Difference",
    "Image",
    "Observation",
    "SecretVersion",
    "differences",
    "plan_release",
    "revision_name",
    "template_for",
]


@dataclass(frozen=True)
class Image:
    """An image in the registry.

    Attributes:
        reference: What was asked for, e.g. ``web:1.1.0``.
        repository: Path of the repository, without a trailing slash.
        digest: ``sha256:…``; empty when the tag does not exist.
        signed: Whether a cosign signature lies beside it.
        known_tags: Tags of the package, newest last.
        schema: Schema versions that its code understands, if it says so.
    """

    reference: str
    repository: str
    digest: str
    signed: bool
    known_tags: tuple[str, ...] = ()
    schema: SchemaRange | None = None

    @property
    def by_digest(self) -> str:
        """The image reference that a revision is given."""
        return f"{self.repository}/{self.reference.partition(':')[0]}@{self.digest}"


@dataclass(frozen=True)
class SecretVersion:
    """A secret version that the candidate will read; ``state`` as the API names it."""

    variable: str
    secret: str
    version: str
    state: str


@dataclass(frozen=True)
class Observation:
    """Everything that a release decision rests on.

    Attributes:
        service: The service to release.
        stable: The revision that serves all traffic, if exactly one does.
        image: The image to release.
        reference_digests: Digests of ready revisions in the reference project; ``None`` when the
            environment names no reference.
        secrets: Secret versions that the candidate will read.
        desired: The template from the environment file, as JSON values of the API.
        schema_version: Schema version of the database; ``None`` without a database.
    """

    service: ServiceState
    stable: RevisionState | None
    image: Image
    reference_digests: tuple[str, ...] | None
    secrets: tuple[SecretVersion, ...]
    desired: Mapping[str, Any]
    schema_version: int | None = None


@dataclass(frozen=True)
class Difference:
    """One field of the template that the candidate changes; ``None`` means not set."""

    path: str
    running: Any
    candidate: Any


def revision_name(service: ServiceState, digest: str) -> str:
    """Return the candidate's name: unique per generation, the same for the same observation.

    Args:
        service: As it is now.
        digest: Of the candidate's image, ``sha256:…``.
    """
    mark = digest.partition(":")[2][:8]
    return f"{service.short_name}-{service.generation + 1:05d}-{mark}"


def template_for(observation: Observation) -> dict[str, Any]:
    """Return the candidate's template: the service's own, with what the environment file states.

    Fields that the file does not state stay as they are; a list that it states replaces the old.
    """
    current, desired = dict(observation.service.template), dict(observation.desired)
    container = merge(
        (current.pop("containers", None) or [{}])[0], (desired.pop("containers", None) or [{}])[0]
    )
    container["image"] = observation.image.by_digest
    made = merge(current, desired)
    if observation.image.schema is not None:
        annotations = observation.image.schema.as_annotations()
        made["annotations"] = {**made.get("annotations", {}), **annotations}
    return {
        **made,
        "containers": [container],
        "revision": revision_name(observation.service, observation.image.digest),
    }


def differences(observation: Observation) -> tuple[Difference, ...]:
    """Return what the candidate changes against the stable revision, by dotted path.

    Only the fields that the environment file states are compared.
    """
    running = dict(observation.stable.template) if observation.stable else {}
    wanted = template_for(observation)
    wanted.pop("revision")
    before, after = _flat(running), _flat(wanted)
    stated = set(after) | {path for path in before if ".env." in path}
    return tuple(
        Difference(path, before.get(path), after.get(path))
        for path in sorted(stated)
        if before.get(path) != after.get(path)
    )


def plan_release(
    observation: Observation, policy: ReleasePolicy, *, runbook: str, environment: str
) -> Plan:
    """Return the plan of a release: candidate without traffic, then stage by stage to 100 %.

    The candidate is made with a tag and 0 %, while the stable revision is named with 100 %, so
    that no deploy moves traffic by itself.
    Each stage is a whole traffic split; the last action leaves the candidate alone, without tags.

    Raises:
        ValueError: no single revision serves the traffic; the checks say so before.
    """
    service = observation.service
    if observation.stable is None:
        raise ValueError("a release needs exactly one serving revision")
    stable = observation.stable.name
    candidate = revision_name(service, observation.image.digest)
    tag = policy.candidate_tag

    def split(percent: int) -> Split:
        shares = [Share(candidate, percent, tag)]
        return Split.of(*([Share(stable, 100 - percent)] if percent < 100 else []), *shares)

    actions = [
        Action(
            "candidate",
            "deploy_revision",
            service.name,
            {
                "revision": candidate,
                "template": template_for(observation),
                "traffic": split(0).as_data(),
            },
        )
    ]
    actions += [
        _set_traffic(f"traffic-{percent}", service, split(percent)) for percent in policy.stages
    ]
    actions.append(_set_traffic("tags", service, Split.of(Share(candidate, 100))))
    return Plan(
        runbook=runbook,
        environment=environment,
        target=service.name,
        basis={"etag": service.etag, "stable": stable, "candidate": candidate},
        actions=tuple(actions),
        way_back=(_set_traffic("back", service, Split.of(Share(stable, 100))),),
    )


def _set_traffic(id: str, service: ServiceState, split: Split) -> Action:
    return Action(id, "set_traffic", service.name, {"traffic": split.as_data()})


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return leaf values by dotted path; environment variables are keyed by their name."""
    if isinstance(value, Mapping):
        items = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = [
            (
                f"{path}.{item['name']}" if path.endswith("env") else f"{path}.{index}",
                {k: v for k, v in item.items() if k != "name"} if path.endswith("env") else item,
            )
            for index, item in enumerate(value)
        ]
    else:
        return {path: value}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat |= _flat(item, key)
    return flat
