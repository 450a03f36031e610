"""Tables about exports of Redis: what is there, what is planned, what was proven."""

from collections.abc import Sequence

from leitstand.core.plan import Plan
from leitstand.core.release_checks import Check
from leitstand.core.resources import Memorystore
from leitstand.core.snapshot import may_write, overdue
from leitstand.core.snapshot_types import Situation
from leitstand.notebook.snapshot_redis_wording import (
    EVERY,
    action_text,
    age_text,
    check_text,
    size_text,
)
from leitstand.notebook.views import Row, Table, Tone

__all__ = ["checks_table", "plan_table", "situation_table", "snapshots_table"]

_SHOWN = 12


def situation_table(situation: Situation, settings: Memorystore) -> Table:
    """Return what was observed."""
    bucket, source = situation.bucket, situation.source
    rows = [
        Row(("Instanz", f"{situation.instance} ({situation.version}, {situation.state})")),
        Row(("Schreibt als", situation.identity)),
        Row(
            ("Recht am Bucket", ", ".join(sorted(bucket.roles)) or "keines"),
            Tone.GOOD if may_write(bucket.roles) else Tone.WAIT,
        ),
        Row(
            ("Inhalt", f"{source.keys} Schlüssel in {len(source.databases)} Datenbanken")
            if source is not None
            else ("Inhalt", f"nicht gelesen: {situation.unread}"),
            Tone.PLAIN if source is not None else Tone.WAIT,
        ),
        Row(("Vorgesehen", EVERY[settings.snapshot_export])),
    ]
    return Table("Beobachtung", ("", ""), rows)


def snapshots_table(situation: Situation, settings: Memorystore) -> Table:
    """Return the earlier exports, the newest first."""
    late = overdue(situation, settings)
    rows = [
        Row(
            (one.name, age_text(situation.at - one.created_at), size_text(one.size)),
            (Tone.WAIT if late else Tone.GOOD) if at == 0 else Tone.PLAIN,
        )
        for at, one in enumerate(situation.snapshots[:_SHOWN])
    ]
    days = situation.bucket.delete_after_days
    kept = f"nach {days} Tagen gelöscht" if days is not None else "nicht von selbst gelöscht"
    title = f"Snapshots in {situation.bucket.name}: {len(situation.snapshots)}, {kept}"
    return Table(title, ("Snapshot", "Alter", "Größe"), rows, "Es gibt noch keinen.")


def checks_table(checks: Sequence[Check], title: str = "Vorprüfung") -> Table:
    """Return checks with their evidence; what could not be looked at is marked as open."""
    rows = [Row(check_text(check), _tone(check)) for check in checks]
    return Table(title, ("Prüfung", "Beleg"), rows)


def plan_table(plan: Plan) -> Table:
    """Return the actions of a plan and its way back."""
    rows = [Row((action.id, action_text(action))) for action in plan.actions]
    rows += [Row((f"Rückweg: {action.id}", action_text(action))) for action in plan.way_back]
    return Table(f"Plan {plan.digest[:12]}", ("Aktion", "Was geschieht"), rows, "Nichts zu tun.")


def _tone(check: Check) -> Tone:
    if check.evidence.get("unread"):
        return Tone.WAIT
    return Tone.GOOD if check.passed else Tone.BAD
