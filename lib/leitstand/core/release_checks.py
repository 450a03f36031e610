"""The checks of a release: what must hold before there is a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leitstand.core.release import Observation
from leitstand.core.schema import SchemaRange, WayBack, decide_by_code

__all__ = ["Check", "check_release"]


@dataclass(frozen=True)
class Check:
    """A named condition with its evidence; a release needs all of them."""

    id: str
    passed: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)


def check_release(observation: Observation, require_signature: bool) -> tuple[Check, ...]:
    """Return every check of a release, passed or not, in the order in which they are shown."""
    service, image, stable = observation.service, observation.image, observation.stable
    serving = service.traffic.pinned(service.latest_ready_revision).serving()
    checks = [
        Check(
            "image_exists",
            bool(image.digest),
            {
                "reference": image.reference,
                "digest": image.digest,
                "known": list(image.known_tags),
            },
        ),
        Check(
            "image_signed",
            image.signed or not require_signature,
            {
                "reference": image.reference,
                "digest": image.digest,
                "required": require_signature,
            },
        ),
    ]
    if observation.reference_digests is not None:
        checks.append(
            Check(
                "image_ran_on_reference",
                image.digest in observation.reference_digests,
                {
                    "reference": image.reference,
                    "digest": image.digest,
                    "digests": list(observation.reference_digests),
                },
            )
        )
    checks += [
        Check("service_settled", service.settled, {"problem": service.problem}),
        Check("one_revision_serves", len(serving) == 1, {"serving": serving}),
        Check(
            "image_is_new",
            stable is None or stable.digest != image.digest,
            {
                "reference": image.reference,
                "revision": stable.name if stable else "",
            },
        ),
        Check(
            "secrets_pinned",
            all(s.state == "ENABLED" for s in observation.secrets),
            {
                "secrets": [
                    {
                        "variable": s.variable,
                        "secret": s.secret,
                        "version": s.version,
                        "state": s.state,
                    }
                    for s in observation.secrets
                ],
            },
        ),
    ]
    if observation.schema_version is not None:
        checks += _schema_checks(observation, observation.schema_version)
    return tuple(checks)


def _by_traffic_alone(code: SchemaRange | None, live: int) -> bool:
    """Return whether traffic alone can go to this code: the decision that a rollback makes."""
    decision = decide_by_code(code, live)
    return decision is not None and decision.way is WayBack.TRAFFIC


def _schema_checks(observation: Observation, live: int) -> list[Check]:
    """Return whether the candidate and the revision to go back to understand the live schema."""
    stable = observation.stable
    ranges = {
        "schema_understood": observation.image.schema,
        "way_back_understood": stable.schema if stable else None,
    }
    return [
        Check(
            name,
            _by_traffic_alone(found, live),
            {
                "live": live,
                "minimum": found.minimum if found else None,
                "maximum": found.maximum if found else None,
                "reference": observation.image.reference,
                "revision": stable.name if stable else "",
            },
        )
        for name, found in ranges.items()
    ]
