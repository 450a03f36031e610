"""German words of the migration runbook: effects, rules, actions, ways back."""

from collections.abc import Mapping, Sequence

from leitstand.core.errors import RunFailed
from leitstand.core.migration import VECTORS, Finding, Migration
from leitstand.core.plan import Action
from leitstand.core.statements import Effect, Statement

__all__ = [
    "EFFECTS",
    "MigrationIncomplete",
    "action_text",
    "action_title",
    "finding_text",
    "verdict_text",
    "way_back_text",
]


class MigrationIncomplete(RunFailed):
    """The job has succeeded, and the database does not show what it should."""

    def __init__(self, missing: Sequence[str], invalid: Sequence[str]) -> None:
        parts = []
        if missing:
            parts.append(f"nicht angewandt: {', '.join(missing)}")
        if invalid:
            parts.append(f"ungültige Indexe: {', '.join(invalid)}")
        super().__init__(
            f"Nach der Migration stimmt die Datenbank nicht: {'; '.join(parts)}.",
            "Sehen Sie die Logs der Ausführung an; ungültige Indexe räumt -p repair=true weg.",
        )


EFFECTS: Mapping[Effect, str] = {
    Effect.HARMLESS: "harmlos",
    Effect.EXPANDS: "erweitert",
    Effect.NOT_TRANSACTIONAL: "ohne Transaktion",
    Effect.LOCKS: "sperrt lange",
    Effect.CONTRACTS: "nimmt etwas weg",
    Effect.DESTROYS: "vernichtet Daten",
}

_REASONS = {
    "new_table": "neue Tabelle; niemand benutzt sie",
    "on_new_table": "betrifft nur eine neue Tabelle",
    "adds": "liest oder ergänzt nur",
    "new_column": "neue Spalte; alter Code arbeitet weiter",
    "rewrites_table": "schreibt die Tabelle neu; solange liest und schreibt niemand",
    "not_null_without_default": "alter Code lässt die Pflichtspalte leer und scheitert",
    "drops_column": "alter Code liest die Spalte noch; ihr Inhalt ist fort",
    "drops_object": "alter Code benutzt es noch; der Inhalt ist fort",
    "renames": "alter Code kennt nur den alten Namen",
    "forbids_null": "alter Code schreibt vielleicht noch NULL",
    "drops_default": "alter Code verlässt sich auf die Vorgabe",
    "constraint_not_checked": "gilt nur für neue Zeilen; sperrt nur kurz",
    "checks_all_rows": "prüft alle Zeilen unter einer Sperre",
    "validates": "prüft, ohne zu sperren",
    "loosens": "lockert nur; sperrt kurz",
    "hides_rows": "Code ohne Mandant sieht keine Zeilen mehr",
    "opens_rows": "Zeilen fremder Mandanten werden sichtbar",
    "admits_rows": "lässt weitere Zeilen zu",
    "revokes": "nimmt Rechte weg",
    "changes_behaviour": "ändert, was beim Schreiben oder Lesen geschieht",
    "replaces": "ersetzt eine Definition",
    "concurrently": "läuft neben dem Betrieb; bricht es ab, bleibt etwas liegen",
    "concurrently_in_transaction": "scheitert: CONCURRENTLY geht nicht in einer Transaktion",
    "part_of_several": "eine von mehreren Anweisungen; kann halb angewandt bleiben",
    "index_blocks_writes": "blockiert das Schreiben, bis der Index steht",
    "locks_table": "sperrt die Tabelle, solange es dauert",
    "drops_index": "Abfragen können langsamer werden",
    "holds_lock": "hält die Sperre der Anweisung davor, solange sie läuft",
    "fills_in": "füllt nur bekannte Werte auf",
    "adds_rows": "fügt Zeilen hinzu",
    "overwrites_rows": "überschreibt Werte; die alten sind fort",
    "deletes_rows": "löscht Zeilen",
    "unknown_statement": "lässt sich nicht beurteilen; ein Mensch muss sie lesen",
}

