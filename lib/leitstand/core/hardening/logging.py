"""Rules of logs: kept for 90 days, audit logs whole, exported to BigQuery."""

import re
from collections.abc import Iterator

from leitstand.core.hardening.estate import Estate, Item, number, relative
from leitstand.core.hardening.rule import Finding, Rule, rule

__all__ = ["AUDIT_DAYS", "RULES", "drops_audit_logs"]

_LOGS = "Produktion, Betrieb und Sicherheit: Log-Retention"

RETENTION_DAYS = 90
"""Days that logs are kept. Source: production page, line Log-Retention."""

AUDIT_DAYS = 400
"""Days that Google keeps audit logs in ``_Required``. Source: Cloud Logging, quotas and limits."""

_DEFAULT_DAYS = 30
_DAY_MS = 86_400_000
_BIGQUERY = "bigquery.googleapis.com/"
_WRITERS = ("WRITER", "OWNER", "roles/bigquery.dataEditor", "roles/bigquery.dataOwner")

_AUDIT = r"(?:cloudaudit|externalaudit)"
_NEGATED = re.compile(
    rf"(?:\bNOT\b|-)\s*\(?\s*(?:log_?(?:id|name)\b[^)]*?)?{_AUDIT}", re.IGNORECASE
)
_NAMES_AUDIT = re.compile(_AUDIT, re.IGNORECASE)
_NAMES_OTHER = re.compile(
    r"\blog_?(?:id|name)\b|httpRequest|textPayload|jsonPayload", re.IGNORECASE
)
_ROUTED_AWAY = re.compile(
    rf"\bNOT\s+LOG_ID\(\s*[\"'](?:{_AUDIT})\.googleapis\.com(?:/|%2F)(?:activity|system_event"
    r"|access_transparency)[\"']\s*\)",
    re.IGNORECASE,
)
"""What Google's own filter of ``_Default`` leaves out, since it goes to ``_Required``."""


def drops_audit_logs(exclusion: str) -> bool:
    """Return whether an exclusion with this filter may drop audit logs.

    A filter is safe where each of its alternatives excepts audit logs by name, or asks for a log
    or a field that no audit log has.
    """
    for part in re.split(r"\bOR\b", exclusion):
        if _NEGATED.search(part):
            continue
        if _NAMES_AUDIT.search(part) or not _NAMES_OTHER.search(part):
            return True
    return False


@rule(
    "log-retention", f"Logs bleiben mindestens {RETENTION_DAYS} Tage", "error",
    source=_LOGS,
    why="Viele Vorfälle fallen erst nach Wochen auf; dann fehlen sonst die Belege.",
)  # fmt: skip
def _retention(estate: Estate) -> Iterator[Finding]:
    buckets = [item for item in estate.all("logging.buckets") if item.id != "_Required"]
    for item in buckets:
        days = int(number(item.get("retentionDays"), _DEFAULT_DAYS))
        if days < RETENTION_DAYS:
            yield item.finding(
                "retentionDays", days, RETENTION_DAYS,
                f"Der Log-Bucket {item.id} behält Einträge nur {days} Tage.",
            )  # fmt: skip
    if "_Default" not in {item.id for item in buckets}:
        yield estate.unobserved(
            None, "logging.buckets._Default", RETENTION_DAYS,
            "Der Log-Bucket _Default ließ sich nicht lesen.",
        )  # fmt: skip


@rule(
    "audit-logs-not-shortened", "Audit-Logs sind vollständig und ungekürzt", "error",
    source=f"{_LOGS}, Audit-Logs",
    why="Ohne Audit-Logs ist nicht nachweisbar, wer was geändert oder gelesen hat.",
)  # fmt: skip
def _audit(estate: Estate) -> Iterator[Finding]:
    for bucket in estate.all("logging.buckets"):
        days = int(number(bucket.get("retentionDays"), AUDIT_DAYS))
        if bucket.id == "_Required" and days < AUDIT_DAYS:
            yield bucket.finding(
                "retentionDays", days, AUDIT_DAYS, "Der Bucket _Required behält weniger als üblich."
            )
    for sink in estate.all("logging.sinks"):
        yield from _sink(sink)
    if "logging.sinks" not in estate.listed:
        yield estate.unobserved(
            None, "logging.sinks", [], "Die Log-Senken des Projekts wurden nicht aufgelistet."
        )
    for policy in estate.all("project.policy"):
        for config in policy.get("auditConfigs", ()):
            exempt = [
                member
                for entry in config.get("auditLogConfigs", ())
                for member in entry.get("exemptedMembers", ())
            ]
            if exempt:
                service = config.get("service")
                yield policy.finding(
                    f"auditConfigs.{service}", exempt, [],
                    f"Von den Audit-Logs für {service} sind Konten ausgenommen.",
                )  # fmt: skip


