"""Placeholders of resources' bodies as expressions that a shell puts in their place."""

import json
from collections.abc import Callable
from typing import Any

from leitstand.core.commands.addresses import found_by_query, resource_path
from leitstand.core.commands.block import Setting
from leitstand.core.commands.shell import Shell, curl, expression, gcloud, secret_value, short
from leitstand.core.kind_table import KINDS
from leitstand.core.references import Reference, Source, find, resolve

__all__ = ["expanded", "expanded_text", "full_name"]

_MARK = "\ue000"
_END = "\ue001"
_QUOTE = "\ue002"


def expanded(value: Any, setting: Setting) -> str:
    """Return a body as JSON in which the shell expands expressions; for a here-document.

    Everything else is protected from the shell.
    """
    return _expanded(
        value, setting, lambda marked: json.dumps(marked, ensure_ascii=False, indent=1)
    )


def expanded_text(value: str, setting: Setting) -> Shell:
    """Return a text in which the shell expands expressions; to stand in double quotes."""
    return Shell(_expanded(value, setting, lambda marked: str(marked).replace('"', _QUOTE)))


def _expanded(value: Any, setting: Setting, written: Callable[[Any], str]) -> str:
    found = find(value)
    marks = {reference.text: f"{_MARK}{place}{_END}" for place, reference in enumerate(found)}
    shown = written(resolve(value, lambda reference: marks[reference.text]))
    for letter in ("\\", "$", "`"):
        shown = shown.replace(letter, "\\" + letter)
    shown = shown.replace(_QUOTE, '\\"')
    for reference in found:
        shown = shown.replace(marks[reference.text], _expression_of(reference, setting))
    return shown


def _expression_of(reference: Reference, setting: Setting) -> Shell:
    """Return the expression that gives a placeholder's value when it is run."""
    key, project = reference.key, setting.project
    match reference.source:
        case Source.NAME:
            return Shell(full_name(key, setting))
        case Source.ID:
            return Shell(short(full_name(key, setting)))
        case Source.OUTPUT:
            return _output(key, reference.field, setting)
        case Source.SECRET:
            name, _, version = key.partition("/")[2].partition("/")
            return secret_value(setting, name, version)
        case Source.AUTH:
            return expression(
                gcloud("redis instances get-auth-string", key.partition("/")[2],
                       region=setting.region, format="value(authString)", project=project)
            )  # fmt: skip
        case Source.GENERATED:
            return Shell(
                f"$(openssl rand -base64 {reference.amount} | tr -d '\\n=' | tr '+/' '-_')"
            )
        case Source.NOW:
            return Shell(f"$(date -u -d '+{reference.amount} seconds' +%Y-%m-%dT%H:%M:%SZ)")
        case Source.IMAGE:
            return _image(reference, setting)
        case Source.OPERATOR:
            return Shell("${WERT:?Setzen Sie ihn zuvor: read -rs WERT}")


def full_name(key: str, setting: Setting) -> str:
    """Return the full name of a resource; the project's number is asked for when it is run."""
    kind, _, own = key.partition("/")
    number = expression(
        gcloud("projects describe", setting.project, format="value(projectNumber)",
               project=setting.project)
    )  # fmt: skip
    where = {"project": setting.project, "number": str(number), "region": setting.region}
    return KINDS[kind].full_name(own, **where)


def _output(key: str, field: str, setting: Setting) -> Shell:
    """Return what reads a field of the resource as it is then."""
    kind = KINDS[key.partition("/")[0]]
    name = full_name(key, setting)
    path = found_by_query(kind, name) if kind.found_by else resource_path(kind, name)
    read = curl(setting, "GET", kind.api.partition(".")[0], path)
    last = field.rpartition(".")[2]
    # The first field of that name; outputs are texts.
    return expression(f'{read} | sed -nE \'s/^.*"{last}": *"([^"]*)".*$/\\1/p\' | head -n 1')


def _image(reference: Reference, setting: Setting) -> Shell:
    shown = "value(image_summary.fully_qualified_digest)"
    if reference.label:
        return Shell(f"${{WERT:?Das Etikett {reference.label} von {reference.image}}}")
    repository = reference.image
    if ".pkg.dev/" not in repository:
        repository = f"{setting.region}-docker.pkg.dev/{setting.project}/{repository}"
    return expression(
        gcloud("artifacts docker images describe", repository, format=shown,
               project=setting.project)
    )  # fmt: skip
