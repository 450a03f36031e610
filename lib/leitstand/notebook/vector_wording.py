"""German words for the maintenance of the vector store."""

from collections.abc import Callable, Mapping
from typing import Any

from leitstand.core.german import number
from leitstand.core.plan import Action
from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.findings import Finding, FindingCode, Severity
from leitstand.core.vectors.maintenance_types import Reason

__all__ = [
    "REASONS",
    "SEVERITIES",
    "action_title",
    "finding_title",
    "index_kind",
    "place",
    "remedy",
    "span",
]

SEVERITIES: Mapping[Severity, str] = {
    Severity.BROKEN: "kaputt",
    Severity.POOR: "schlecht",
    Severity.NOTE: "Hinweis",
}
REASONS: Mapping[Reason, str] = {
    Reason.WINDOW: "Das Wartungsfenster reicht nicht; der nächste Lauf nimmt es zuerst",
    Reason.DISK: "Der Platz reicht nicht für eine zweite Kopie",
    Reason.MEMORY: "Der Speicher reicht nicht (maintenance_work_mem)",
    Reason.RIGHTS: "Die Rolle darf diese Tabelle nicht warten",
    Reason.DIMENSIONS: "Über so viele Dimensionen gibt es keinen Index",
    Reason.PART: "Ein anderer Teil kümmert sich darum",
    Reason.ONLY: "Der Parameter tables nennt die Tabelle nicht",
    Reason.BUILDING: "Dort wird gerade ein Index gebaut",
    Reason.EXTENSION: "Die Erweiterung fehlt, oder sie ist zu alt",
    Reason.DEFINITION: "Ein Index über einen Ausdruck oder einen Teil der Zeilen bleibt so",
}
_TITLES: Mapping[FindingCode, str] = {
    FindingCode.EXTENSION_MISSING: "pgvector ist nicht installiert",
    FindingCode.EXTENSION_TOO_OLD: "pgvector ist zu alt",
    FindingCode.EXTENSION_DEFECT: "Diese Version von pgvector hat einen bekannten Fehler",
    FindingCode.EXTENSION_OUTDATED: "Es gibt eine neuere Version von pgvector",
    FindingCode.INDEX_INVALID: "Der Index ist ungültig: Keine Suche nutzt ihn",
    FindingCode.LEFTOVER: "Rest eines abgebrochenen Aufbaus",
    FindingCode.INDEX_MISSING: "Es fehlt ein Index",
    FindingCode.INDEX_KIND: "Der Index ist von anderer Art als vorgegeben",
    FindingCode.LISTS_OFF: "Die Zahl der Listen passt nicht zur Zahl der Zeilen",
    FindingCode.HNSW_OPTIONS_OFF: "Die Optionen des Index weichen ab",
    FindingCode.INDEX_BLOATED: "Der Index ist aufgebläht",
    FindingCode.DEAD_ROWS: "Viele tote Zeilen",
    FindingCode.STATISTICS_OLD: "Die Statistik ist alt",
    FindingCode.MAINTENANCE_DUE: "Die regelmäßige Wartung ist fällig",
    FindingCode.TOO_MANY_DIMENSIONS: "Zu viele Dimensionen für einen Index",
    FindingCode.NO_DIMENSIONS: "Die Spalte legt keine Dimensionen fest",
    FindingCode.NO_ROWS: "Die Tabelle ist leer",
    FindingCode.NOT_MAINTAINABLE: "Die Rolle darf diese Tabelle nicht warten",
    FindingCode.ROW_SECURITY_OFF: "Die Tabelle trennt Mandanten nicht",
    FindingCode.ROW_SECURITY_NOT_FORCED: "Die Trennung gilt nicht für den Eigentümer",
    FindingCode.MEMORY_SHORT: "maintenance_work_mem ist klein für den Aufbau",
    FindingCode.BUILD_UNDER_WAY: "Hier wird gerade ein Index gebaut",
    FindingCode.RECALL_LOW: "Die Suche findet zu wenig vom Richtigen",
    FindingCode.RESULTS_SHORT: "Die Suche liefert zu wenige Treffer",
    FindingCode.NOT_SEARCHABLE: "Die Anwendung kann hier nicht suchen",
}
_REMEDIES: Mapping[FindingCode, Callable[[Mapping[str, Any]], str]] = {
    FindingCode.EXTENSION_MISSING: lambda e: "CREATE EXTENSION vector, als Migration",
    FindingCode.EXTENSION_TOO_OLD: lambda e: "update_extension=True",
    FindingCode.EXTENSION_DEFECT: lambda e: f"{e.get('text', '')} update_extension=True".strip(),
    FindingCode.EXTENSION_OUTDATED: lambda e: "bei Gelegenheit: update_extension=True",
    FindingCode.INDEX_INVALID: lambda e: "neu bauen",
    FindingCode.LEFTOVER: lambda e: "löschen",
    FindingCode.INDEX_MISSING: lambda e: "bauen",
    FindingCode.INDEX_KIND: lambda e: "change=policy baut ihn daneben und vergleicht",
    FindingCode.LISTS_OFF: lambda e: (
        f"change=policy: {e['wanted']} statt {e['lists']} Listen"
        if {"wanted", "lists"} <= set(e)
        else "change=policy"
    ),
    FindingCode.HNSW_OPTIONS_OFF: lambda e: "change=policy",
    FindingCode.INDEX_BLOATED: lambda e: "neu bauen",
    FindingCode.DEAD_ROWS: lambda e: "neu bauen, dann VACUUM",
    FindingCode.STATISTICS_OLD: lambda e: "ANALYZE",
    FindingCode.MAINTENANCE_DUE: lambda e: "neu bauen, dann ANALYZE",
    FindingCode.TOO_MANY_DIMENSIONS: lambda e: "halfvec bis 4000 Dimensionen, als Migration",
    FindingCode.NO_DIMENSIONS: lambda e: "Spalte als vector(n) anlegen, als Migration",
    FindingCode.NO_ROWS: lambda e: "nichts",
    FindingCode.NOT_MAINTAINABLE: lambda e: "Mitglied des Eigentümers werden",
    FindingCode.ROW_SECURITY_OFF: lambda e: "Runbook tenant_isolation",
    FindingCode.ROW_SECURITY_NOT_FORCED: lambda e: "Runbook tenant_isolation",
    FindingCode.MEMORY_SHORT: lambda e: "Der Plan setzt für den Aufbau mehr, wenn es geht",
    FindingCode.BUILD_UNDER_WAY: lambda e: "warten",
    FindingCode.RECALL_LOW: lambda e: "neu bauen; siehe „Was hilft“",
    FindingCode.RESULTS_SHORT: lambda e: "siehe „Was hilft“",
    FindingCode.NOT_SEARCHABLE: lambda e: "Rechte prüfen",
}
_KINDS = {"ivfflat": "IVFFLAT", "hnsw": "HNSW"}


