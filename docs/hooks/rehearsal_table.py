"""With what each runbook is rehearsed for its page: the table docs/rehearsals.yaml, checked.

Reading it changes nothing and starts nothing.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from leitstand.core.errors import LeitstandError
from leitstand.core.parameters import as_literals, check_parameters
from leitstand.notebook.template import Template

__all__ = [
    "TABLE",
    "BadTable",
    "Lane",
    "Rehearsal",
    "command_of",
    "faults_of",
    "option_text",
    "read_table",
]

TABLE = Path("docs") / "rehearsals.yaml"
GROUPS = {"audit", "drill", "run", "sandbox", "schedule"}
"""Commands that may prepare a rehearsal."""


class BadTable(ValueError):
    """The table cannot be read, or does not fit the runbooks."""


@dataclass(frozen=True)
class Rehearsal:
    """How one runbook is rehearsed.

    Attributes:
        runbook: Its name.
        parameters: By name, besides ``apply``; all others keep their defaults.
        apply: Whether it changes anything.
        prepare: Commands before it, without ``leitstand``.
        after: Commands after it, when it ended as it must; they must succeed.
        restore: Commands after all that, however it ended.
        exit_code: With which it must end.
        attempts: How often it is tried until it does.
        scene: What it shows, one German sentence or two.
        screens: Commands out of `prepare` and `after`, by the name of the picture that they become.
    """

    runbook: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    apply: bool = False
    prepare: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    exit_code: int = 0
    attempts: int = 1
    scene: str = ""
    screens: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lane:
    """Rehearsals that follow each other in one sandbox.

    Attributes:
        name: How messages call it.
        rehearsals: In their order.
    """

    name: str
    rehearsals: tuple[Rehearsal, ...]


LISTS = ("prepare", "after", "restore")
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "runbook": str, "parameters": dict, "apply": bool, "prepare": list, "after": list,
    "restore": list, "exit_code": int, "attempts": int, "scene": str, "screens": dict,
}  # fmt: skip


def read_table(path: Path) -> tuple[Lane, ...]:
    """Return the lanes of a table.

    Raises:
        BadTable: it is no YAML of this form.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        lanes = content["lanes"].items()
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise BadTable(f"{path.name} holds no lanes: {error}") from error
    return tuple(Lane(str(name), tuple(_rehearsals(name, entries))) for name, entries in lanes)


def faults_of(lanes: Iterable[Lane], templates: Mapping[str, Template]) -> list[str]:
    """Return one sentence for everything in which table and runbooks do not fit.

    Args:
        lanes: The table.
        templates: All runbooks by name.
    """
    entries = [rehearsal for lane in lanes for rehearsal in lane.rehearsals]
    counts = Counter(entry.runbook for entry in entries)
    found = [
        f"the runbook {name} has no entry in {TABLE}" for name in templates if not counts[name]
    ]
    found += [
        f"{TABLE} rehearses {name} twice; later entries would hide earlier ones"
        for name, count in counts.items()
        if count > 1
    ]
    for entry in entries:
        template = templates.get(entry.runbook)
        if template is None:
            found.append(f"{TABLE} names the runbook {entry.runbook}, which there is not")
        else:
            found += _misfits(entry, template)
    return found


def command_of(rehearsal: Rehearsal) -> str:
    """Return the command with which anyone repeats a rehearsal."""
    return shlex.join(["leitstand", "run", rehearsal.runbook, *_options(rehearsal)])


def _options(rehearsal: Rehearsal) -> Iterator[str]:
    for name, value in rehearsal.parameters.items():
        yield "-p"
        yield f"{name}={option_text(value)}"
    if rehearsal.apply:
        yield "--apply"


def option_text(value: object) -> str:
    """Return a value as ``-p`` reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _misfits(entry: Rehearsal, template: Template) -> Iterator[str]:
    if not template.parameterised:
        yield f"the runbook {entry.runbook} has no cell tagged parameters"
        return
    try:
        given = {**entry.parameters, "apply": entry.apply}
        as_literals(check_parameters(template.parameters, given))
    except LeitstandError as error:
        yield f"{TABLE} does not fit {entry.runbook}: {error.message}"
    for name, command in entry.screens.items():
        if command not in (*entry.prepare, *entry.after):
            yield f"{TABLE} makes {name} of “{command}”, which {entry.runbook} does not do"
    for command in (*entry.prepare, *entry.after, *entry.restore):
        if command.split(" ", 1)[0] not in GROUPS:
            yield f"{TABLE} prepares {entry.runbook} with “{command}”, which is no such command"


def _rehearsals(lane: str, entries: object) -> Iterator[Rehearsal]:
    if not isinstance(entries, list):
        raise BadTable(f"the lane {lane} is no list")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("runbook"), str):
            raise BadTable(f"an entry of the lane {lane} names no runbook")
        for key, value in entry.items():
            if key not in TYPES or not isinstance(value, TYPES[key]):
                raise BadTable(f"{entry['runbook']}: {key} is unknown or has another type")
        commands = {key: tuple(map(str, entry.get(key, ()))) for key in LISTS}
        yield Rehearsal(**{**entry, **commands})
