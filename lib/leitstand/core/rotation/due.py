"""Which secrets are due for rotation."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from leitstand.core.rotation.types import SecretState

__all__ = ["Due", "due_secrets", "is_due"]


@dataclass(frozen=True)
class Due:
    """When a secret is to be rotated.

    Attributes:
        since: When its newest enabled version was made; None without one.
        at: When it is due; None where no period is set.
        due: Whether that has passed, or no version can be read at all.
    """

    secret: str
    since: datetime | None
    at: datetime | None
    due: bool


def is_due(secret: SecretState, now: datetime) -> bool:
    """Return whether a secret is due.

    What counts is the age of the newest enabled version: Secret Manager moves its own date on
    with every reminder (cloud.google.com/secret-manager/docs/secret-rotation).
    """
    return _due(secret, now).due


def due_secrets(secrets: Iterable[SecretState], now: datetime) -> tuple[Due, ...]:
    """Return when each secret is due, the most urgent first."""
    listed = [_due(secret, now) for secret in secrets]
    return tuple(sorted(listed, key=lambda d: (not d.due, d.at is None, d.at or now, d.secret)))


def _due(secret: SecretState, now: datetime) -> Due:
    since = secret.enabled[0].created if secret.enabled else None
    if secret.period is None:
        return Due(secret.name, since, None, due=False)
    at = now if since is None else since + timedelta(seconds=secret.period)
    return Due(secret.name, since, at, due=at <= now)
