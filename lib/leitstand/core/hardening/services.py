"""Rules of services and jobs: their figures, their images, who may call them."""

import re
from collections.abc import Iterator

from leitstand.core.hardening.containers import workloads
from leitstand.core.hardening.estate import Estate, Item, at, number
from leitstand.core.hardening.grants import EVERYONE, grants
from leitstand.core.hardening.rule import Finding, Rule, rule

__all__ = ["RULES"]

_TABLE = "Produktion, Ressourcen und Parameter"

WEB = {"min": 2, "max": 10, "concurrency": 30, "cpu": 2.0, "memory": 2048.0}
"""Figures of the web service; memory in MiB. Source: production page, row Web."""

WORKER_MAX = 20
"""Most instances of the worker. Source: production page, row Worker."""

MIGRATE = {"timeout": "900s", "maxRetries": 1}
"""Limits of the migrate job. Source: production page, row Migrate-Job."""

_FIRST = "template.containers.0.resources"


def _instances(item: Item, which: str) -> int:
    """Return the least or most instances: what the service says, else what its template says."""
    field = f"{which}InstanceCount"
    if item.get("scaling.scalingMode") == "MANUAL":
        return int(number(item.get("scaling.manualInstanceCount")))
    return int(number(item.get(f"scaling.{field}", item.get(f"template.scaling.{field}"))))


def _concurrency(item: Item) -> int:
    return int(number(item.get("template.maxInstanceRequestConcurrency")))


def _cores(text: object) -> float:
    value = str(text or "0")
    return number(value[:-1]) / 1000 if value.endswith("m") else number(value)


def _mebibytes(text: object) -> float:
    value = str(text or "0")
    for unit, factor in (("Gi", 1024.0), ("Mi", 1.0)):
        if value.endswith(unit):
            return number(value.removesuffix(unit)) * factor
    return number(value) / 2**20


@rule(
    "web-figures", "web hat die Größe der Produktion", "error",
    source=f"{_TABLE}: Web",
    why="Mit weniger Instanzen oder Speicher hält die Anwendung der Last nicht stand.",
)  # fmt: skip
def _web(estate: Estate) -> Iterator[Finding]:
    item = estate.get("run.services", estate.policy.web)
    if item is None:
        return
    figures = {
        "scaling.minInstanceCount": (_instances(item, "min"), WEB["min"]),
        "scaling.maxInstanceCount": (_instances(item, "max"), WEB["max"]),
        "template.maxInstanceRequestConcurrency": (_concurrency(item), WEB["concurrency"]),
        f"{_FIRST}.limits.cpu": (_cores(item.get(f"{_FIRST}.limits.cpu")), WEB["cpu"]),
        f"{_FIRST}.limits.memory": (_mebibytes(item.get(f"{_FIRST}.limits.memory")), WEB["memory"]),
    }
    for path, (found, expected) in figures.items():
        if found != expected:
            yield item.finding(
                path, found, expected,
                f"{path.rsplit('.', 1)[-1]} von web ist {found:g} statt {expected:g}.",
            )  # fmt: skip


@rule(
    "worker-figures", "worker nimmt eine Aufgabe je Instanz und bleibt in seinen Grenzen", "error",
    source=f"{_TABLE}: Worker",
    why="Ohne laufende Instanz bleiben Aufgaben liegen, mit zu vielen reißt die Datenbank ab.",
)  # fmt: skip
def _worker(estate: Estate) -> Iterator[Finding]:
    item = estate.get("run.services", estate.policy.worker)
    if item is None:
        return
    least, most = _instances(item, "min"), _instances(item, "max")
    at_once = _concurrency(item)
    if at_once != 1:
        yield item.finding(
            "template.maxInstanceRequestConcurrency", at_once, 1,
            f"worker bearbeitet {at_once} Aufgaben zugleich statt einer.",
        )  # fmt: skip
    if least < 1:
        yield item.finding(
            "scaling.minInstanceCount", least, 1, "worker hat keine ständig laufende Instanz."
        )
    if not 1 <= most <= WORKER_MAX:
        yield item.finding(
            "scaling.maxInstanceCount", most, WORKER_MAX,
            f"worker darf auf {most} Instanzen wachsen; vorgesehen sind 1 bis {WORKER_MAX}.",
        )  # fmt: skip


@rule(
    "background-keeps-its-cpu", "worker und beat behalten ihre CPU zwischen Anfragen", "warning",
    source="Google Cloud, Cloud Run: CPU-Zuteilung",
    why="Ohne Anfrage wird die CPU sonst gedrosselt, und Aufgaben aus der Warteschlange stehen.",
)  # fmt: skip
def _cpu(estate: Estate) -> Iterator[Finding]:
    for service in (estate.policy.worker, estate.policy.beat):
        item = estate.get("run.services", service)
        if item is not None and item.get(f"{_FIRST}.cpuIdle", False):
            yield item.finding(
                f"{_FIRST}.cpuIdle", True, False, f"{service} verliert die CPU zwischen Anfragen."
            )


@rule(
    "beat-exactly-once", "beat läuft genau einmal", "error",
    source=f"{_TABLE}: Beat",
    why="Zwei Instanzen stellen jede geplante Aufgabe doppelt ein, keine stellt keine ein.",
)  # fmt: skip
def _once(estate: Estate) -> Iterator[Finding]:
    item = estate.get("run.services", estate.policy.beat)
    if item is not None and (span := (_instances(item, "min"), _instances(item, "max"))) != (1, 1):
        yield item.finding(
            "scaling", list(span), [1, 1],
            f"beat läuft mit {span[0]} bis {span[1]} Instanzen statt mit genau einer.",
        )  # fmt: skip


