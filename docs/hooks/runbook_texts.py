"""What pages say about runbooks besides the notebooks: docs/runbooks.yaml, checked. Read-only."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from leitstand.core.errors import LeitstandError
from leitstand.core.parameters import check_parameters
from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.catalogue import drills
from leitstand.notebook.template import Template

__all__ = ["TEXTS", "About", "Symptom", "Texts", "read_texts", "texts_faults"]

TEXTS = Path("docs") / "runbooks.yaml"


@dataclass(frozen=True)
class About:
    """What pages say about one runbook.

    Attributes:
        task: The task, a German clause.
        changes: What it changes with ``--apply``; empty where it changes nothing.
        risk: The worst that may happen, and what protects from it.
        example: Parameters of the command that pages show; those of its rehearsal without it.
        applied: More parameters of the command that changes something.
    """

    task: str
    changes: str = ""
    risk: str = ""
    example: Mapping[str, Any] | None = None
    applied: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Symptom:
    """What somebody sees, and the runbook that helps.

    Attributes:
        see: What is seen, German.
        words: What customers and alerts say of it.
        runbook: Name of the runbook.
        parameters: What to fill in; a text in braces is left to the reader.
        cause: The cause behind it, as triage names it; empty without one.
        note: What comes first, or when something else helps.
    """

    see: str
    words: str
    runbook: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    note: str = ""


@dataclass(frozen=True)
class Texts:
    """Everything in the file.

    Attributes:
        runbooks: By name, in the order of the overview.
        symptoms: The most frequent first.
    """

    runbooks: Mapping[str, About]
    symptoms: tuple[Symptom, ...]


def read_texts(path: Path) -> Texts:
    """Return what the file says.

    Raises:
        ValueError: it is no YAML of this form.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        runbooks = {str(name): About(**about) for name, about in content["runbooks"].items()}
        symptoms = tuple(Symptom(**symptom) for symptom in content["symptoms"])
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    return Texts(runbooks, symptoms)


def texts_faults(texts: Texts, templates: Mapping[str, Template]) -> list[str]:
    """Return one sentence for everything in which the texts do not fit runbooks and triage."""
    found = [f"{TEXTS} says nothing about the runbook {name}" for name in templates
             if name not in texts.runbooks]  # fmt: skip
    found += [f"{TEXTS} describes {name}, which is no runbook" for name in texts.runbooks
              if name not in templates]  # fmt: skip
    for name, about in texts.runbooks.items():
        shown = {**(about.example or {}), **about.applied}
        known = (
            {parameter.name for parameter in templates[name].parameters}
            if name in templates
            else shown
        )
        found += [f"{TEXTS}: {name} has no parameter {one}" for one in shown if one not in known]
    causes = {symptom.cause for symptom in texts.symptoms}
    found += [f"{TEXTS} has no symptom of {cause}" for cause in Cause if cause not in causes]
    for symptom in texts.symptoms:
        found += _misfits(symptom, templates.get(symptom.runbook))
    return found


def _misfits(symptom: Symptom, template: Template | None) -> Iterator[str]:
    if template is None:
        yield f"{TEXTS} names the runbook {symptom.runbook}, which there is not"
        return
    if symptom.cause and symptom.cause not in set(Cause):
        yield f"{TEXTS} names the cause {symptom.cause}, which there is not"
    treatments = _treatments(symptom.cause)
    if treatments and symptom.runbook not in treatments:
        listed = ", ".join(sorted(treatments))
        yield f"{TEXTS} treats {symptom.cause} with {symptom.runbook}; its drill, with {listed}"
    given = {name: value for name, value in symptom.parameters.items() if not _is_open(value)}
    names = {parameter.name for parameter in template.parameters} - {"apply"}  # pages plan first
    for name in symptom.parameters:
        if name not in names:
            yield f"{TEXTS}: {symptom.runbook} has no parameter {name}"
            return
    try:
        check_parameters(template.parameters, given)
    except LeitstandError as error:
        yield f"{TEXTS} does not fit {symptom.runbook}: {error.message}"


def _treatments(cause: str) -> Iterable[str]:
    """Return the runbooks with which the drills of a cause are passed."""
    return {
        name for drill in drills().values() if drill.cause == cause for name in drill.treatments
    }


def _is_open(value: object) -> bool:
    return isinstance(value, str) and value.startswith("{")
