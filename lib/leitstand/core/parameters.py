"""Typed notebook parameters: declared in one cell, checked before anything starts.

The cell tagged ``parameters`` holds one line per parameter, ``name: type = literal  # help``.
A type that needs an import stands in quotes, so that the cell runs in any Python kernel and
papermill's own inspection (``papermill --help-notebook``) lists it with its type::

    env: "Literal[sandbox, staging, prod]" = "sandbox"  # Umgebung
    percent: "int[1, 100]" = 10  # Anteil der ersten Stufe in Prozent
    image: str = "web:1.1.0"  # Abbild
    since: "datetime" = ""  # Zeitpunkt mit Zeitzone; leer heißt: nicht gesetzt
    stages: list[int] = [10, 50, 100]  # Stufen in Prozent

``Literal["a", "b"]`` and ``Annotated[int, "1..100"]`` mean the same in Python's own spelling.
Everything here is pure.
"""

import ast
import io
import json
import math
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from leitstand.core.parameter_errors import (
    AssignmentMalformed,
    MistypedParameter,
    ParameterCellInvalid,
    ParameterError,
    ParameterOutOfRange,
    ParameterRepeated,
    UnknownChoice,
    UnknownParameter,
)
from leitstand.core.parameter_types import TypeExpression, read_type

__all__ = [
    "Parameter",
    "as_literals",
    "check_parameters",
    "parse_assignments",
    "parse_parameters",
]

_TRUE, _FALSE = {"true", "ja"}, {"false", "nein"}


@dataclass(frozen=True)
class Parameter:
    """One declared parameter.

    Attributes:
        name: Name in the notebook.
        type: ``str``, ``int``, ``float``, ``bool``, ``datetime``, ``list[str]`` or ``list[int]``.
        default: Value as it stands in the cell; a datetime is ISO 8601 text or empty.
        help: German help, empty when there is none.
        choices: Allowed values; empty when any is.
        minimum: Smallest allowed number, or None.
        maximum: Largest allowed number, or None.
    """

    name: str
    type: str
    default: object
    help: str = ""
    choices: tuple[str | int, ...] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None

    def expectation(self) -> str:
        """Return what the parameter accepts, as a German noun phrase."""
        if self.choices:
            return "einen der Werte " + ", ".join(str(choice) for choice in self.choices)
        phrase = {
            "str": "einen Text",
            "int": "eine ganze Zahl",
            "float": "eine Zahl",
            "bool": "ja oder nein (true oder false)",
            "datetime": "einen Zeitpunkt mit Zeitzone wie 2026-11-24T07:00:00+01:00",
            "list[str]": "eine Liste von Texten",
            "list[int]": "eine Liste ganzer Zahlen",
        }[self.type]
        if self.minimum is not None:
            phrase += f" von {self.minimum} bis {self.maximum}"
        return phrase


def parse_parameters(source: str) -> tuple[Parameter, ...]:
    """Return the parameters that the source of a parameters cell declares.

    Raises:
        ParameterCellInvalid: a line is not a typed literal with a fitting default.
    """
    try:
        module = ast.parse(source)
    except SyntaxError as error:
        raise ParameterCellInvalid(error.lineno or 1, "das ist kein gültiges Python") from error
    helps = _comments(source)
    imported: set[str] = set()
    found: dict[str, Parameter] = {}
    for statement in module.body:
        if isinstance(statement, ast.ImportFrom) and statement.module in {"typing", "datetime"}:
            imported.update(alias.name for alias in statement.names)
            continue
        parameter = _declared(statement, helps.get(statement.end_lineno or 0, ""), imported)
        if parameter.name in found:
            reason = f"„{parameter.name}“ ist zweimal vereinbart"
            raise ParameterCellInvalid(statement.lineno, reason)
        found[parameter.name] = parameter
    return tuple(found.values())


def check_parameters(
    parameters: Sequence[Parameter], values: Mapping[str, object]
) -> dict[str, object]:
    """Return all parameters with the given values, or their defaults, in the declared types.

    A datetime becomes a timezone-aware ``datetime`` in UTC, or None where the default is empty
    and nothing was given.

    Raises:
        UnknownParameter: a value for a parameter that is not declared.
        MistypedParameter: a value of another type.
        UnknownChoice: none of the allowed values.
        ParameterOutOfRange: below the minimum or above the maximum.
    """
    known = [parameter.name for parameter in parameters]
    for name in values:
        if name not in known:
            raise UnknownParameter(name, known)
    return {
        parameter.name: _checked(parameter, values.get(parameter.name, parameter.default))
        for parameter in parameters
    }


