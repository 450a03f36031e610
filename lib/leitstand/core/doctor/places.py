"""Whether what a run reaches for is there: APIs, database, Redis, and the stores in buckets."""

from collections.abc import Collection, Mapping

from leitstand.core.doctor.answers import Answer, Unreached
from leitstand.core.doctor.finding import LONGER, Finding, State
from leitstand.core.doctor.needs import NEEDS
from leitstand.core.doctor.target import Target
from leitstand.core.nested import value_at

__all__ = ["KEEPING", "LOCKING", "endpoint_of_database", "endpoint_of_redis", "judge_apis",
           "judge_bucket", "judge_endpoint", "judge_found"]  # fmt: skip

KEEPING = ("storage.objects.create", "storage.objects.get", "storage.objects.list")
"""What records and anchors need on their bucket; nothing is ever replaced or deleted."""
LOCKING = (*KEEPING, "storage.objects.delete")
"""What locks and open runs need on theirs: they are replaced, given back, and cleared away."""

_REACH = (
    "Von hier laufen nur {}. Für die anderen brauchen Sie einen Weg in die VPC: eine VM, ein VPN"
    " oder einen Job."
)


def judge_apis(wanted: Collection[str], answer: Answer | Unreached) -> Finding | None:
    """Return which of the wanted APIs the project does not use."""
    if isinstance(answer, Unreached):
        return Finding("APIs", "warn", answer.reason, LONGER)
    if not answer.good:
        advice = "Zum Prüfen fehlt roles/serviceusage.serviceUsageViewer; Läufe stört das nicht."
        return Finding("APIs", "warn", "nicht prüfbar", advice)
    used = {
        str(service.get("name", "")).rpartition("/")[2]
        for service in answer.body.get("services") or ()
        if service.get("state") == "ENABLED"
    }
    missing = sorted(set(wanted) - used)
    if not missing:
        return Finding("APIs", "good", f"alle {len(wanted)} eingeschaltet")
    shown = ", ".join(missing[:4]) + (" …" if len(missing) > 4 else "")
    advice = "Das Runbook provision schaltet sie ein."
    return Finding("APIs", "warn", f"ausgeschaltet: {shown}", advice)


def endpoint_of_database(target: Target, body: Mapping[str, object]) -> tuple[str, int] | None:
    """Return where runs reach a Cloud SQL instance; None where it has no private address."""
    addresses = value_at(body, "ipAddresses")
    found = addresses if isinstance(addresses, list) else []
    private = [one.get("ipAddress") for one in found if one.get("type") == "PRIVATE"]
    port = value_at(body, target.database_port_field) if target.database_port_field else None
    return (str(private[0]), int(port or target.database_port)) if private else None


def endpoint_of_redis(body: Mapping[str, object]) -> tuple[str, int] | None:
    """Return address and port of a Memorystore instance; None while it has none."""
    host, port = value_at(body, "host"), value_at(body, "port")
    return (str(host), int(port)) if host and port else None


def judge_found(title: str, name: str, answer: Answer | Unreached) -> Finding | None:
    """Return why the address of an instance is not known; None where the answer holds it."""
    if isinstance(answer, Unreached):
        return Finding(title, "warn", f"{name}: {answer.reason}", LONGER)
    if answer.status == 404:
        advice = "Das Runbook provision legt sie an."
        return Finding(title, "warn", f"die Instanz {name} gibt es nicht", advice)
    if answer.status == 403:
        advice = "Lassen Sie sich eine Rolle zum Ansehen geben, etwa roles/viewer."
        return Finding(title, "warn", f"{name}: kein Zugriff", advice)
    return None if answer.good else Finding(title, "warn", f"{name}: {answer.message}")


def judge_endpoint(
    title: str, endpoint: tuple[str, int] | None, reached: Unreached | None, *, queue: bool = False
) -> Finding:
    """Return whether a private address can be reached from this machine."""
    if endpoint is None:
        return Finding(
            title, "warn", "die Instanz hat keine private Adresse",
            "Warten Sie, bis sie bereit ist, oder sehen Sie mit dem Runbook deviations nach.",
        )  # fmt: skip
    where = f"{endpoint[0]}:{endpoint[1]}"
    if reached is None:
        return Finding(title, "good", f"{where} erreichbar")
    free = sorted(
        name for name, need in NEEDS.items() if not (need.queue if queue else need.database)
    )
    return Finding(title, "warn", f"{where}: {reached.reason}", _REACH.format(", ".join(free)))


def judge_bucket(
    title: str, bucket: str, wanted: Collection[str], answer: Answer | Unreached
) -> Finding:
    """Return whether a bucket can be used as a run needs it.

    Without locks nobody changes anything; a record that the store does not take is kept here and
    sent later.
    """
    worst: State = "bad" if "storage.objects.delete" in wanted else "warn"
    after = "" if worst == "bad" else " Bis dahin bleiben Belege auf diesem Rechner."
    if isinstance(answer, Unreached):
        return Finding(title, worst, f"gs://{bucket}: {answer.reason}", LONGER + after)
    if answer.status == 404:
        advice = "Legen Sie ihn mit dem Runbook provision an." + after
        return Finding(title, worst, f"den Bucket {bucket} gibt es nicht", advice)
    missing = sorted(set(wanted) - set(answer.body.get("permissions") or ()))
    if not answer.good or missing:
        role = (
            "roles/storage.objectUser"
            if worst == "bad"
            else ("roles/storage.objectCreator und roles/storage.objectViewer")
        )
        detail = (
            f"gs://{bucket}: {'es fehlt ' + ', '.join(missing) if answer.good else 'kein Zugriff'}"
        )
        return Finding(title, worst, detail, f"Lassen Sie sich daran {role} geben." + after)
    return Finding(title, "good", f"gs://{bucket}")
