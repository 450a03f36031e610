"""A whole plan as text for a terminal, with nothing left out and nothing that could hide."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from leitstand.core.plan import Action, Plan

__all__ = ["plan_lines", "visible"]


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield all that the digest covers, line by line."""
    yield f"Plan        {plan.digest}"
    yield f"Runbook     {visible(plan.runbook)}"
    yield f"Umgebung    {visible(plan.environment)}"
    yield f"Ziel        {visible(plan.target)}"
    yield "Grundlage"
    yield from _values(plan.basis, 1)
    yield f"Aktionen ({len(plan.actions)})"
    yield from _actions(plan.actions)
    yield f"Rückweg ({len(plan.way_back)})"
    yield from _actions(plan.way_back)
    if plan.point_of_no_return:
        yield f"Ab {visible(plan.point_of_no_return)} gibt es keinen Rückweg mehr."
    yield (
        "Reißt der Lauf ab, wird von selbst zurückgenommen."
        if plan.returns_by_itself
        else "Reißt der Lauf ab, wartet er auf seinen Bediener."
    )
    if plan.restored:
        yield f"Nach dem Rückweg: {visible(plan.restored)}"


def visible(text: str) -> str:
    """Return a text in which every character shows: control and format characters are escaped."""
    return "".join(
        one if one.isprintable() else f"\\u{{{ord(one):x}}}" for one in text
    )  # a plan comes from another account, and a terminal obeys control characters


def _actions(actions: tuple[Action, ...]) -> Iterator[str]:
    for number, action in enumerate(actions, 1):
        yield f"  {number}. {visible(action.id)} · {visible(action.kind)}"
        yield f"     {visible(action.target)}"
        yield from _values(action.arguments, 3)


def _values(values: Mapping[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, value in sorted(values.items()):
        if isinstance(value, Mapping) and value:
            yield f"{indent}{visible(name)}:"
            yield from _values(value, depth + 1)
        else:
            yield f"{indent}{visible(name)}: {visible(json.dumps(value, ensure_ascii=False))}"
