"""The tables of parameters for the reference, read from the runbooks themselves."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from page_parts import cell, table

from leitstand.core.parameters import Parameter
from leitstand.notebook.template import Template, read_template

__all__ = ["limits", "parameter_table", "parameters", "runbooks"]

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
TYPES = {
    "str": "Text",
    "int": "ganze Zahl",
    "float": "Zahl",
    "bool": "ja oder nein",
    "datetime": "Zeitpunkt mit Zeitzone",
    "list[str]": "Liste von Texten",
    "list[int]": "Liste ganzer Zahlen",
}


@cache
def runbooks() -> Sequence[Template]:
    """Return all runbooks, by name."""
    return tuple(read_template(path) for path in sorted(RUNBOOKS.glob("*.ipynb")))


def parameters() -> str:
    """Return all runbooks with their parameters, a section for each."""
    parts = []
    for runbook in runbooks():
        link = f"[{runbook.title}](../runbooks/{runbook.name}.ipynb)"
        parts += [
            f"## `{runbook.name}`",
            link,
            parameter_table(runbook.parameters) if runbook.parameters else "Keine.",
        ]
    return "\n\n".join(parts)


def parameter_table(parameters: Sequence[Parameter]) -> str:
    """Return a table of parameters, in this order."""
    return table(("Parameter", "Wert", "Vorgabe", "Bedeutung"), map(_row, parameters))


def limits(parameter: Parameter) -> str:
    """Return what a parameter accepts, in German."""
    if parameter.choices:
        return ", ".join(f"`{choice}`" for choice in parameter.choices)
    if parameter.minimum is not None:
        return f"{TYPES[parameter.type]} von {parameter.minimum} bis {parameter.maximum}"
    return TYPES[parameter.type]


def _row(parameter: Parameter) -> tuple[str, str, str, str]:
    default = _default(parameter.default)
    return f"`{parameter.name}`", limits(parameter), default, cell(parameter.help)


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "ja" if value else "nein"
    return f"`{value}`" if value not in ("", []) else "leer"