def finding_title(code: FindingCode) -> str:
    """Return what was found."""
    return _TITLES[code]


def remedy(finding: Finding) -> str:
    """Return what helps."""
    return _REMEDIES[finding.code](finding.evidence)


def place(table: TableName | None, index: str) -> str:
    """Return where something is: an index, a table, or the extension."""
    if table is None:
        return "pgvector"
    return f"{table.schema}.{index}" if index else str(table)


def index_kind(method: str, options: Mapping[str, int]) -> str:
    """Return kind and options of an index, for example ``IVFFLAT, lists 100``."""
    stated = "".join(f", {name} {value}" for name, value in sorted(options.items()))
    return f"{_KINDS.get(method, method)}{stated}"


def action_title(action: Action) -> str:
    """Return what an action does."""
    return _ACTIONS[action.kind](action.arguments)


def span(seconds: float) -> str:
    """Return a time for people."""
    if seconds < 120:
        return f"{number(round(seconds, 1))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{number(round(minutes / 60, 1))} h"


def _exchange(arguments: Mapping[str, Any]) -> str:
    wanted = arguments["definition"]
    kind = index_kind(wanted["method"], wanted["options"])
    where = f"{arguments['schema']}.{arguments['old']}"
    if arguments["gate"] is None:
        return f"{where} durch {kind} ersetzen"
    return f"{where} durch {kind} ersetzen, wenn es nicht schlechter sucht"


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "vector_extension": lambda a: f"pgvector von {a['before']} auf {a['version']} bringen",
    "vector_leftover": lambda a: f"Rest {a['schema']}.{a['index']} löschen",
    "vector_reindex": lambda a: f"{a['schema']}.{a['index']} neu bauen",
    "vector_build": lambda a: (
        f"{a['schema']}.{a['index']} bauen: {index_kind(a['method'], a['options'])}"
    ),
    "vector_exchange": _exchange,
    "vector_drop": lambda a: f"{a['schema']}.{a['index']} löschen",
    "vector_vacuum": lambda a: f"VACUUM {a['schema']}.{a['table']}",
    "vector_analyze": lambda a: f"ANALYZE {a['schema']}.{a['table']}",
}
