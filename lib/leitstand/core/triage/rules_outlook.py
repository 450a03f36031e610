"""What will become an incident unless somebody acts, and whether anybody is looking."""

from collections.abc import Iterator
from datetime import datetime

from leitstand.core.german import duration, listing, sentence
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.signals import CertificateSignal, Missing, Source
from leitstand.core.triage.view import Suspect, View

__all__ = ["certificates_expiring", "monitoring_silent", "secrets_expiring"]

_DAY = 86_400


def certificates_expiring(view: View) -> Iterator[Suspect]:
    """Yield a suspect for each certificate that ends soon: Google renews it a month before."""
    certificates = view.signals.certificates
    for certificate in () if isinstance(certificates, Missing) else certificates:
        ends = certificate.expires_at
        failed = "FAILED" in certificate.status
        if ends is None and not failed:
            continue
        left = -view.ago(ends) if ends is not None else 0.0
        span = view.policy.certificate_days * _DAY
        if ends is not None and left > span and not failed:
            continue
        yield _certificate(certificate, left, ends, left / span)


def _certificate(
    certificate: CertificateSignal, left: float, ends: datetime | None, rest: float
) -> Suspect:
    over = ends is not None and left <= 0
    if ends is None:
        text = f"{certificate.name} wurde nicht ausgestellt ({certificate.status})."
    elif over:
        text = f"{certificate.name} ist seit {duration(-left)} abgelaufen."
    else:
        text = f"{certificate.name} läuft in {duration(left)} ab und ist nicht erneuert."
    evidence = [Evidence(text, Source.CERTIFICATES, ends)]
    bad = {name: status for name, status in certificate.domains.items() if status != "ACTIVE"}
    if bad:
        told = listing([f"{name} ({status})" for name, status in sorted(bad.items())])
        evidence.append(Evidence(f"Nicht bestätigt: {told}.", Source.CERTIFICATES))
    return Suspect(
        Hypothesis(
            Cause.CERTIFICATE_EXPIRING,
            f"Das Zertifikat {certificate.name} "
            + (
                "ist abgelaufen"
                if over
                else "ist nicht ausgestellt"
                if ends is None
                else "läuft ab"
            ),
            0.9 if over else 1.0 - 0.5 * min(1.0, max(0.0, rest)),
            tuple(evidence),
            (),
            (
                Treatment("deviations", {}, "Zeigt, ob DNS und Load Balancer noch stimmen."),
                Treatment("provision", {}, "Stellt DNS und Zertifikat wie in der Datei her."),
            ),
            "Alle: Browser zeigen eine Warnung statt der Anwendung."
            if over
            else "Noch niemand. Danach zeigen Browser eine Warnung statt der Anwendung.",
            target=certificate.name,
            began=ends if over else None,
            acute=over,
        )
    )


def secrets_expiring(view: View) -> Iterator[Suspect]:
    """Yield a suspect for each secret in use that Secret Manager deletes soon."""
    secrets = view.signals.secrets
    for secret in () if isinstance(secrets, Missing) else secrets:
        ends = secret.expires_at
        if ends is None or not secret.used:
            continue
        left = -view.ago(ends)
        span = view.policy.secret_days * _DAY
        if left > span:
            continue
        users = listing(sorted(secret.used))
        when = f"löscht es in {duration(left)}" if left > 0 else "hat es gelöscht oder löscht es"
        yield Suspect(
            Hypothesis(
                Cause.SECRET_EXPIRING,
                f"Das Secret {secret.name} läuft ab",
                1.0 - 0.5 * min(1.0, max(0.0, left / span)),
                (
                    Evidence(
                        f"Secret Manager {when}: {secret.name}, genutzt von {users}.",
                        Source.SECRETS,
                        ends,
                    ),
                ),
                (),
                (
                    Treatment(
                        "provision",
                        {},
                        "Nimmt die Frist weg: In der Umgebungsdatei hat das Secret keine.",
                    ),
                ),
                f"Noch niemand. Danach startet keine neue Instanz von {users}.",
                target=secret.name,
                acute=False,
            )
        )


def monitoring_silent(view: View) -> Iterator[Suspect]:
    """Yield a suspect if Cloud Monitoring does not tell what the services answer."""
    silent = view.signals.traffic
    if not isinstance(silent, Missing):
        return
    evidence = (Evidence(f"Anfragen, Fehler, Latenz: {sentence(silent.reason)}", Source.TRAFFIC),)
    yield Suspect(
        Hypothesis(
            Cause.MONITORING_SILENT,
            "Cloud Monitoring antwortet nicht",
            0.5,
            evidence,
            (),
            (
                Treatment(
                    "deviations", {}, "Zeigt, ob API, Rechte und Netz noch wie vereinbart sind."
                ),
            ),
            "Sie selbst: Fehler und Latenz der Dienste sind nicht zu sehen.",
            acute=False,
        )
    )
