"""German words about tenants: checks, actions, findings, attempts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leitstand.core import errors
from leitstand.core.errors import GateRefused, RunFailed
from leitstand.core.plan import Action
from leitstand.core.release_checks import Check
from leitstand.core.tenancy.isolation import Finding, FindingCode
from leitstand.core.tenancy.types import Operation

__all__ = [
    "MODELS",
    "OPERATIONS",
    "BreachFound",
    "IsolationBroken",
    "OnboardingRefused",
    "action_text",
    "action_title",
    "check_text",
    "finding_text",
]

_NAMED = 3
"""So many findings an error names."""

_CLOSE = (
    "Schließen Sie die Lücke, zum Beispiel mit dem Runbook tenant_isolation und apply,"
    " und klären Sie, wer sie schon benutzt hat."
)
MODELS: Mapping[str, str] = {
    "schema_per_tenant": "Schema je Mandant",
    "row_level_security": "gemeinsame Tabellen mit Row-Level Security",
}
OPERATIONS: Mapping[str, str] = {
    Operation.READ: "Lesen",
    Operation.INSERT: "Einfügen",
    Operation.UPDATE: "Ändern",
    Operation.DELETE: "Löschen",
    Operation.MOVE: "Abgeben",
    Operation.OWN: "Eigenes lesen",
}


class IsolationBroken(RunFailed):
    """Tenants are not kept apart, though the run has changed something to that end.

    Attributes:
        findings: What is broken, the worst first.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(_broken(findings), _CLOSE)
        self.findings = tuple(findings)


class BreachFound(errors.Finding):
    """A run that only looks found that tenants are not kept apart.

    Attributes:
        findings: What is broken, the worst first.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(_broken(findings), _CLOSE)
        self.findings = tuple(findings)


def _broken(findings: Sequence[Finding]) -> str:
    distinct = list({(f.code, f.subject): f for f in reversed(findings)}.values())[::-1]
    named = " ".join(f"{f.subject}: {finding_text(f)}" for f in distinct[:_NAMED])
    rest = len(distinct) - _NAMED
    more = f" {rest} weitere Befunde stehen im Notebook." if rest > 0 else ""
    return f"Die Mandanten sind nicht getrennt. {named}{more}"


class OnboardingRefused(GateRefused):
    """A condition for adding or removing the tenant does not hold; nothing was changed.

    Attributes:
        check: Id of the check.
    """

    def __init__(self, check: Check) -> None:
        title, evidence = check_text(check)
        super().__init__(
            f"Das Runbook plant nichts: „{title}“ trifft nicht zu ({evidence}).",
            "Es wurde nichts geändert. Beheben Sie die Ursache, oder prüfen Sie Namen und Id.",
        )
        self.check = check.id


def check_text(check: Check) -> tuple[str, str]:
    """Return a check's title and its evidence."""
    title, evidence = _CHECKS[check.id]
    return title, evidence(check.evidence)


def action_title(action: Action) -> str:
    """Return an action as a short German title for a step."""
    arguments = action.arguments
    if action.kind == "tenant_row_security":
        return f"Row-Level Security von {arguments['schema']}.{arguments['table']}"
    verb = "anlegen" if action.kind == "tenant_create" else "entfernen"
    return f"Mandant „{arguments['name']}“ {verb}"


def action_text(action: Action) -> str:
    """Return what an action does, in German."""
    arguments = action.arguments
    if action.kind == "tenant_row_security":
        return _row_security_text(arguments)
    registry = arguments["registry"]
    if action.kind == "tenant_remove":
        gone = [f"die Zeile in {registry}", *(f"Schema {s}" for s in arguments.get("schemas", {}))]
        gone += [f"Rolle {arguments['role']}"] if "role" in arguments else []
        return f"Entfernt {', '.join(gone)}; nur solange er keine Zeilen hat."
    parts = [f"Trägt ihn in {registry} ein, mit der Id {arguments['id']}."]
    for schema, tables in arguments.get("schemas", {}).items():
        names = ", ".join(f"{old}.{name}" for old, name in tables) or "keine"
        parts.append(f"Legt das Schema {schema} an, nach dem Vorbild von: {names}.")
    if "role" in arguments:
        parts.append(f"Legt die Rolle {arguments['role']} an, die nur diese Schemas erreicht.")
    return "\n".join(parts)


def finding_text(finding: Finding) -> str:
    """Return a finding as German sentences."""
    return _FINDINGS[finding.code](finding.evidence)


def _row_security_text(arguments: Mapping[str, Any]) -> str:
    (was_on, on), (was_forced, forced) = arguments["enabled"], arguments["forced"]
    parts = []
    if was_on != on:
        parts.append(f"Schaltet sie {'ein' if on else 'aus'}.")
    if was_forced != forced:
        parts.append(f"Sie gilt {'auch' if forced else 'nicht mehr'} für den Eigentümer.")
    parts += [f"Löscht die Policy {policy['name']}." for policy in arguments["drop"]]
    parts += [
        f"Policy {policy['name']} für {', '.join(policy['roles'])}: {policy['using']}"
        for policy in arguments["create"]
    ]
    return "\n".join(parts)