@rule(
    "beat-private", "beat ist nur intern erreichbar", "error",
    source=f"{_TABLE}: Beat, Private Ingress",
    why="beat stellt Aufgaben ein und hat keinen Grund, Anfragen von außen anzunehmen.",
)  # fmt: skip
def _private(estate: Estate) -> Iterator[Finding]:
    item = estate.get("run.services", estate.policy.beat)
    if item is not None and item.get("ingress") not in (
        "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_NONE",
    ):  # fmt: skip
        yield item.finding(
            "ingress", item.get("ingress"), "INGRESS_TRAFFIC_INTERNAL_ONLY",
            "beat nimmt Anfragen an, die nicht aus der VPC kommen.",
        )  # fmt: skip


@rule(
    "migrate-job-limits", "Der Migrationsjob hat 900 s und einen zweiten Versuch", "error",
    source=f"{_TABLE}: Migrate-Job",
    why="Mehr Zeit oder Versuche lassen eine hängende Migration länger sperren.",
)  # fmt: skip
def _migrate(estate: Estate) -> Iterator[Finding]:
    item = estate.get("run.jobs", estate.policy.migrate)
    if item is None:
        return
    for field, expected in MIGRATE.items():
        # Cloud Run retries three times where a job says nothing.
        found = item.get(f"template.template.{field}", 3 if field == "maxRetries" else None)
        if found != expected:
            yield item.finding(
                f"template.template.{field}", found, expected,
                f"{field} des Migrationsjobs ist {found} statt {expected}.",
            )  # fmt: skip


@rule(
    "migrate-only-after-approval", "Kein Zeitplan startet den Migrationsjob", "warning",
    source=f"{_TABLE}: Migrate-Job, Freigabe",
    why="Eine Migration ohne Freigabe ändert das Schema, ohne dass jemand den Plan gesehen hat.",
)  # fmt: skip
def _approval(estate: Estate) -> Iterator[Finding]:
    item = estate.get("run.jobs", estate.policy.migrate)
    scheduled = estate.listed.get("cloudscheduler.jobs")
    if item is None:
        return
    if scheduled is None:
        yield estate.unobserved(
            item, "schedule", None,
            "Ob ein Zeitplan den Migrationsjob startet, ließ sich nicht feststellen.",
        )  # fmt: skip
    for job in scheduled or ():
        if str(at(job, "httpTarget.uri", "")).endswith(f"/jobs/{item.id}:run"):
            yield item.finding(
                "schedule", job.get("name"), None,
                "Cloud Scheduler startet den Migrationsjob ohne Freigabe.",
            )  # fmt: skip


@rule(
    "images-by-digest", "Images sind mit Digest eingetragen", "error",
    source=f"{_TABLE}: Artifact Registry",
    why="Ein Tag lässt sich umhängen; dann läuft etwas anderes, als geprüft wurde.",
)  # fmt: skip
def _digest(estate: Estate) -> Iterator[Finding]:
    for item, path, image in _images(estate):
        if "@sha256:" not in image:
            yield item.finding(
                path, image, f"{image.partition(':')[0]}@sha256:…",
                f"Das Image von {item.id} ist ohne Digest eingetragen.",
            )  # fmt: skip


@rule(
    "images-signed", "Jedes Image trägt eine gültige Signatur", "error",
    source=f"{_TABLE}: Artifact Registry, nur signierte Tags",
    why="Ohne Signatur ist nicht belegt, dass die Pipeline das Image gebaut hat.",
)  # fmt: skip
def _signed(estate: Estate) -> Iterator[Finding]:
    for item, path, image in _images(estate):
        if "@sha256:" not in image:
            continue
        if estate.images is None:
            yield estate.unobserved(
                item, f"{path}.signature", True,
                f"Die Signatur des Images von {item.id} wurde nicht geprüft.",
            )  # fmt: skip
        elif not estate.images.get(image, False):
            yield item.finding(
                f"{path}.signature", False, True,
                f"Das Image von {item.id} hat keine gültige Signatur.",
            )  # fmt: skip


@rule(
    "images-from-agreed-repository", "Images kommen aus der gemeinsamen Ablage", "error",
    source=f"{_TABLE}: Artifact Registry, gleiches Repo wie Staging",
    why="Nur was auf Staging lief, darf in Produktion laufen.",
)  # fmt: skip
def _repository(estate: Estate) -> Iterator[Finding]:
    for item, path, image in _images(estate):
        if not image.startswith(f"{estate.policy.repository}/"):
            yield item.finding(
                f"{path}.repository", re.split(r"[@:]", image)[0], estate.policy.repository,
                f"Das Image von {item.id} kommt aus einer anderen Ablage.",
            )  # fmt: skip


def _images(estate: Estate) -> Iterator[tuple[Item, str, str]]:
    for workload in workloads(estate):
        for path, container in workload.containers:
            yield workload.item, f"{path}.image", str(container.get("image", ""))


@rule(
    "only-web-for-everyone", "Ohne Anmeldung aufrufbar ist nur web", "error",
    source="Produktion, Architekturunterschiede: Ingress",
    why="Jeder weitere offene Dienst verlässt sich allein auf die Netzgrenze.",
)  # fmt: skip
def _invokers(estate: Estate) -> Iterator[Finding]:
    for grant in grants(estate, "run.policy"):
        open_to = [name for name in grant.members if name in EVERYONE]
        if open_to and grant.item.id != estate.policy.web:
            yield grant.finding(
                open_to, "serviceAccount:…", f"{grant.item.id} darf jeder aufrufen."
            )


RULES: tuple[Rule, ...] = (
    _web,
    _worker,
    _cpu,
    _once,
    _private,
    _migrate,
    _approval,
    _digest,
    _signed,
    _repository,
    _invokers,
)