def _sink(sink: Item) -> Iterator[Finding]:
    if sink.id in ("_Default", "_Required") and sink.get("disabled", False):
        yield sink.finding("disabled", True, False, f"Die Senke {sink.id} ist ausgeschaltet.")
    for exclusion in sink.get("exclusions", ()):
        text = str(exclusion.get("filter", ""))
        if not exclusion.get("disabled", False) and drops_audit_logs(text):
            yield sink.finding(
                f"exclusions.{exclusion.get('name')}", text, None,
                f"Der Ausschluss {exclusion.get('name')} der Senke {sink.id} verwirft Audit-Logs.",
            )  # fmt: skip
    text = str(sink.get("filter", ""))
    kept = _ROUTED_AWAY.sub("", text) if sink.id == "_Default" else text
    if _NEGATED.search(kept):
        yield sink.finding(
            "filter", text, None, f"Der Filter der Senke {sink.id} lässt Audit-Logs aus."
        )


@rule(
    "logs-exported", "Wichtige Logs werden nach BigQuery exportiert", "error",
    source=f"{_LOGS}, Export nach BigQuery",
    why="Nach Ablauf der Aufbewahrung wären die Einträge sonst endgültig fort.",
)  # fmt: skip
def _exported(estate: Estate) -> Iterator[Finding]:
    if not _exports(estate):
        yield estate.missing(
            "logging.sinks", _BIGQUERY, "Keine eingeschaltete Senke exportiert nach BigQuery."
        )


@rule(
    "export-may-write", "Die Senken dürfen in ihr Dataset schreiben", "error",
    source="Google Cloud, Cloud Logging: Schreibidentität einer Senke",
    why="Ohne Schreibrecht verwirft die Senke alles, und nachgeliefert wird nichts.",
)  # fmt: skip
def _writable(estate: Estate) -> Iterator[Finding]:
    datasets = _datasets(estate)
    for sink in _exports(estate):
        name = relative(sink.get("destination"))
        writer = str(sink.get("writerIdentity", ""))
        if name not in datasets:
            yield estate.unobserved(
                sink, "destination", writer, f"Das Dataset {name} ließ sich nicht lesen."
            )
        elif not _may_write(datasets[name], writer):
            yield sink.finding(
                "writerIdentity", writer, "WRITER",
                f"Die Senke {sink.id} darf nicht in {name} schreiben.",
            )  # fmt: skip


@rule(
    "export-is-kept", "Exportierte Logs bleiben länger als die Logs selbst", "warning",
    source=f"{_LOGS}, Langzeitaufbewahrung",
    why="Läuft die Tabelle früher ab, bringt der Export nichts.",
)  # fmt: skip
def _kept(estate: Estate) -> Iterator[Finding]:
    datasets = _datasets(estate)
    written = {relative(sink.get("destination")) for sink in _exports(estate)}
    for item in (datasets[name] for name in sorted(written & datasets.keys())):
        for field in ("defaultTableExpirationMs", "defaultPartitionExpirationMs"):
            days = number(item.get(field)) / _DAY_MS
            if 0 < days <= RETENTION_DAYS:
                yield item.finding(
                    field, days, RETENTION_DAYS,
                    f"Im Dataset {item.id} laufen Einträge schon nach {days:g} Tagen ab.",
                )  # fmt: skip


def _exports(estate: Estate) -> list[Item]:
    return [
        sink
        for sink in estate.all("logging.sinks")
        if str(sink.get("destination", "")).startswith(_BIGQUERY) and not sink.get("disabled")
    ]


def _datasets(estate: Estate) -> dict[str, Item]:
    kinds = ("bigquery.datasets", "bigquery.access")
    return {item.name: item for kind in kinds for item in estate.all(kind)}


def _may_write(dataset: Item, writer: str) -> bool:
    email = writer.removeprefix("serviceAccount:")
    return any(
        entry.get("role") in _WRITERS
        and (entry.get("userByEmail") == email or entry.get("iamMember") == writer)
        for entry in dataset.get("access", ())
    )


RULES: tuple[Rule, ...] = (_retention, _audit, _exported, _writable, _kept)