def parse_assignments(parameters: Sequence[Parameter], texts: Iterable[str]) -> dict[str, object]:
    """Return the values of texts like ``image=web:1.1.0``, each read by its declared type.

    Raises:
        AssignmentMalformed: a text is not ``name=value``.
        ParameterRepeated: the same name twice.
        UnknownParameter: no such parameter.
        MistypedParameter: the text cannot be read as the declared type.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    values: dict[str, object] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        name = name.strip()
        if not separator or not name:
            raise AssignmentMalformed(text)
        if name not in by_name:
            raise UnknownParameter(name, list(by_name))
        if name in values:
            raise ParameterRepeated(name)
        values[name] = _read(by_name[name], value)
    return values


def as_literals(values: Mapping[str, object]) -> dict[str, object]:
    """Return checked values as plain literals for a notebook or JSON: times as ISO 8601 text."""

    def literal(value: object) -> object:
        if value is None:
            return ""
        return value.isoformat() if isinstance(value, datetime) else value

    return {name: literal(value) for name, value in values.items()}


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _declared(statement: ast.stmt, help_text: str, imported: set[str]) -> Parameter:
    line = statement.lineno
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        raise ParameterCellInvalid(line, "hier steht keine Vereinbarung mit Typ")
    if statement.value is None:
        raise ParameterCellInvalid(line, f"„{statement.target.id}“ fehlt der Vorgabewert")
    try:
        default = ast.literal_eval(statement.value)
    except ValueError as error:
        raise ParameterCellInvalid(line, "der Vorgabewert ist kein einfacher Wert") from error
    expression = read_type(statement.annotation, line, imported)
    parameter = _parameter(statement.target.id, expression, default, help_text)
    try:
        _checked(parameter, default)
    except ParameterError as error:
        raise ParameterCellInvalid(
            line, f"der Vorgabewert von „{parameter.name}“ passt nicht zum Typ"
        ) from error
    return parameter


def _parameter(name: str, expression: TypeExpression, default: object, help_text: str) -> Parameter:
    minimum, maximum = expression.bounds or (None, None)
    return Parameter(
        name, expression.type, default, help_text, expression.choices, minimum, maximum
    )


def _checked(parameter: Parameter, value: object) -> object:
    value = _typed(parameter, value)
    if parameter.choices and value not in parameter.choices:
        raise UnknownChoice(parameter.name, value, parameter.choices)
    minimum, maximum = parameter.minimum, parameter.maximum
    if minimum is None or maximum is None or not isinstance(value, int | float):
        return value
    if not minimum <= value <= maximum:
        raise ParameterOutOfRange(parameter.name, value, minimum, maximum)
    return value


def _typed(parameter: Parameter, value: object) -> object:
    match parameter.type:
        case "bool":
            fits = isinstance(value, bool)
        case "int":
            fits = _is_integer(value)
        case "str":
            fits = isinstance(value, str)
        case "float":
            fits = _is_integer(value) or (isinstance(value, float) and math.isfinite(value))
            value = float(value) if fits and isinstance(value, int | float) else value
        case "list[str]":
            fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        case "list[int]":
            fits = isinstance(value, list) and all(_is_integer(item) for item in value)
        case _:
            return _moment(parameter, value)
    if not fits:
        raise MistypedParameter(parameter.name, parameter.expectation(), value)
    return list(value) if isinstance(value, list) else value


def _moment(parameter: Parameter, value: object) -> datetime | None:
    if value in ("", None) and parameter.default == "":
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise MistypedParameter(parameter.name, parameter.expectation(), value)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise MistypedParameter(parameter.name, parameter.expectation(), value) from error


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _read(parameter: Parameter, text: str) -> object:
    stripped = text.strip()
    try:
        match parameter.type:
            case "bool" if stripped.lower() in _TRUE | _FALSE:
                return stripped.lower() in _TRUE
            case "int":
                return int(stripped)
            case "float":
                return float(stripped)
            case "list[str]" | "list[int]":
                return _read_list(parameter.type, stripped)
    except ValueError as error:
        raise MistypedParameter(parameter.name, parameter.expectation(), text) from error
    return text if parameter.type == "str" else stripped


def _read_list(kind: str, text: str) -> list[object]:
    if text.startswith("["):
        loaded = json.loads(text)
        return loaded if isinstance(loaded, list) else [loaded]
    items = [item.strip() for item in text.split(",")] if text else []
    return [int(item) if kind == "list[int]" else item for item in items]
