"""Read the type of a parameter from its annotation. Pure."""

import ast
from dataclasses import dataclass

from leitstand.core.parameter_errors import ParameterCellInvalid

__all__ = ["TypeExpression", "read_type"]

_PLAIN = {"str", "int", "float", "bool", "datetime"}
_LISTS = {"list[str]", "list[int]"}
_NEED_IMPORT = {"Annotated", "Literal", "datetime"}


@dataclass(frozen=True)
class TypeExpression:
    """The meaning of an annotation.

    Attributes:
        type: Name of the base type.
        choices: Allowed values; empty when any is.
        bounds: Smallest and largest allowed number, or None.
    """

    type: str
    choices: tuple[str | int, ...] = ()
    bounds: tuple[int | float, int | float] | None = None


def read_type(annotation: ast.expr, line: int, imported: set[str]) -> TypeExpression:
    """Return the meaning of an annotation, quoted or not.

    Args:
        annotation: The annotation's syntax tree.
        line: Line of the cell for the error.
        imported: Names that the cell imports itself.

    Raises:
        ParameterCellInvalid: the type is unknown, or would not evaluate in the kernel.
    """
    quoted = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError as error:
            raise ParameterCellInvalid(line, "der Typ ist nicht lesbar") from error
    if not quoted:
        _must_evaluate(annotation, line, imported)
    expression = _expression(annotation)
    if expression is None:
        raise ParameterCellInvalid(line, f"den Typ „{ast.unparse(annotation)}“ gibt es nicht")
    return expression


def _must_evaluate(annotation: ast.expr, line: int, imported: set[str]) -> None:
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
    missing = sorted(names & _NEED_IMPORT - imported)
    if missing:
        reason = f"der Typ „{missing[0]}“ ist im Kernel unbekannt und gehört in Anführungszeichen"
        raise ParameterCellInvalid(line, reason)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in {"int", "float"}:
        raise ParameterCellInvalid(line, "ein Bereich gehört in Anführungszeichen")


def _expression(node: ast.expr) -> TypeExpression | None:
    text = ast.unparse(node)
    if text in _PLAIN | _LISTS:
        return TypeExpression(text)
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match node.value.id:
        case "Literal":
            return _choices(items)
        case "int" | "float":
            return _range(node.value.id, [_literal(item) for item in items])
        case "Annotated" if len(items) == 2 and isinstance(items[0], ast.Name):
            text = str(_literal(items[1]))
            return _range(items[0].id, [_number(part) for part in text.split("..")])
    return None


def _choices(items: list[ast.expr]) -> TypeExpression | None:
    values = [item.id if isinstance(item, ast.Name) else _literal(item) for item in items]
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) == len(values):
        return TypeExpression("str", choices=texts)
    numbers = tuple(
        value for value in values if isinstance(value, int) and not isinstance(value, bool)
    )
    return TypeExpression("int", choices=numbers) if len(numbers) == len(values) else None


def _range(base: str, bounds: list[object]) -> TypeExpression | None:
    numbers = [
        bound
        for bound in bounds
        if isinstance(bound, int | float)
        and not isinstance(bound, bool)
        and not (base == "int" and isinstance(bound, float))
    ]
    if base not in {"int", "float"} or len(numbers) != 2 or len(bounds) != 2:
        return None
    return (
        TypeExpression(base, bounds=(numbers[0], numbers[1])) if numbers[0] <= numbers[1] else None
    )


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _number(text: str) -> object:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return None
