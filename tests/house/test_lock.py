"""The lock names one version, with hashes, of everything that the package asks for."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LIB = Path(__file__).resolve().parents[2] / "lib"
LOCK = (LIB / "requirements.lock").read_text("utf-8")
PROJECT = tomllib.loads((LIB / "pyproject.toml").read_text("utf-8"))["project"]
WANTED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
ENTRIES = re.findall(r"^(\S.*?) \\\n((?:    --hash=\S+(?: \\)?\n)+)", LOCK, re.MULTILINE)
PINS = [Requirement(line) for line, _ in ENTRIES]


def _applies(requirement: Requirement, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.9"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("line", WANTED)
def test_each_dependency_is_met_by_exactly_one_pin(line: str, python: str):
    wanted = Requirement(line)
    pins = [
        pin
        for pin in PINS
        if canonicalize_name(pin.name) == canonicalize_name(wanted.name) and _applies(pin, python)
    ]
    assert 1 == len(pins)
    (version,) = [s.version for s in pins[0].specifier]
    assert wanted.specifier.contains(version)


def test_every_line_is_an_exact_version_with_hashes_or_a_comment():
    left = LOCK
    for line, hashes in ENTRIES:
        left = left.replace(f"{line} \\\n{hashes}", "")
    assert [] == [line for line in left.splitlines() if not line.lstrip().startswith("#")]
    assert [] == [str(pin) for pin in PINS if [s.operator for s in pin.specifier] != ["=="]]


def test_the_header_names_the_command_that_makes_it():
    assert "#    python3 -m nox -s lock" in LOCK.splitlines()[:3]


def test_it_names_neither_an_index_nor_a_place_on_a_machine():
    assert [] == re.findall(r"^.*(?:://|--index|--find-links| @ |file:).*$", LOCK, re.MULTILINE)
    assert [] == re.findall(r"^\s*[^#\s].*(?:^|\s)/\w+.*$", LOCK, re.MULTILINE)


def test_what_runs_here_is_what_the_lock_says():
    from importlib.metadata import version

    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    direct = {canonicalize_name(Requirement(line).name) for line in WANTED}
    pins = [p for p in PINS if canonicalize_name(p.name) in direct and _applies(p, here)]
    assert [] == [str(pin) for pin in pins if version(pin.name) not in pin.specifier]
