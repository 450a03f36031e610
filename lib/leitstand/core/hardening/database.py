"""Rules of Cloud SQL: private, recoverable, protected."""

from collections.abc import Iterator

from leitstand.core.hardening.containers import variables, workloads
from leitstand.core.hardening.estate import Estate, Item, number, relative
from leitstand.core.hardening.rule import Finding, Rule, rule
from leitstand.core.names import short_name

__all__ = ["RULES"]

_PRIVATE = "Produktion, Architekturunterschiede: Cloud SQL"
_TABLE = "Produktion, Ressourcen und Parameter: Cloud SQL"

LOG_DAYS = 7
"""Days that point-in-time recovery must reach back. Source: production page, row Cloud SQL."""

VECTOR_FLAGS = {"hnsw.ef_search": ("64",), "hnsw.iterative_scan": ("strict_order", "relaxed_order")}
"""Values of pgvector's flags where an instance states them.

Source: production page, row RAG Store (ef_search); pgvector's README on filtering (iterative scan).
"""

_BACKUP = "settings.backupConfiguration"
_IP = "settings.ipConfiguration"


@rule(
    "cloud-sql-private-only", "Cloud SQL hat keine öffentliche Adresse", "error",
    source=_PRIVATE,
    why="Über eine öffentliche Adresse ist die Datenbank mit Kundendaten aus dem Internet "
    "angreifbar.",
)  # fmt: skip
def _private(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("sql.instances"):
        if item.get(f"{_IP}.ipv4Enabled", False):
            yield item.finding(
                f"{_IP}.ipv4Enabled", True, False,
                f"Die Instanz {item.id} hat eine öffentliche Adresse.",
            )  # fmt: skip
        open_to = [entry.get("value") for entry in item.get(f"{_IP}.authorizedNetworks", ())]
        if open_to:
            yield item.finding(
                f"{_IP}.authorizedNetworks", open_to, [],
                f"Die Instanz {item.id} lässt Netze außerhalb der VPC zu.",
            )  # fmt: skip
    if "sql.instances" not in estate.listed:
        yield estate.unobserved(
            None, "sql.instances", False,
            "Die übrigen Cloud-SQL-Instanzen des Projekts wurden nicht aufgelistet.",
        )  # fmt: skip


@rule(
    "cloud-sql-in-own-vpc", "Cloud SQL liegt in der eigenen VPC", "error",
    source=_PRIVATE,
    why="In einem fremden oder im Standardnetz erreichen auch Unbeteiligte die Datenbank.",
)  # fmt: skip
def _own_vpc(estate: Estate) -> Iterator[Finding]:
    own = {item.name for item in estate.all("compute.networks")}
    for item in estate.all("sql.instances"):
        network = relative(item.get(f"{_IP}.privateNetwork"))
        if (network and network not in own) or not (network or _uses_psc(item)):
            yield item.finding(
                f"{_IP}.privateNetwork", network or None, sorted(own),
                f"Die Instanz {item.id} liegt nicht im VPC-Netz dieser Umgebung.",
            )  # fmt: skip
        projects = item.get(f"{_IP}.pscConfig.allowedConsumerProjects", ())
        foreign = [name for name in projects if name not in (estate.project, estate.number)]
        if foreign:
            yield item.finding(
                f"{_IP}.pscConfig.allowedConsumerProjects", foreign, [estate.project],
                f"Die Instanz {item.id} lässt fremde Projekte zu: {', '.join(foreign)}.",
            )  # fmt: skip


@rule(
    "private-path-in-place", "Der private Weg zur Datenbank besteht", "error",
    source="Produktion, Architekturunterschiede: Cloud SQL, Private Service Connect",
    why="Fehlt der Endpunkt oder die Netzverbindung, erreicht kein Dienst die Datenbank.",
)  # fmt: skip
def _private_path(estate: Estate) -> Iterator[Finding]:
    peered = {
        relative(item.get("network")).replace(estate.number, estate.project)
        for item in estate.all("servicenetworking.connections")
        if item.get("reservedPeeringRanges")
    }
    endpoints = {
        relative(item.get("target")): item.get("pscConnectionStatus", "ACCEPTED")
        for item in estate.all("compute.forwardingRules")
    }
    for item in estate.all("sql.instances"):
        network = relative(item.get(f"{_IP}.privateNetwork"))
        if network and network not in peered:
            yield item.finding(
                f"{_IP}.privateNetwork", network, "servicenetworking.connections",
                f"Zum Netz der Instanz {item.id} gibt es keinen privaten Dienstzugriff.",
            )  # fmt: skip
        attachment = relative(item.get("pscServiceAttachmentLink"))
        status = endpoints.get(attachment)
        if _uses_psc(item) and status != "ACCEPTED":
            yield item.finding(
                "pscServiceAttachmentLink", status, "ACCEPTED",
                f"Zur Instanz {item.id} besteht kein Endpunkt von Private Service Connect.",
            )  # fmt: skip


def _uses_psc(item: Item) -> bool:
    return bool(item.get(f"{_IP}.pscConfig.pscEnabled", False))


@rule(
    "point-in-time-recovery-on", "Die Wiederherstellung auf einen Zeitpunkt ist eingeschaltet",
    "error",
    source=_TABLE,
    why="Ohne PITR gehen bei einem Fehler alle Daten seit der letzten Sicherung verloren.",
)  # fmt: skip
def _recovery(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("sql.instances"):
        if not _recoverable(item):
            yield item.finding(
                f"{_BACKUP}.pointInTimeRecoveryEnabled", False, True,
                f"Die Instanz {item.id} lässt sich nicht auf einen Zeitpunkt zurückholen.",
            )  # fmt: skip


@rule(
    "transaction-logs-seven-days", f"Transaktionsprotokolle reichen mindestens {LOG_DAYS} Tage",
    "error",
    source=_TABLE,
    why="Ein Schaden, der erst nach Tagen auffällt, läge sonst außerhalb des Fensters.",
)  # fmt: skip
def _log_days(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("sql.instances"):
        days = _days(item)
        if _recoverable(item) and days < LOG_DAYS:
            yield item.finding(
                f"{_BACKUP}.transactionLogRetentionDays", days, LOG_DAYS,
                f"Die Protokolle der Instanz {item.id} reichen nur {days} Tage zurück.",
            )  # fmt: skip


@rule(
    "daily-backups-on", "Cloud SQL wird täglich gesichert", "error",
    source=_TABLE,
    why="Ohne Sicherung gibt es keinen Stand, von dem aus sich etwas wiederherstellen ließe.",
)  # fmt: skip
def _backups(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("sql.instances"):
        if not item.get(f"{_BACKUP}.enabled", False):
            yield item.finding(
                f"{_BACKUP}.enabled", False, True,
                f"Die tägliche Sicherung der Instanz {item.id} ist ausgeschaltet.",
            )  # fmt: skip


@rule(
    "backups-outlive-logs", "Sicherungen bleiben einen Tag länger als die Protokolle", "error",
    source="Google Cloud, Cloud SQL: Aufbewahrung von Sicherungen und Protokollen",
    why="PITR braucht eine Sicherung, die älter ist als das älteste Protokoll.",
)  # fmt: skip
def _retained(estate: Estate) -> Iterator[Finding]:
    path = f"{_BACKUP}.backupRetentionSettings.retainedBackups"
    for item in estate.all("sql.instances"):
        kept, needed = int(number(item.get(path))), _days(item) + 1
        if item.get(f"{_BACKUP}.enabled") and _recoverable(item) and kept < needed:
            yield item.finding(
                path, kept, needed,
                f"Die Instanz {item.id} behält {kept} Sicherungen bei {needed - 1} Tagen "
                "Protokoll.",
            )  # fmt: skip


def _recoverable(item: Item) -> bool:
    return bool(item.get(f"{_BACKUP}.pointInTimeRecoveryEnabled", False))


def _days(item: Item) -> int:
    return int(number(item.get(f"{_BACKUP}.transactionLogRetentionDays")))


@rule(
    "maintenance-window-set", "Das Wartungsfenster ist festgelegt", "error",
    source=_TABLE,
    why="Ohne Fenster startet Google die Datenbank neu, wann es will, auch im Tagesgeschäft.",
)  # fmt: skip
def _maintenance(estate: Estate) -> Iterator[Finding]:
    path = "settings.maintenanceWindow"
    for item in estate.all("sql.instances"):
        if not 1 <= number(item.get(f"{path}.day")) <= 7:
            yield item.finding(
                path, dict(item.get(path, {})), {"day": "1–7", "hour": "0–23"},
                f"Die Instanz {item.id} hat kein Wartungsfenster.",
            )  # fmt: skip


@rule(
    "deletion-protection-on", "Die Datenbank ist gegen Löschen geschützt", "error",
    source="Produktion, Warum: Schutz der Kundendaten",
    why="Ein einziger falscher Befehl löschte sonst die Instanz mit ihren Sicherungen.",
)  # fmt: skip
def _protection(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("sql.instances"):
        if not item.get("settings.deletionProtectionEnabled", False):
            yield item.finding(
                "settings.deletionProtectionEnabled", False, True,
                f"Der Löschschutz der Instanz {item.id} ist ausgeschaltet.",
            )  # fmt: skip


@rule(
    "separate-databases", "Anwendung und LiteLLM haben getrennte Datenbanken", "warning",
    source=_TABLE,
    why="In einer gemeinsamen Datenbank trifft jede Migration und jede Wiederherstellung beide.",
)  # fmt: skip
def _separate(estate: Estate) -> Iterator[Finding]:
    there = {short_name(item.name) for item in estate.all("sql.databases")}
    missing = sorted(set(estate.policy.databases) - there)
    if missing:
        yield estate.missing(
            "sql.databases", list(estate.policy.databases),
            f"Eine eigene Datenbank fehlt: {', '.join(missing)}.",
        )  # fmt: skip
    urls = {
        workload.item.id: variable
        for workload in workloads(estate)
        for variable in variables(workload)
        if variable.name == "DATABASE_URL" and variable.secret
    }
    web, litellm = urls.get(estate.policy.web), urls.get(estate.policy.litellm)
    if web and litellm and short_name(web.secret) == short_name(litellm.secret):
        yield litellm.finding(
            litellm.secret, "ein eigenes Secret",
            "LiteLLM liest dieselbe DATABASE_URL wie die Anwendung.",
        )  # fmt: skip


@rule(
    "vector-search-settings", "Die Schalter von pgvector entsprechen der Vorgabe", "warning",
    source="Produktion, Ressourcen und Parameter: RAG Store",
    why="Mit kleinerem ef_search oder ohne iterative Suche fehlen Treffer, ohne dass es auffällt.",
)  # fmt: skip
def _vector(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("sql.instances"):
        for flag in item.get("settings.databaseFlags", ()):
            name, value = str(flag.get("name")), str(flag.get("value"))
            if value not in VECTOR_FLAGS.get(name, (value,)):
                yield item.finding(
                    f"settings.databaseFlags.{name}", value, list(VECTOR_FLAGS[name]),
                    f"Die Instanz {item.id} setzt {name} auf {value}.",
                )  # fmt: skip


RULES: tuple[Rule, ...] = (
    _private,
    _own_vpc,
    _private_path,
    _recovery,
    _log_days,
    _backups,
    _retained,
    _maintenance,
    _protection,
    _separate,
    _vector,
)
