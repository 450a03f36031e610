"""Typed parameters: what a cell may declare, and what a value must be."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.parameter_errors import (
    AssignmentMalformed,
    MistypedParameter,
    ParameterCellInvalid,
    ParameterOutOfRange,
    ParameterRepeated,
    UnknownChoice,
    UnknownParameter,
)
from leitstand.core.parameters import (
    Parameter,
    as_literals,
    check_parameters,
    parse_assignments,
    parse_parameters,
)

CELL = """\
# Wer, was, wann
env: "Literal[sandbox, staging, prod]" = "sandbox"  # Umgebung
percent: "int[1, 100]" = 10  # Anteil in Prozent
share: "float[0, 1]" = 0.5  # Anteil

image: str = "web:1.1.0"  # Abbild; a = b ist hier erlaubt
stages: list[int] = [10, 50, 100]  # Stufen
since: "datetime" = ""  # Zeitpunkt
apply: bool = False  # Ändern
"""
PARAMETERS = parse_parameters(CELL)


def test_a_cell_declares_names_types_defaults_and_help():
    by_name = {parameter.name: parameter for parameter in PARAMETERS}
    assert ["env", "percent", "share", "image", "stages", "since", "apply"] == list(by_name)
    assert Parameter("percent", "int", 10, "Anteil in Prozent", (), 1, 100) == by_name["percent"]
    assert ("sandbox", "staging", "prod") == by_name["env"].choices
    assert "Abbild; a = b ist hier erlaubt" == by_name["image"].help


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("a: \"Literal['x', 'y']\" = 'x'", Parameter("a", "str", "x", choices=("x", "y"))),
        ('a: "Literal[1, 2]" = 1', Parameter("a", "int", 1, choices=(1, 2))),
        (
            "a: \"Annotated[int, '-3..5']\" = 1",
            Parameter("a", "int", 1, minimum=-3, maximum=5),
        ),
        ('a: "list[str]" = ["x"]', Parameter("a", "list[str]", ["x"])),
        (
            'from typing import Literal\na: Literal["x"] = "x"  # Hilfe',
            Parameter("a", "str", "x", "Hilfe", ("x",)),
        ),
    ],
)
def test_types_may_be_written_in_pythons_own_way(declaration: str, expected: Parameter):
    assert (expected,) == parse_parameters(declaration)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("a = 1", "keine Vereinbarung mit Typ"),
        ("print(1)", "keine Vereinbarung mit Typ"),
        ("import os", "keine Vereinbarung mit Typ"),
        ("a: int", "fehlt der Vorgabewert"),
        ("a: int = f()", "kein einfacher Wert"),
        ("a: int = 'x'", "passt nicht zum Typ"),
        ("a: int = True", "passt nicht zum Typ"),
        ('a: "int[1, 5]" = 9', "passt nicht zum Typ"),
        ('a: "Literal[x, y]" = "z"', "passt nicht zum Typ"),
        ('a: "datetime" = "2026-01-01"', "passt nicht zum Typ"),
        ("a: int | None = 1", "gibt es nicht"),
        ("a: dict = {}", "gibt es nicht"),
        ('a: "int[5, 1]" = 3', "gibt es nicht"),
        ('a: "int[" = 3', "nicht lesbar"),
        ('a: Literal["x"] = "x"', "gehört in Anführungszeichen"),
        ("a: int[1, 2] = 1", "gehört in Anführungszeichen"),
        ("a: int = 1\na: int = 2", "zweimal"),
        ("a: int = (", "kein gültiges Python"),
    ],
)
def test_a_cell_with_anything_else_is_refused_with_its_reason(cell: str, reason: str):
    with pytest.raises(ParameterCellInvalid, match=reason):
        parse_parameters(cell)


def test_defaults_fill_what_was_not_given():
    assert {
        "env": "sandbox", "percent": 25, "share": 0.5, "image": "web:1.1.0",
        "stages": [10, 50, 100], "since": None, "apply": False,
    } == check_parameters(PARAMETERS, {"percent": 25})  # fmt: skip


def test_an_unknown_parameter_is_refused_with_the_one_that_was_meant():
    with pytest.raises(UnknownParameter, match="Meinten Sie „percent“") as caught:
        check_parameters(PARAMETERS, {"prcent": 5})
    assert "prcent" == caught.value.name


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("percent", "10", MistypedParameter),
        ("percent", True, MistypedParameter),
        ("percent", 10.0, MistypedParameter),
        ("percent", 101, ParameterOutOfRange),
        ("percent", 0, ParameterOutOfRange),
        ("share", float("nan"), MistypedParameter),
        ("share", 1.5, ParameterOutOfRange),
        ("env", "production", UnknownChoice),
        ("env", 1, MistypedParameter),
        ("apply", "ja", MistypedParameter),
        ("apply", 1, MistypedParameter),
        ("stages", [10, "50"], MistypedParameter),
        ("stages", 10, MistypedParameter),
        ("image", None, MistypedParameter),
        ("since", "2026-11-24T07:00:00", MistypedParameter),
        ("since", "gestern", MistypedParameter),
    ],
)
def test_a_value_of_another_type_or_range_is_refused(
    name: str, value: object, error: type[Exception]
):
    with pytest.raises(error, match=f"„{name}“"):
        check_parameters(PARAMETERS, {name: value})


def test_a_time_needs_its_zone_and_becomes_utc():
    checked = check_parameters(PARAMETERS, {"since": "2026-11-24T08:00:00+01:00"})
    assert datetime(2026, 11, 24, 7, tzinfo=UTC) == checked["since"]
    assert "2026-11-24T07:00:00+00:00" == as_literals(checked)["since"]


def test_a_time_that_was_not_given_is_none_and_an_empty_literal():
    assert "" == as_literals(check_parameters(PARAMETERS, {}))["since"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("percent=7", 7),
        ("percent= 7 ", 7),
        ("share=0.25", 0.25),
        ("apply=ja", True),
        ("apply=False", False),
        ("stages=10, 100", [10, 100]),
        ("stages=[10,100]", [10, 100]),
        ("image=a=b", "a=b"),
        ("image=", ""),
        ("since=2026-11-24T07:00:00Z", "2026-11-24T07:00:00Z"),
    ],
)
def test_an_assignment_is_read_by_its_declared_type(text: str, expected: object):
    assert [expected] == list(parse_assignments(PARAMETERS, [text]).values())


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (["percent"], AssignmentMalformed),
        (["=5"], AssignmentMalformed),
        (["percent=1", "percent=2"], ParameterRepeated),
        (["prozent=1"], UnknownParameter),
        (["percent=zehn"], MistypedParameter),
        (["stages=[10"], MistypedParameter),
        (["stages=10,x"], MistypedParameter),
    ],
)
def test_an_assignment_that_cannot_be_read_is_refused(texts: list[str], error: type[Exception]):
    with pytest.raises(error):
        parse_assignments(PARAMETERS, texts)


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "env": st.sampled_from(["sandbox", "staging", "prod"]),
        "percent": st.integers(1, 100),
        "share": st.floats(0, 1),
        "image": st.text(),
        "stages": st.lists(st.integers()),
        "since": st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
        "apply": st.booleans(),
    },
)


@given(VALUES)
def test_checked_literals_pass_the_check_again_unchanged(values: dict[str, object]):
    literals = as_literals(check_parameters(PARAMETERS, values))
    assert literals == as_literals(check_parameters(PARAMETERS, literals))


@given(VALUES)
def test_what_is_written_as_an_assignment_is_read_as_the_same_value(values: dict[str, object]):
    texts = [f"{name}={value}" for name, value in values.items()]
    assert values == parse_assignments(PARAMETERS, texts)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(),
                 st.lists(st.integers() | st.text()), st.dictionaries(st.text(), st.integers())),
       st.sampled_from([parameter.name for parameter in PARAMETERS]))  # fmt: skip
def test_any_value_is_either_taken_or_refused_as_bad_input(value: object, name: str):
    with suppress(MistypedParameter, UnknownChoice, ParameterOutOfRange):
        check_parameters(PARAMETERS, {name: value})
