"""Tables of the migration runbook."""

from collections.abc import Mapping, Sequence
from typing import Any

from leitstand.core.migration import PREPARATION, Finding, Migration
from leitstand.core.migration_checks import MigrationObservation
from leitstand.core.plan import Plan
from leitstand.core.service import RevisionState
from leitstand.core.statements import Effect
from leitstand.notebook import plan_views
from leitstand.notebook.migrate_wording import (
    EFFECTS,
    action_text,
    finding_text,
    verdict_text,
    way_back_text,
)
from leitstand.notebook.views import Row, Table, Tone

__all__ = [
    "observation_table",
    "plan_table",
    "result_table",
    "statements_table",
    "ways_back_table",
]

_LONGEST = 2000
_TITLES = {
    PREPARATION: "Vorbereitung",
    "migrate/schema": "Schema",
    "migrate/vectors": "Vector-Schema-Migrations",
}


def observation_table(seen: MigrationObservation) -> Table:
    """Return what was observed."""
    image, schema = seen.image, seen.image.schema
    understood = f"{schema.minimum} bis {schema.maximum}" if schema else "nennt es nicht"
    applied = ", ".join(names[-1] for _, names in sorted(seen.database.applied.items()) if names)
    serving = [
        f"{revision.name} ({_range(revision)})"
        for revisions in seen.serving.values()
        for revision in revisions
    ]
    rows = [
        Row(("Abbild", f"{image.reference} → {image.digest or 'nicht vorhanden'}")),
        Row(("Sein Code versteht", understood)),
        Row(("Schema jetzt", str(seen.version))),
        Row(("Zuletzt angewandt", applied or "nichts")),
        Row(("Steht an", _pending(seen))),
        Row(("Es bedient", ", ".join(serving) or "niemand")),
        Row(("Job", f"{seen.job.short_name} mit {seen.job.image.rsplit('/', 1)[-1][:23]}")),
        Row(("Datenbank", f"{seen.database.health.size_bytes >> 20} MiB")),
        Row(("Wiederherstellbar ab", f"{seen.window.earliest:%Y-%m-%d %H:%M:%S} UTC")),
    ]
    return Table("Beobachtung", ("", ""), rows)


def plan_table(plan: Plan) -> Table:
    """Return the actions of a plan and its way back."""
    title = _TITLES[plan.runbook]
    return plan_views.plan_table(plan, action_text, title=title, empty="Nichts steht an.")


def statements_table(migration: Migration, findings: Sequence[Finding]) -> Table:
    """Return the statements of a migration, each with its verdict and what the linter says."""
    rows = []
    for position, statement in enumerate(migration.statements):
        mine = [finding_text(f) for f in findings if f.statement == position]
        sql = statement.sql if len(statement.sql) <= _LONGEST else f"{statement.sql[:_LONGEST]} …"
        cells = (sql, verdict_text(statement), "\n".join(mine) or "–")
        rows.append(Row(cells, _tone(statement.effect)))
    title = f"{migration.name}: {EFFECTS[migration.effect]}"
    if not migration.atomic and migration.effect is not Effect.NOT_TRANSACTIONAL:
        title += ", ohne Transaktion"
    return Table(title, ("Anweisung", "Urteil", "squawk"), rows, "Keine Anweisung.")


def result_table(
    before: int,
    after: int,
    applied: Sequence[str],
    serving: Mapping[str, tuple[RevisionState, ...]],
) -> Table:
    """Return what holds after the migration."""
    rows = [
        Row(("Schema", f"{before} → {after}"), Tone.GOOD),
        Row(("Angewandt", "\n".join(applied) or "nichts"), Tone.GOOD),
        Row(("Ungültige Indexe", "keine"), Tone.GOOD),
    ]
    for service, revisions in serving.items():
        for revision in revisions:
            fits = revision.schema is not None and revision.schema.understands(after)
            text = f"{revision.name}: {_range(revision)}"
            rows.append(Row((f"Code von {service}", text), Tone.GOOD if fits else Tone.BAD))
    return Table("Nachprüfung", ("", ""), rows)


def ways_back_table(migrations: Sequence[Migration], run: str) -> Table:
    """Return the way back of each migration."""
    rows = [
        Row((migration.name, EFFECTS[migration.effect], way_back_text(migration, run)))
        for migration in migrations
    ]
    return Table("Rückweg je Migration", ("Migration", "Wirkung", "Rückweg"), rows)


def _pending(seen: MigrationObservation) -> str:
    """Return what the image's annotations tell; the rest only the image itself knows."""
    schema = seen.image.schema
    if schema is not None and schema.minimum > seen.version:
        return f"mindestens Schema {schema.minimum}; Genaues sagt der Job nach der Vorbereitung"
    return "sagt der Job nach der Vorbereitung"


def _tone(effect: Effect) -> Tone:
    if effect <= Effect.EXPANDS:
        return Tone.GOOD
    return Tone.WAIT if effect <= Effect.LOCKS else Tone.BAD


def _range(revision: Any) -> str:
    known = revision.schema
    return f"versteht {known.minimum} bis {known.maximum}" if known else "nennt keine Versionen"
