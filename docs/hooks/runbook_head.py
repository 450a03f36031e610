"""The head of a runbook's page: what it is for, what it endangers, how it went, how to start it.

Everything comes from the notebook, its texts, its rehearsal, the schedules and the records.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from page_parts import listed
from record_rows import Row
from reference_parameters import parameter_table
from rehearsal_results import Rehearsed
from rehearsal_table import Rehearsal, command_of
from runbook_texts import About, Symptom

from leitstand.core.german import duration
from leitstand.core.parameters import Parameter
from leitstand.core.schedule.checking import Checked
from leitstand.notebook.template import Template

__all__ = ["Facts", "danger_of", "head"]

TEMPLATE = Path(__file__).with_name("runbook_head.md.j2")
CALLER = {"env", "ticket", "apply"}
ENDINGS = {"success": "gelungen", "finding": "mit Befund"}


@dataclass(frozen=True)
class Facts:
    """What a head is made of.

    Attributes:
        template: The notebook.
        about: What pages say about it.
        rehearsal: Its entry in the table.
        rehearsed: How its rehearsal went; None where none fits this state of the repository.
        symptoms: After which somebody takes it.
        schedules: When it runs by itself.
        last_runs: The newest runs by environment.
    """

    template: Template
    about: About
    rehearsal: Rehearsal
    rehearsed: Rehearsed | None = None
    symptoms: Sequence[Symptom] = ()
    schedules: Sequence[Checked] = ()
    last_runs: Mapping[str, Row] | None = None


def head(facts: Facts) -> str:
    """Return the head as Markdown, with links as they are on a page in ``runbooks/``."""
    rehearsed, rehearsal = facts.rehearsed, facts.rehearsal
    example = facts.about.example
    planned = {**(rehearsal.parameters if example is None else example)}
    plan = Rehearsal(rehearsal.runbook, planned)
    change = Rehearsal(rehearsal.runbook, {**planned, **facts.about.applied})
    return str(
        _template().render(
            about=facts.about,
            change=command_of(change),
            changes=bool(facts.about.changes),
            commands=_commands(rehearsed),
            danger=danger_of(facts.about),
            duration=duration(rehearsed.seconds) if rehearsed else "nicht gemessen",
            last_rehearsal=_last_rehearsal(rehearsed),
            last_runs=_last_runs(facts.last_runs or {}),
            name=rehearsal.runbook,
            parameters=_parameters(facts.template.parameters),
            plan=command_of(plan),
            rehearsed=rehearsed,
            schedules=[_schedule(entry) for entry in facts.schedules],
            symptoms=facts.symptoms,
        )
    )


def danger_of(about: About) -> str:
    """Return what a runbook endangers, in German."""
    if not about.changes:
        return "keine: Es liest nur und ändert nichts."
    return f"Mit `--apply` ändert es {about.changes}. {about.risk}".strip()


@cache
def _template() -> Any:
    from jinja2 import Environment

    environment = Environment(
        autoescape=False,  # it makes Markdown of our own texts
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["first_upper"] = lambda text: text[:1].upper() + text[1:]
    return environment.from_string(TEMPLATE.read_text("utf-8"))


def _commands(rehearsed: Rehearsed | None) -> list[str]:
    if rehearsed is None:
        return []
    return [*(f"leitstand {command}" for command in rehearsed.prepare), rehearsed.command]


def _last_rehearsal(rehearsed: Rehearsed | None) -> str:
    if rehearsed is None:
        return "keine zu diesem Stand"
    at = _local(datetime.fromisoformat(rehearsed.started))
    commit = f", Commit `{rehearsed.commit[:10]}`" if rehearsed.commit else ""
    return f"{at}, {ENDINGS[rehearsed.verdict]} (Exit-Code {rehearsed.exit_code}){commit}"


def _last_runs(rows: Mapping[str, Row]) -> str:
    if not rows:
        return "keine veröffentlicht"
    return "<br>".join(_run(env, row) for env, row in rows.items())


def _run(env: str, row: Row) -> str:
    at = _local(row.started) if row.started else row.run
    return f"{env or 'ohne Umgebung'}: [{at}](../{row.url}), {row.ending}"


def _schedule(entry: Checked) -> dict[str, str]:
    found = entry.entry
    places: Iterable[str] = found.environments
    return {
        "name": found.name,
        "cron": found.cron,
        "environments": listed(f"`{environment}`" for environment in places),
    }


def _parameters(parameters: Sequence[Parameter]) -> str:
    return parameter_table(sorted(parameters, key=lambda p: p.name in CALLER))


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%d.%m.%Y, %H:%M} Uhr UTC"
