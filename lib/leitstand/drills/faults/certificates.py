"""A certificate that Google cannot renew, since DNS leads elsewhere."""

from datetime import UTC, datetime, timedelta
from typing import Any

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_CERTIFICATE = "main"
_LEFT = timedelta(days=3)
_ELSEWHERE = "192.0.2.1"
"""Documentation's own network: nobody is there (RFC 5737)."""
_API = "dns.v1"


def _record_name(scene: Scene) -> str:
    balancer = scene.environment.load_balancer
    assert balancer is not None
    return f"projects/{scene.project}/managedZones/main/rrsets/{balancer.domain}./A"


def _record(scene: Scene) -> dict[str, Any]:
    found = scene.connection.rest.call(
        _API, "resourceRecordSets", "get", _record_name(scene), what="DNS-Eintrag lesen"
    )
    return dict(found)


def _lead(scene: Scene, addresses: list[str]) -> None:
    body = {**_record(scene), "rrdatas": addresses}
    name, what = _record_name(scene), "DNS-Eintrag ändern"
    scene.connection.rest.call(_API, "resourceRecordSets", "patch", name, what=what, body=body)


def _certificate(scene: Scene) -> dict[str, Any]:
    found = scene.connection.rest.call(
        "compute.v1", "sslCertificates", "get",
        f"projects/{scene.project}/global/sslCertificates/{_CERTIFICATE}",
        what="Zertifikat lesen",
    )  # fmt: skip
    return dict(found)


def _inject(scene: Scene) -> None:
    """Lead the domain elsewhere, as a slip in DNS does, and let the weeks pass until the end."""
    scene.state.note("addresses", _record(scene)["rrdatas"])
    _lead(scene, [_ELSEWHERE])
    scene.sandbox.age_certificate(_CERTIFICATE, _LEFT.total_seconds())


def _recovered(scene: Scene) -> bool:
    """Whether the certificate is in force, and for longer than the limit."""
    found = _certificate(scene)
    if found["managed"]["status"] != "ACTIVE" or "expireTime" not in found:
        return False
    left = datetime.fromisoformat(found["expireTime"]) - datetime.now(UTC)
    return left > timedelta(days=scene.environment.triage.certificate_days)


def _clean(scene: Scene) -> None:
    """Lead the domain back; the certificate is then renewed."""
    addresses = scene.state.noted("addresses")
    if addresses is not None and _record(scene)["rrdatas"] != addresses:
        _lead(scene, addresses)


DRILLS = (
    Drill(
        name="certificate-expiring",
        title="Post von der Sicherheit",
        story=(
            "Die wöchentliche Prüfung von außen schlägt an: In wenigen Tagen werden Browser vor der"
            " Anwendung warnen. Heute funktioniert noch alles, und geändert hat angeblich niemand"
            " etwas."
        ),
        cause=Cause.CERTIFICATE_EXPIRING,
        treatments=("provision",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
