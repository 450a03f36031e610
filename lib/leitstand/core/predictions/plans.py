"""Plans without what must differ between two environments, and where two of them differ."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from leitstand.core.plan import Action, Plan
from leitstand.core.predictions.words import Words

__all__ = ["ABSENT", "Departure", "departures", "differing", "digest", "normalised"]

ABSENT = "–"
"""What stands for a value that one of the two plans does not have."""

_VOLATILE = frozenset(
    {
        "etag", "uid", "generation", "observed_generation", "fingerprint", "self_link",
        "create_time", "update_time", "creation_timestamp", "directory",
        # Of an image whose digest is compared: they are written on it.
        "leitstand.dev/schema-min", "leitstand.dev/schema-max",
        # What Cloud Run and gcloud write onto a template by themselves.
        "client.knative.dev/user-image", "run.googleapis.com/client-name",
        "run.googleapis.com/client-version", "run.googleapis.com/operation-id",
    }
)  # fmt: skip
"""Fields that say when or in which order something was written, not what it is."""

_MARK = re.compile(r"\[geheim:[0-9a-f]{8}\]")
"""What stands in a journal in the place of a secret; every run has a key of its own for it."""

_NUMBERED = re.compile(r"^(?P<service>.+)-\d{5}-(?P<mark>[a-z0-9]+)$")
"""The name that a plan gives to a new revision: ``SERVICE-GENERATION-MARK``."""

_MAKES = frozenset({"deploy_revision", "restore_template"})
"""Kinds of actions that make a revision."""

_ANSWERS = {"secret_probe": "paths"}
"""Arguments that say how programs answered when the plan was made, by kind of action."""

_BASIS = "migrations"
"""What of a plan's basis says what an action does: the job is told the stage only."""

Part = Literal["action", "way_back", "plan"]


@dataclass(frozen=True)
class Departure:
    """One place at which a plan is not as it was predicted.

    Attributes:
        part: ``action``, ``way_back``, or ``plan`` for the plan as a whole.
        id: Of the action; empty for the plan.
        path: Dotted path within the action; empty where all of it is missing or new.
        predicted: What the rehearsal planned; ``ABSENT`` where it had none.
        planned: What the run plans; ``ABSENT`` where it has none.
    """

    part: Part
    id: str
    path: str
    predicted: Any
    planned: Any

    def as_data(self) -> dict[str, Any]:
        """Return the departure as JSON values."""
        return asdict(self)


def normalised(plan: Plan, words: Words, run: str = "") -> dict[str, Any]:
    """Return what a plan will do as JSON values that are the same wherever it does the same.

    Names of the environment and the run's id become placeholders. Of a revision that the plan
    makes, the generation in its name is left out; a revision that was there before keeps its name.
    Marks of secrets are all alike; which pages a program answered is left out.
    Versions and times of what was read go, as does the basis: before anything is changed, the
    executor compares it with the world by itself. Of a migration's basis stays what is applied.

    Args:
        plan: The plan.
        words: The names of the environment that it was made in.
        run: Id of the run that made it.
    """
    made = {
        str(action.arguments["revision"]): found.expand(r"\g<service>-${generation}-\g<mark>")
        for action in (*plan.actions, *plan.way_back)
        if action.kind in _MAKES
        and (found := _NUMBERED.match(str(action.arguments.get("revision", ""))))
    }
    renamed = {**made, **({run: "${run}"} if run else {})}
    data = {
        "runbook": plan.runbook,
        "target": plan.target,
        "actions": [_told(action) for action in plan.actions],
        "way_back": [_told(action) for action in plan.way_back],
        **({_BASIS: dict(plan.basis[_BASIS])} if plan.basis.get(_BASIS) else {}),
    }
    # Names first: a revision's name could hold what looks like the name of a project.
    result: dict[str, Any] = words.plain(_without(data, renamed))
    return result


def digest(data: Any) -> str:
    """Return a SHA-256 over JSON data in canonical form, in hexadecimal."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def departures(predicted: Mapping[str, Any], planned: Mapping[str, Any]) -> tuple[Departure, ...]:
    """Return where a plan is not as predicted, action by action; both as ``normalised`` gives them.

    An action is the same where its id is.
    """
    found: list[Departure] = []
    if predicted["target"] != planned["target"]:
        found.append(Departure("plan", "", "target", predicted["target"], planned["target"]))
    applied = predicted.get(_BASIS, {}), planned.get(_BASIS, {})
    for name in dict.fromkeys((*applied[0], *applied[1])):
        was, will = (one.get(name, ABSENT) for one in applied)
        if was != will:
            found.append(Departure("plan", "", f"{_BASIS}.{name}", was, will))
    for part, name in (("action", "actions"), ("way_back", "way_back")):
        found += _of_part(part, predicted[name], planned[name])  # type: ignore[arg-type] # a literal
    return tuple(found)


def _of_part(
    part: Part, predicted: Sequence[Mapping[str, Any]], planned: Sequence[Mapping[str, Any]]
) -> Iterator[Departure]:
    before = {str(action["id"]): action for action in predicted}
    now = {str(action["id"]): action for action in planned}
    for name in dict.fromkeys((*before, *now)):
        if name not in now:
            yield Departure(part, name, "", str(before[name]["kind"]), ABSENT)
        elif name not in before:
            yield Departure(part, name, "", ABSENT, str(now[name]["kind"]))
        else:
            for path, was, will in differing(before[name], now[name]):
                yield Departure(part, name, path, was, will)
    common = [name for name in before if name in now]
    order = [name for name in now if name in before]
    if common != order:
        yield Departure("plan", "", f"order.{part}", common, order)


def differing(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield dotted path, first and second value wherever two pieces of JSON data differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}):
            here = f"{path}.{key}" if path else str(key)
            if key not in one:
                yield here, ABSENT, other[key]
            elif key not in other:
                yield here, one[key], ABSENT
            else:
                yield from differing(one[key], other[key], here)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for position, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from differing(first, second, f"{path}.{position}")
    elif type(one) is not type(other) or one != other:
        yield path, one, other


def _told(action: Action) -> dict[str, Any]:
    """Return an action as JSON values, without how a program answered."""
    data, answers = action.as_data(), _ANSWERS.get(action.kind)
    kept = {key: value for key, value in data["arguments"].items() if key != answers}
    return {**data, "arguments": kept}


def _without(value: Any, renamed: Mapping[str, str]) -> Any:
    """Return JSON data without volatile fields, and with other names for whole words."""
    if isinstance(value, Mapping):
        return {
            str(key): _without(inner, renamed)
            for key, inner in value.items()
            if key not in _VOLATILE
        }
    if isinstance(value, (list, tuple)):
        return [_without(inner, renamed) for inner in value]
    if isinstance(value, str):
        for name, other in renamed.items():
            whole = rf"(?<![A-Za-z0-9-]){re.escape(name)}(?![A-Za-z0-9-])"
            value = re.sub(whole, other.replace("\\", r"\\"), value)
        return _MARK.sub("[geheim]", value)
    return value