def _breach(evidence: Mapping[str, Any]) -> str:
    operation = OPERATIONS[evidence["operation"]]
    who = f"Mandant {evidence['actor']}" if evidence["actor"] else "ohne Mandanten"
    whose = f"Mandant {evidence['victim']}" if evidence["victim"] else "fremden Mandanten"
    rows = evidence["rows"]
    what = f"{rows} Zeile{'' if rows == 1 else 'n'} von" if rows else "das Recht auf Zeilen von"
    return f"{operation} gelang als {evidence['role']} ({who}): {what} {whose}."


_CHECKS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "tenant_is_new": (
        "Die Id ist neu",
        lambda e: f"{e['id']} gehört zu {', '.join(e['tenants'])}" if e["tenants"] else e["id"],
    ),
    "name_is_free": (
        "Kein anderer Mandant heißt so oder wird so geschrieben",
        lambda e: f"{e['slug']}: {', '.join(e['tenants'])}" if e["tenants"] else e["slug"],
    ),
    "tenant_is_known": (
        "Es gibt genau einen Mandanten dieses Namens und dieser Id",
        lambda e: f"{e['name']}: {', '.join(e['ids']) or 'keiner'}",
    ),
    "places_are_free": (
        "Schemas und Rolle sind frei",
        lambda e: ", ".join(e["taken"] if e["taken"] != e["names"][:1] else e["names"]),
    ),
    "role_exists": ("Die Rolle der Anfragen ist da", lambda e: e["role"]),
    "registry_exists": ("Die Tabelle der Mandanten ist da", lambda e: e["registry"]),
    "others_are_apart": (
        "Die vorhandenen Mandanten sind getrennt, oder der Plan trennt sie",
        lambda e: "; ".join(e["found"]) or "nichts gefunden",
    ),
}
_FINDINGS: Mapping[FindingCode, Callable[[Mapping[str, Any]], str]] = {
    FindingCode.BREACH: _breach,
    FindingCode.UNPROVEN: lambda e: f"Nicht bewiesen: {e['detail']}",
    FindingCode.OWN_HIDDEN: lambda e: (
        f"Mandant {e['actor']} sieht als {e['role']} seine eigenen Zeilen nicht. {e['detail']}"
    ).strip(),
    FindingCode.ROW_SECURITY_OFF: lambda e: "Row-Level Security ist aus.",
    FindingCode.NOT_FORCED: lambda e: (
        f"Row-Level Security gilt nie für {e['owner']}, dem die Tabelle gehört."
        if e["bypasses"]
        else f"Row-Level Security gilt nicht für den Eigentümer {e['owner']} (FORCE fehlt)."
    ),
    FindingCode.POLICY_MISSING: lambda e: "Keine Policy öffnet die Zeilen des eigenen Mandanten.",
    FindingCode.POLICY_OPEN: lambda e: (
        f"Die Policy {e['policy']} öffnet für {', '.join(e['roles'])} mehr: {e['using']}"
    ),
    FindingCode.POLICY_UNSAFE: lambda e: (
        f"Die Policy {e['policy']} endet ohne gesetzten Mandanten mit einem Fehler: {e['using']}"
    ),
    FindingCode.MIGRATION_BLIND: lambda e: f"Migrationen sehen als {e['owner']} keine Zeilen.",
    FindingCode.ADMINISTRATOR_BLIND: lambda e: (
        f"{e['role']} sieht nicht alle Zeilen; Wiederherstellung und Vergleich werden abgelehnt."
    ),
    FindingCode.VIEW_OPEN: lambda e: (
        f"Die {'materialisierte ' if e['materialized'] else ''}Sicht zeigt Anfragen alle Zeilen"
        f" von {', '.join(e['tables'])}."
    ),
    FindingCode.ROLE_MISSING: lambda e: (
        "Die Rolle fehlt; Anfragen können nicht unter ihr arbeiten."
    ),
    FindingCode.ROLE_BYPASSES: lambda e: (
        "Die Rolle umgeht Row-Level Security." if e["bypasses"] else "Die Rolle darf sich anmelden."
    ),
    FindingCode.ROLE_MEMBER: lambda e: f"Die Rolle hat Rechte von {', '.join(e['roles'])}.",
    FindingCode.ROLE_UNREACHABLE: lambda e: (
        f"Keine Rolle der Anwendung ({', '.join(e['application'])}) darf unter ihr arbeiten."
    ),
    FindingCode.SCHEMA_MISSING: lambda e: f"Das Schema von „{e['tenant']}“ fehlt.",
    FindingCode.NAMES_COLLIDE: lambda e: f"Der Name führt auf dasselbe Schema wie „{e['with']}“.",
    FindingCode.GRANT_ACROSS: lambda e: (
        f"{e['grantee'] or 'Jeder'} hat hier {', '.join(e['privileges'])}."
    ),
    FindingCode.GRANT_OTHER: lambda e: f"{e['grantee']} hat hier {', '.join(e['privileges'])}.",
    FindingCode.ORPHAN: lambda e: "Das Schema gehört zu keinem Mandanten der Tabelle.",
}
