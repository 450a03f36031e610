"""environment.yml gives conda users what the nox sessions install."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "environment.yml").read_text("utf-8")
ENVIRONMENT: dict[str, Any] = yaml.safe_load(TEXT)
PROJECT = tomllib.loads((ROOT / "lib" / "pyproject.toml").read_text("utf-8"))["project"]


def test_python_is_the_range_that_the_package_asks_for():
    (python,) = [d for d in ENVIRONMENT["dependencies"] if str(d).startswith("python")]
    assert Requirement(f"python{PROJECT['requires-python']}") == Requirement(python)


def test_every_package_comes_from_the_lock_and_from_nowhere_else():
    others = [d for d in ENVIRONMENT["dependencies"] if not str(d).startswith("python")]
    assert ["pip", {"pip": ["--requirement lib/requirements.lock"]}] == others


def test_its_commands_install_the_package_itself_as_nox_does():
    (command,) = re.findall(r"^#   python -m (pip install .*)$", TEXT, re.MULTILINE)
    nox = re.sub(r"\s+", " ", (ROOT / "noxfile.py").read_text("utf-8"))
    options = '"--no-deps", "--no-build-isolation", "--editable", str(LIB)'
    assert "pip install --no-deps --no-build-isolation --editable lib" == command
    assert options in nox
