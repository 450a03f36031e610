"""How an incident is shown: signals, what is missing, hypotheses, treatments."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from leitstand.core.database_state import ArchiverState
from leitstand.core.german import count, duration, number, percent
from leitstand.core.health import Sample
from leitstand.core.triage.hypotheses import Hypothesis, Treatment
from leitstand.core.triage.signals import Missing, ServiceSignal, Signals
from leitstand.notebook.views import Notice, Row, Table, Tone

__all__ = [
    "command",
    "errors_table",
    "evidence_tables",
    "missing_notices",
    "ranking_table",
    "services_table",
    "source_names",
    "state_table",
]

_MOST = 8
_SOURCES = {
    "services": "Dienste",
    "traffic": "Anfragen",
    "baseline": "Anfragen davor",
    "series": "Verlauf der Anfragen",
    "database": "Datenbank",
    "storage": "Festplatte der Datenbank",
    "vectors": "Vektorindexe",
    "isolation": "Trennung der Mandanten",
    "redis": "Redis",
    "queue": "Warteschlange",
    "gateway": "LiteLLM",
    "secrets": "Secrets",
    "certificates": "Zertifikate",
    "errors": "Fehlerzeilen",
    "runs": "Läufe",
    "operations": "Operationen",
}


def services_table(signals: Signals) -> Table:
    """Return each service with its revisions, what they answered, and its instances."""
    columns = ("Dienst", "Revision", "Verkehr", "Anfragen", "Fehler", "p95", "Instanzen")
    if isinstance(signals.services, Missing):
        return Table("Dienste", columns, (), signals.services.reason)
    traffic = {} if isinstance(signals.traffic, Missing) else signals.traffic
    rows = []
    for service in signals.services.values():
        answered = traffic.get(service.name, {})
        shown = [r for r in service.revisions if r.percent or r.name in answered]
        for revision in shown or service.revisions[:1]:
            sample = answered.get(revision.name, Sample())
            bad = not service.ready or bool(sample.errors)
            latency = sample.latency_p95_ms
            rows.append(
                Row(
                    (
                        service.name,
                        revision.name,
                        f"{revision.percent} %",
                        number(sample.requests),
                        number(sample.errors),
                        "–" if latency is None else f"{latency:.0f} ms",
                        _instances(service),
                    ),
                    Tone.WAIT if bad else Tone.PLAIN,
                )
            )
    return Table("Dienste", columns, rows)


def state_table(signals: Signals) -> Table:
    """Return database, its archive and replicas, disk, Redis, queue and LiteLLM, a line each."""
    rows = []
    if not isinstance(found := signals.database, Missing):
        waiting, long = len({b.waiting.pid for b in found.blocks}), len(found.long_transactions)
        used = f"{found.connections} von {found.max_connections} Verbindungen"
        held = (
            f"{count(waiting, 'eine Sitzung wartet', 'Sitzungen warten')},"
            f" {count(long, 'eine lange Transaktion', 'lange Transaktionen')}"
        )
        rows.append(Row(("Datenbank", f"{used}, {held}")))
        rows.append(_archive_row(found.health.archiver, signals.at))
        if found.replicas_lag_seconds:
            lags = [f"{n} {_behind(s)}" for n, s in sorted(found.replicas_lag_seconds.items())]
            rows.append(Row(("Replikate", ", ".join(lags))))
    if not isinstance(disk := signals.storage, Missing) and disk.size_bytes:
        rows.append(Row(("Festplatte", f"{percent(disk.used_bytes / disk.size_bytes)} belegt")))
    if not isinstance(redis := signals.redis, Missing):
        share = f"{percent(redis.used_bytes / redis.max_bytes)} belegt" if redis.max_bytes else "–"
        clients = count(redis.clients, "eine Verbindung", "Verbindungen")
        text = f"{share}, {number(redis.evicted_keys)} verdrängt, {redis.policy}, {clients}"
        rows.append(Row(("Redis", text)))
    if not isinstance(queue := signals.queue, Missing):
        age = queue.oldest_seconds
        old = "" if age is None else f", die älteste seit {age:.0f} s"
        tasks = count(queue.length, "eine Aufgabe", "Aufgaben")
        text = f"{tasks}{old}; verlangt: {queue.workers} Worker"
        rows.append(Row(("Warteschlange", text)))
    if not isinstance(gateway := signals.gateway, Missing):
        quota = "ohne Grenze" if gateway.quota is None else f"Grenze {gateway.quota} je Minute"
        text = (
            f"{number(gateway.requests)} Anfragen, {number(gateway.refused)} mit 429,"
            f" {number(gateway.failed)} mit 5xx; {quota}"
        )
        rows.append(Row(("LiteLLM", text)))
    return Table("Zustand", ("", ""), rows)


def errors_table(signals: Signals) -> Table:
    """Return the most frequent error lines, grouped."""
    columns = ("Zahl", "Dienst", "Zeile", "zuletzt")
    if isinstance(signals.errors, Missing):
        return Table("Fehlerzeilen", columns, (), signals.errors.reason)
    rows = [
        Row((number(group.count), group.service, group.pattern, f"{group.last:%H:%M:%S} UTC"))
        for group in signals.errors[:_MOST]
    ]
    return Table("Fehlerzeilen", columns, rows, "Keine.")


def missing_notices(signals: Signals) -> tuple[Notice, ...]:
    """Return one notice for each source that did not answer."""
    reasons = dict.fromkeys(missing.reason for missing in signals.missing.values())
    return tuple(Notice(f"Ohne Antwort. {reason}", Tone.WAIT) for reason in reasons)


def source_names(missing: Iterable[str]) -> list[str]:
    """Return the German names of sources, given by their fields."""
    return [_SOURCES.get(name, name) for name in missing]


def ranking_table(found: Sequence[Hypothesis]) -> Table:
    """Return the hypotheses, the likeliest first, with the runbook that treats each."""
    rows = [
        Row(
            (
                str(place),
                hypothesis.title,
                percent(hypothesis.score),
                hypothesis.harms,
                hypothesis.treatments[0].runbook if hypothesis.treatments else "–",
            ),
            Tone.BAD if hypothesis.acute else Tone.WAIT,
        )
        for place, hypothesis in enumerate(found, start=1)
    ]
    columns = ("Nr.", "Ursache", "Gewicht", "Wer es spürt", "Runbook")
    empty = "Nichts gefunden. Was antwortet, ist unauffällig."
    return Table("Hypothesen", columns, rows, empty)


def evidence_tables(
    found: Sequence[Hypothesis], given: Mapping[str, object]
) -> tuple[Table | Notice, ...]:
    """Return for each hypothesis what speaks for and against it, and how to treat it.

    Args:
        found: The hypotheses.
        given: Parameters that every treatment gets, ``env`` and ``ticket``.
    """
    shown: list[Table | Notice] = []
    for place, hypothesis in enumerate(found, start=1):
        rows = [Row((_at(e.at), e.text), Tone.BAD) for e in hypothesis.evidence]
        rows += [Row((_at(e.at), f"Dagegen: {e.text}")) for e in hypothesis.against]
        for treatment in hypothesis.treatments:
            text = f"{treatment.text}\n{command(treatment, given)}"
            rows.append(Row(("Runbook", text), Tone.GOOD))
        shown.append(Table(f"{place}. {hypothesis.title}", ("", ""), rows))
    return tuple(shown)


def command(treatment: Treatment, given: Mapping[str, object]) -> str:
    """Return the command that plans a treatment, ready to be pasted."""
    words = ["leitstand", "run", treatment.runbook]
    for name, value in {**treatment.parameters, **given}.items():
        if value == "":
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words += ["-p", f"{name}={text}"]
    return shlex.join(words)


def _archive_row(archiver: ArchiverState, now: datetime) -> Row:
    """Return how the archive of the write-ahead log keeps up."""
    if not archiver.enabled:
        return Row(("Archiv des WAL", "der Server archiviert nicht selbst"))
    last = archiver.last_archived_at
    told = "noch nie" if last is None else f"zuletzt vor {duration((now - last).total_seconds())}"
    if not archiver.failing:
        return Row(("Archiv des WAL", told))
    failed = count(archiver.failed_count, "ein Fehlschlag", "Fehlschläge")
    return Row(("Archiv des WAL", f"scheitert, {failed}; {told}"), Tone.WAIT)


def _behind(seconds: float) -> str:
    return f"{duration(seconds)} zurück" if seconds >= 1 else "auf dem Stand"


def _instances(service: ServiceSignal) -> str:
    fewest, most, manual = service.instances
    return f"{manual} (von Hand)" if manual is not None else f"{fewest} bis {most}"


def _at(at: object) -> str:
    return "" if at is None else f"{at:%H:%M:%S}"
