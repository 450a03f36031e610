"""Rules of Memorystore: highly available, with AUTH, inside the VPC, exported."""

from collections.abc import Iterator

from leitstand.core.hardening.estate import Body, Estate, Item, at, relative
from leitstand.core.hardening.rule import Finding, Rule, rule

__all__ = ["RULES"]

_TABLE = "Produktion, Ressourcen und Parameter: Memorystore"


@rule(
    "redis-highly-available", "Memorystore ist hochverfügbar (Standard Tier)", "error",
    source=_TABLE,
    why="Im Basic Tier leert der Ausfall eines Knotens die Warteschlangen.",
)  # fmt: skip
def _tier(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("redis.instances"):
        if item.get("tier") != "STANDARD_HA":
            yield item.finding(
                "tier", item.get("tier"), "STANDARD_HA",
                f"Die Instanz {item.id} hat keinen zweiten Knoten.",
            )  # fmt: skip


@rule(
    "redis-auth-on", "Memorystore verlangt das Auth-Token", "error",
    source=_TABLE,
    why="Ohne AUTH liest und leert jeder im Netz die Warteschlangen.",
)  # fmt: skip
def _auth(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("redis.instances"):
        if not item.get("authEnabled", False):
            yield item.finding(
                "authEnabled", False, True, f"Die Instanz {item.id} verlangt kein Auth-Token."
            )


@rule(
    "redis-in-own-vpc", "Memorystore ist nur aus der eigenen VPC erreichbar", "error",
    source="Produktion, Schritt 3: Memorystore",
    why="In einem anderen Netz erreichen Unbeteiligte die Instanz und die Dienste nicht.",
)  # fmt: skip
def _vpc(estate: Estate) -> Iterator[Finding]:
    own = {item.name for item in estate.all("compute.networks")}
    for item in estate.all("redis.instances"):
        network = relative(item.get("authorizedNetwork"))
        if network not in own:
            yield item.finding(
                "authorizedNetwork", network, sorted(own),
                f"Die Instanz {item.id} hängt an einem anderen Netz.",
            )  # fmt: skip


@rule(
    "redis-exported-weekly", "Memorystore wird wöchentlich exportiert", "warning",
    source="Produktion, Betrieb und Sicherheit: Backups",
    why="Memorystore hat keinen eigenen Zeitplan; ohne Cloud Scheduler bleibt keine Kopie.",
)  # fmt: skip
def _export(estate: Estate) -> Iterator[Finding]:
    scheduled = estate.listed.get("cloudscheduler.jobs")
    for item in estate.all("redis.instances"):
        if estate.policy.snapshot_export == "none":
            yield item.finding(
                "export", "none", "weekly",
                f"Für die Instanz {item.id} ist kein Export vorgesehen.",
            )  # fmt: skip
        elif scheduled is None:
            yield estate.unobserved(
                item, "export", estate.policy.snapshot_export,
                f"Ob die Instanz {item.id} exportiert wird, ließ sich nicht feststellen.",
            )  # fmt: skip
        elif not any(_exports(job, item, _runs(estate)) for job in scheduled):
            yield item.finding(
                "export", None, estate.policy.snapshot_export,
                f"Kein Zeitplan exportiert die Instanz {item.id} wenigstens wöchentlich.",
            )  # fmt: skip


def _runs(estate: Estate) -> tuple[str, ...]:
    """Return the ends of the URIs that start Cloud Run jobs which export Memorystore."""
    exporting = [
        str(job.get("name", "")).rpartition("/")[2]
        for job in estate.listed.get("run.jobs") or ()
        for container in at(job, "template.template.containers", ())
        if {"snapshot_redis", "apply=true"} <= {*container.get("args", ())}
    ]
    return tuple(f"/jobs/{name}:run" for name in exporting)


def _exports(job: Body, item: Item, runs: tuple[str, ...]) -> bool:
    """Return whether a job of Cloud Scheduler exports the instance at least once a week."""
    fields = str(job.get("schedule", "")).split()
    # Minute, hour, day of the month, month, day of the week: the middle two must be open.
    weekly = len(fields) == 5 and fields[2] == fields[3] == "*"
    uri = str(at(job, "httpTarget.uri", ""))
    return weekly and job.get("state") == "ENABLED" and uri.endswith((f"{item.name}:export", *runs))


RULES: tuple[Rule, ...] = (_tier, _auth, _vpc, _export)
