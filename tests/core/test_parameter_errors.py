"""Errors of parameters say what is wrong and what to do."""

from leitstand.core.errors import ExitCode
from leitstand.core.parameter_errors import MistypedParameter, UnknownChoice, UnknownParameter


def test_a_close_name_is_proposed():
    error = UnknownParameter("imgae", ["env", "image"])
    assert "Meinten Sie „image“? Möglich sind: env, image." == error.advice


def test_without_any_parameter_the_advice_says_so():
    assert "Dieses Runbook hat keine Parameter." == UnknownParameter("a", []).advice


def test_a_long_value_is_shortened():
    assert len(str(MistypedParameter("a", "eine Zahl", "x" * 500))) < 200


def test_they_are_bad_input():
    assert ExitCode.BAD_INPUT == UnknownChoice("env", "prd", ["prod"]).exit_code
