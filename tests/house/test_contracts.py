"""The rules of the house that import-linter cannot say; it says the others (`nox -s lint`)."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lib" / "leitstand"
MODULES = sorted(PACKAGE.rglob("*.py"))
CORE = sorted((PACKAGE / "core").glob("*.py"))
CONTRACTS = tomllib.loads((ROOT / "lib" / "pyproject.toml").read_text("utf-8"))["tool"][
    "importlinter"
]["contracts"]
HEAVY = {"google", "grpc", "IPython", "jupyter_client", "matplotlib", "nbclient", "nbconvert",
         "numpy", "papermill", "psycopg", "django", "aiohttp"}  # fmt: skip


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def calls(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_opens_nothing_and_asks_no_clock_and_no_chance(path: Path):
    impure = {"open", "input", "datetime.now", "datetime.utcnow", "date.today", "random.random",
              "uuid.uuid4", "__import__", "eval", "exec"}  # fmt: skip
    assert set() == calls(path) & impure


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_does_one_thing_and_stays_within_300_lines(path: Path):
    assert len(path.read_text("utf-8").splitlines()) <= 300


def test_the_sandbox_contract_names_every_part_but_the_sandbox_itself():
    parts = {p.stem for p in PACKAGE.iterdir() if not p.name.startswith("__")} - {"sandbox"}
    (contract,) = [c for c in CONTRACTS if c.get("source_modules") == ["leitstand.sandbox"]]
    assert {f"leitstand.{part}" for part in parts} == set(contract["forbidden_modules"])


def test_the_layers_name_every_package_but_the_sandbox():
    packages = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()} - {"sandbox"}
    (contract,) = [c for c in CONTRACTS if c["type"] == "layers"]
    named = {m.strip() for layer in contract["layers"] for m in layer.split("|")}
    assert {f"leitstand.{package}" for package in packages} | {"leitstand.cli"} == named


@pytest.mark.parametrize(
    "statement",
    [
        "from leitstand.cli import main; main(['--help'])",
        "from leitstand.cli import main; main(['runbooks'])",
        "import leitstand.core.plan, leitstand.core.health, leitstand.audit.journal",
        "import leitstand.sandbox.control",
    ],
)
def test_reading_loads_neither_clients_nor_notebook_tools(statement: str):
    program = (
        f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\n"
        f"print('heavy:', sorted({HEAVY!r} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert "" == ended.stderr
    assert "heavy: []" == ended.stdout.splitlines()[-1]
