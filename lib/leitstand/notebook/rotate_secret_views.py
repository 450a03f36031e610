"""Tables of the rotation runbook."""

from collections.abc import Sequence

from leitstand.core.plan import Plan
from leitstand.core.rotation.due import Due
from leitstand.core.rotation.situation import Situation
from leitstand.notebook.rotate_secret_wording import need_text, time_text
from leitstand.notebook.views import Row, Table, Tone

__all__ = [
    "due_table",
    "needs_table",
    "readers_table",
    "versions_table",
]

_STATES = {"ENABLED": "aktiv", "DISABLED": "deaktiviert", "DESTROYED": "gelöscht"}


def due_table(listed: Sequence[Due]) -> Table:
    """Return when each secret is due."""
    rows = [
        Row(
            (due.secret, time_text(due.since), time_text(due.at), "fällig" if due.due else "–"),
            Tone.WAIT if due.due else Tone.GOOD,
        )
        for due in listed
    ]
    return Table("Rotation", ("Secret", "Neueste Version", "Fällig am", ""), rows)


def versions_table(situation: Situation) -> Table:
    """Return the versions of the secrets that change together."""
    rows = [
        Row((name, str(v.number), _STATES.get(v.state, v.state), time_text(v.created),
             "in Gebrauch" if v.number == situation.current(name) else ""))
        for name, state in situation.secrets.items()
        for v in state.versions
    ]  # fmt: skip
    return Table("Versionen", ("Secret", "Version", "Zustand", "Angelegt", ""), rows)


def readers_table(situation: Situation) -> Table:
    """Return which services, revisions and jobs read which version."""
    secrets = situation.recipe.secrets

    def read(pins: object) -> str:
        assert isinstance(pins, dict)
        return ", ".join(f"{s}/{v}" for s in secrets for v in sorted(pins.get(s, ())))

    rows = [
        Row(
            (revision.name, read(revision.pins), f"{revision.percent} %", ", ".join(revision.tags)),
            Tone.GOOD if revision.percent else Tone.PLAIN,
        )
        for service in situation.services
        for revision in service.revisions
    ]
    rows += [Row((f"Job {job.state.short_name}", read(job.pins), "", "")) for job in situation.jobs]
    columns = ("Wer", "Liest", "Verkehr", "Tag")
    return Table("Wer liest", columns, rows, "Kein Dienst und kein Job.")


def needs_table(plan: Plan) -> Table:
    """Return who needs an old version once the plan is applied, and until when."""
    rows = [Row(need_text(need), Tone.WAIT) for need in plan.basis.get("needed", [])]
    columns = ("Version", "Wer", "Warum", "Bis wann")
    return Table("Alte Versionen, die noch gebraucht werden", columns, rows, "Keine.")
