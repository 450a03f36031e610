"""What the provisioning runbook shows."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leitstand.core.body_check import Problem
from leitstand.core.difference import Difference
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import STEP_TITLES, Step
from leitstand.core.plan import Action, Plan
from leitstand.core.reconcile import Deviation, Unreadable
from leitstand.execution.parallel import Outcome
from leitstand.execution.provisioning import Observed
from leitstand.notebook.views import Notice, Row, Table, Tone

__all__ = [
    "CHANGES",
    "difference_text",
    "observation_table",
    "outcome_table",
    "plan_tables",
    "problems_view",
    "rest_table",
    "step_title",
    "value_change",
    "withheld_table",
]

CHANGES = {
    "create": "anlegen",
    "update": "ändern",
    "replace": "ersetzen",
    "unreadable": "nicht lesbar",
}
_DONE = {
    "create_resource": "angelegt",
    "update_resource": "geändert",
    "replace_resource": "ersetzt",
}
_LONGEST = 140
_FIELDS = 4
"""So many fields of a resource that is made are shown."""


def observation_table(seen: Observed) -> Table:
    """Show how many of each kind are there."""
    deviating = {deviation.key for deviation in seen.deviations}
    rows: dict[str, list[int]] = {}
    for resource in seen.resources:
        counts = rows.setdefault(resource.kind.title, [0, 0, 0, 0])
        found = seen.found[resource.key]
        missing, unreadable = found is None, isinstance(found, Unreadable)
        counts[0] += 1
        counts[1] += missing
        counts[2] += resource.key in deviating and not missing and not unreadable
        counts[3] += unreadable
    title = f"{len(seen.resources)} Ressourcen, {seen.calls} Aufrufe, {seen.seconds:.1f} s".replace(
        ".", ","
    )
    listed = [
        Row((kind, *(str(count) for count in counts)), _tone(counts))
        for kind, counts in rows.items()
    ]
    return Table(title, ("Art", "gewünscht", "fehlt", "weicht ab", "nicht lesbar"), listed)


def problems_view(problems: Sequence[Problem]) -> Table | Notice:
    """Show what the APIs would refuse."""
    if not problems:
        return Notice(
            "Jedes Feld ist den APIs bekannt, und jeder Wert ist möglich. "
            "Kein Name kommt doppelt vor, und nichts wartet im Kreis.",
            Tone.GOOD,
        )
    rows = [Row((p.key, p.path, f"{p.message}\n{p.advice}"), Tone.BAD) for p in problems]
    return Table("Was die APIs ablehnen würden", ("Ressource", "Feld", "Befund"), rows)


def withheld_table(deviations: Sequence[Deviation]) -> Table:
    """Show what deviates and is not planned."""
    rows = [Row((d.key, f"{CHANGES[d.change]}: {d.blocked}"), Tone.WAIT) for d in deviations]
    return Table("Nicht im Plan", ("Ressource", "Was nötig wäre, und warum es unterbleibt"), rows)


def plan_tables(plan: Plan, left: Mapping[str, Deviation]) -> Sequence[Table | Notice]:
    """Show how much there is to do, and for each step the actions in their order.

    Args:
        plan: The plan.
        left: What deviates now, by key; of a plan that is resumed it may be less.
    """
    name = f"Plan {plan.digest[:12]}"
    if not plan.actions:
        return [Notice(f"{name}: nichts zu tun.", Tone.GOOD)]
    steps = sorted({Step(action.arguments["step"]) for action in plan.actions})
    kinds = [f"{change}_resource" for change in ("create", "update", "replace")]
    counts = Counter((action.arguments["step"], action.kind) for action in plan.actions)
    rows = [
        Row((step_title(step), *(str(counts[step, kind] or "–") for kind in kinds)))
        for step in steps
    ]
    total = Table(f"{name}: {len(plan.actions)} Aktionen", ("Schritt", *map(_verb, kinds)), rows)
    return [total, *(_step_table(plan, step, left) for step in steps)]


def _step_table(plan: Plan, step: Step, left: Mapping[str, Deviation]) -> Table:
    rows = [
        Row(
            (action.id, _what(action, left.get(action.id))),
            Tone.PLAIN if action.id in left else Tone.GOOD,
        )
        for action in plan.actions
        if action.arguments["step"] == step
    ]
    return Table(step_title(step), ("Ressource", "Was"), rows)


def outcome_table(step: Step, actions: Sequence[Action], outcome: Outcome) -> Table:
    """Show how the actions of a step ended."""
    rows = []
    for action in actions:
        kind = KINDS[action.arguments["kind"]].title
        if action.id in outcome.done:
            rows.append(Row((action.id, kind, _DONE[action.kind]), Tone.GOOD))
        elif action.id in outcome.failed:
            error = outcome.failed[action.id]
            rows.append(Row((action.id, kind, f"{error.message}\n{error.advice}"), Tone.BAD))
        else:
            why = outcome.skipped.get(action.id, "")
            rows.append(Row((action.id, kind, f"nicht begonnen: {why}"), Tone.WAIT))
    return Table(step_title(step), ("Ressource", "Art", "Ergebnis"), rows)


def rest_table(left: Sequence[Deviation], failed: Mapping[str, str]) -> Table:
    """Show what is not as wanted at the end, each with the reason that is known."""
    rows = [
        Row(
            (d.key, f"{CHANGES[d.change]}: {failed.get(d.key) or d.blocked or _differences(d)}"),
            Tone.BAD,
        )
        for d in left
    ]
    return Table("Was noch abweicht", ("Ressource", "Was nötig wäre, und was dagegen stand"), rows)


def difference_text(difference: Difference) -> str:
    """Return a difference as one short line."""
    return f"{difference.path}: {value_change(difference.found, difference.wanted)}"


def value_change(before: Any, after: Any) -> str:
    """Return how a value becomes another, in short; long ones from where they begin to differ."""
    one, other = _text(before), _text(after)
    pairs = enumerate(zip(one, other, strict=False))
    alike = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    start = max(0, alike - 20) if max(len(one), len(other)) > _LONGEST else 0
    return " → ".join(_short(text, start) for text in (one, other))


def _differences(deviation: Deviation) -> str:
    return "\n".join(difference_text(difference) for difference in deviation.differences)


def step_title(step: Step) -> str:
    """Return number and name of a step."""
    return f"{step} {STEP_TITLES[step]}"


def _verb(action: str) -> str:
    return CHANGES[action.removesuffix("_resource")]


def _what(action: Action, deviation: Deviation | None) -> str:
    """Return what an action does: how fields change, or what is made."""
    arguments = action.arguments
    title = f"{KINDS[arguments['kind']].title} {_verb(action.kind)}"
    title += "" if deviation else ": erledigt"
    if "before" not in arguments:
        return f"{title}\n{_fields(arguments['wanted'])}".strip()
    wanted = {d.path: d.wanted for d in deviation.differences} if deviation else {}
    changes = [
        f"{path}: {value_change(value, wanted[path])}"
        if path in wanted
        else f"{path}: bisher {_short(_text(value))}"
        for path, value in arguments["before"].items()
    ]
    return "\n".join((title, *changes))


def _fields(body: Mapping[str, Any]) -> str:
    """Return the first fields that are stated of a resource, in one line."""
    stated = [f"{path}: {_short(_text(value))}" for path, value in _leaves(body)]
    more = len(stated) - _FIELDS
    return " · ".join([*stated[:_FIELDS], *([f"{more} weitere"] if more > 0 else [])])


def _leaves(body: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        path = f"{above}.{name}" if above else name
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str, start: int = 0) -> str:
    cut = f"…{text[start:]}" if start and len(text) > start else text
    return cut if len(cut) <= _LONGEST else f"{cut[: _LONGEST - 1]}…"


def _tone(counts: Sequence[int]) -> Tone:
    if counts[3]:
        return Tone.BAD
    return Tone.WAIT if counts[1] or counts[2] else Tone.GOOD