_RULES = {
    "adding-field-with-default": "Eine veränderliche Vorgabe schreibt die Tabelle neu.",
    "adding-foreign-key-constraint": "Der Fremdschlüssel prüft alle Zeilen; erst NOT VALID.",
    "adding-required-field": "Eine Pflichtspalte ohne Vorgabe scheitert, wo Zeilen sind.",
    "adding-not-nullable-field": "NOT NULL liest die ganze Tabelle unter einer Sperre.",
    "ban-concurrent-index-creation-in-transaction": "CONCURRENTLY scheitert in Transaktionen.",
    "ban-drop-column": "Code, der die Spalte noch liest, bricht.",
    "ban-drop-database": "Löscht eine ganze Datenbank.",
    "ban-drop-not-null": "Code, der NULL nicht erwartet, bricht.",
    "ban-drop-table": "Code, der die Tabelle noch benutzt, bricht.",
    "ban-truncate-cascade": "Leert auch abhängige Tabellen.",
    "changing-column-type": "Ein neuer Typ schreibt die Tabelle unter einer Sperre neu.",
    "constraint-missing-not-valid": "Ohne NOT VALID prüft die Bedingung alle Zeilen.",
    "disallowed-unique-constraint": "UNIQUE sperrt; bauen Sie den Index vorher CONCURRENTLY.",
    "prefer-bigint-over-int": "int läuft über; bigint nicht.",
    "prefer-bigint-over-smallint": "smallint läuft über; bigint nicht.",
    "prefer-identity": "IDENTITY statt serial.",
    "prefer-text-field": "text mit Bedingung lässt sich später leichter ändern als varchar.",
    "prefer-timestamptz": "timestamp ohne Zone verliert die Zeitzone.",
    "renaming-column": "Alter Code kennt nur den alten Namen.",
    "renaming-table": "Alter Code kennt nur den alten Namen.",
    "require-concurrent-index-creation": "Blockiert Schreiben; bauen Sie CONCURRENTLY.",
    "require-concurrent-index-deletion": "Sperrt kurz; löschen Sie CONCURRENTLY.",
    "syntax-error": "squawk versteht die Anweisung nicht.",
    "transaction-nesting": "Die Migration läuft schon in einer Transaktion.",
}


def finding_text(finding: Finding) -> str:
    """Return what the linter found; a rule without German words in the linter's own."""
    return f"{_RULES.get(finding.rule, finding.message)} ({finding.rule})"


def verdict_text(statement: Statement) -> str:
    """Return a statement's effect and the reason."""
    return f"{EFFECTS[statement.effect]}: {_REASONS[statement.reason]}"


def way_back_text(migration: Migration, run: str) -> str:
    """Return how one migration could be undone once it is applied."""
    if migration.app == VECTORS:
        return (
            "Index mit DROP INDEX CONCURRENTLY löschen und neu bauen; bis dahin wird exakt gesucht."
        )
    if migration.effect >= Effect.CONTRACTS:
        return (
            "Nur die Wiederherstellung bringt es zurück, oder ein neues Abbild behebt es vorwärts:"
            f" leitstand run rollback -p before_run={run}"
        )
    return "Keiner nötig: Alter Code arbeitet weiter; der Verkehr allein kann zurück."


def action_title(action: Action) -> str:
    """Return an action as a short German title for a step."""
    return _TITLES[action.id]


def action_text(action: Action) -> str:
    """Return what an action does, as one German sentence."""
    arguments, name = action.arguments, action.target.rsplit("/", 1)[-1]
    if action.kind == "update_job":
        container = arguments["template"]["template"]["containers"][0]
        return f"Gibt dem Job {name} das Abbild {container['image'].rsplit('/', 1)[-1][:23]}."
    if action.kind == "sql_backup":
        return f"Sichert die Instanz {name} und wartet, bis die Sicherung fertig ist."
    command = " ".join(arguments["args"])
    if action.kind == "plan_job":
        return f"Führt „{command}“ aus: Der Job liest, was ansteht, und ändert nichts."
    env = arguments["env"]
    limits = (
        f"Sperre {_limit(env['MIGRATE_LOCK_TIMEOUT'])},"
        f" Anweisung {_limit(env['MIGRATE_STATEMENT_TIMEOUT'])}"
        if "MIGRATE_LOCK_TIMEOUT" in env
        else "Zeitgrenzen je Migration wie im Job"
    )
    return f"Hält den Zeitpunkt davor fest und führt „{command}“ aus ({limits})."


def _limit(value: str) -> str:
    return "unbegrenzt" if value == "0" else f"höchstens {value.removesuffix('s')} s"


_TITLES = {
    "job": "Dem Job das Abbild geben",
    "job-back": "Dem Job das alte Abbild geben",
    "plan": "Nach anstehenden Migrationen fragen",
    "backup": "Instanz sichern",
    "backup-vectors": "Instanz sichern",
    "migrate": "Schema migrieren",
    "migrate-vectors": "Vector-Schema migrieren",
}
