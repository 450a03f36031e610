"""Secrets with their versions and users; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leitstand.core.names import short_name
from leitstand.core.triage.signals import CertificateSignal, SecretSignal
from leitstand.execution.triage.services import Estate, pinned_by, read_time

__all__ = ["Vault", "certificate_signals", "secret_signals"]

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Vault:
    """All secrets, and the versions of each by its short name."""

    secrets: Sequence[Body]
    versions: Mapping[str, Sequence[Body]]


def secret_signals(
    vault: Vault, estate: Estate | None, jobs: Sequence[Body]
) -> tuple[SecretSignal, ...]:
    """Return all secrets, by name; without an estate, nobody is known to use them."""
    users = _users(estate, jobs)
    signals = []
    for secret in vault.secrets:
        name = short_name(secret["name"])
        versions = vault.versions.get(name, ())
        signals.append(
            SecretSignal(
                name=name,
                states={short_name(v["name"]): str(v.get("state", "")) for v in versions},
                used=users.get(name, {}),
                expires_at=read_time(secret.get("expireTime")),
            )
        )
    return tuple(sorted(signals, key=lambda signal: signal.name))


def certificate_signals(certificates: Sequence[Body]) -> tuple[CertificateSignal, ...]:
    """Return all certificates, by name."""
    return tuple(
        CertificateSignal(
            name=str(found["name"]),
            # One that was brought along is in force as it is.
            status=str(found.get("managed", {}).get("status", "ACTIVE")),
            expires_at=read_time(found.get("expireTime")),
            domains=dict(found.get("managed", {}).get("domainStatus", {})),
        )
        for found in sorted(certificates, key=lambda found: str(found["name"]))
    )


def _users(estate: Estate | None, jobs: Sequence[Body]) -> dict[str, dict[str, str]]:
    """Return by secret who has which version pinned."""
    found: dict[str, dict[str, str]] = {}
    for service in estate.services if estate else ():
        pins = [
            (short_name(revision["name"]), pinned_by(revision))
            for revision in (estate.serving(service) if estate else ())
        ]
        for revision, pinned in pins:
            for secret, version in pinned.items():
                alike = all(other.get(secret, version) == version for _, other in pins)
                user = service if alike else f"{service} ({revision})"
                found.setdefault(secret, {})[user] = version
    for job in jobs:
        template = job.get("template", {}).get("template", {})
        for secret, version in pinned_by(template).items():
            found.setdefault(secret, {})[short_name(job["name"])] = version
    return found
