"""The types that an annotation can name."""

import ast

import pytest

from leitstand.core.parameter_types import TypeExpression, read_type


def annotation(text: str) -> ast.expr:
    return ast.parse(f"a: {text}").body[0].annotation  # type: ignore[attr-defined]  # AnnAssign


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int", TypeExpression("int")),
        ("list[int]", TypeExpression("list[int]")),
        ('"float[0, 1]"', TypeExpression("float", bounds=(0, 1))),
        ('"int[-5, 5]"', TypeExpression("int", bounds=(-5, 5))),
        ('"Literal[a, b]"', TypeExpression("str", ("a", "b"))),
        ("\"Annotated[float, '0.5..1']\"", TypeExpression("float", bounds=(0.5, 1))),
    ],
)
def test_an_annotation_is_read(text: str, expected: TypeExpression):
    assert expected == read_type(annotation(text), 1, set())


def test_papermills_own_parser_lists_quoted_types():
    import nbformat
    from papermill.translators import PythonTranslator

    cell = nbformat.v4.new_code_cell(
        'env: "Literal[sandbox, prod]" = "sandbox"  # Umgebung\n'
        'percent: "int[1, 100]" = 10  # Anteil\nstages: list[int] = [10, 100]  # Stufen'
    )
    found = [(p.name, p.inferred_type_name) for p in PythonTranslator.inspect(cell)]
    expected = [("env", "Literal[sandbox, prod]"), ("percent", "int[1, 100]"),
                ("stages", "list[int]")]  # fmt: skip
    assert expected == found
