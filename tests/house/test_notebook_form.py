"""Every runbook has the form that the design asks for, so that readers find what they look for."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = sorted((ROOT / "runbooks").glob("*.ipynb"))
SECTIONS = [
    "Zweck", "Parameter", "Vorprüfung", "Plan", "Freigabe", "Ausführen", "Nachprüfung", "Rückweg",
    "Protokoll",
]  # fmt: skip
KEPT = {"keep_output", "nbval-check-output"}
LOOPS_AND_DEFINITIONS = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.AsyncFor,
    ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Try,
)  # fmt: skip
PARAMETER = re.compile(r"[a-z_]+: .+? = .+?  # [A-ZÄÖÜ].+")

Cell = dict[str, Any]


@pytest.fixture(params=RUNBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads(request.param.read_text("utf-8"))


@pytest.fixture
def code(notebook: dict[str, Any]) -> list[Cell]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: Cell) -> str:
    return "".join(cell["source"])


def tags(cell: Cell) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def headings(notebook: dict[str, Any], level: int) -> list[str]:
    prose = "\n".join(source(c) for c in notebook["cells"] if c["cell_type"] == "markdown")
    return re.findall(rf"^#{{{level}}} (.+)$", prose, re.MULTILINE)


def defaults(cell: Cell) -> dict[str, object]:
    """Return the parameters of a cell; raises where a value is not a literal."""
    nodes = [node for node in ast.parse(source(cell)).body if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target): ast.literal_eval(node.value) for node in nodes}


def test_there_is_a_runbook():
    assert RUNBOOKS


def test_one_title_stands_first_and_then_the_fixed_sections_in_their_order(notebook):
    assert source(notebook["cells"][0]).startswith(f"# {headings(notebook, 1)[0]}")
    assert 1 == len(headings(notebook, 1))
    assert SECTIONS == headings(notebook, 2)


def test_the_first_code_cell_and_no_other_holds_the_parameters(code):
    assert [True] + [False] * (len(code) - 1) == ["parameters" in tags(cell) for cell in code]


def test_each_parameter_has_a_type_a_literal_and_a_german_help_text(code):
    lines = [line for line in source(code[0]).splitlines() if line and not line.startswith("#")]
    assert [] == [line for line in lines if not PARAMETER.fullmatch(line)]
    assert len(lines) == len(defaults(code[0]))


def test_by_default_a_runbook_plans_in_the_sandbox_and_changes_nothing(code):
    values = defaults(code[0])
    assert ("sandbox", False, "") == (values["env"], values["apply"], values["ticket"])


def test_code_cells_are_one_to_eight_lines_long(code):
    long = [source(c) for c in code[1:] if not 1 <= len(source(c).strip().splitlines()) <= 8]
    assert [] == long


def test_code_cells_define_nothing_and_loop_over_nothing(code):
    bad = [
        ast.unparse(node)
        for cell in code[1:]
        for node in ast.walk(ast.parse(source(cell)))  # magics and ! do not parse
        if isinstance(node, LOOPS_AND_DEFINITIONS)
    ]
    assert [] == bad


def test_code_cells_neither_ask_nor_print_nor_exit(code):
    calls = [
        ast.unparse(node.func)
        for cell in code
        for node in ast.walk(ast.parse(source(cell)))
        if isinstance(node, ast.Call)
    ]
    assert set() == {"input", "print", "exit", "quit", "sys.exit", "os._exit"} & set(calls)


def test_code_cells_import_only_from_the_library(code):
    nodes = [node for cell in code for node in ast.walk(ast.parse(source(cell)))]
    modules = [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
    modules += [alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names]
    assert {"leitstand"} == {module.split(".")[0] for module in modules}


def test_verdicts_and_plans_keep_their_output_and_nbval_compares_it(code):
    assert [] == [source(c) for c in code if tags(c) & KEPT and not tags(c) >= KEPT]
    assert [] == [source(c) for c in code if bool(tags(c) & KEPT) != bool(c["outputs"])]


def test_no_cell_is_skipped_or_allowed_to_fail(code):
    allowed = {"parameters", *KEPT}
    assert [] == [(source(c), tags(c) - allowed) for c in code if tags(c) - allowed]


def test_cells_are_counted_from_one_on_because_nbval_compares_no_uncounted_cell(code):
    assert list(range(1, len(code) + 1)) == [cell["execution_count"] for cell in code]


def test_git_holds_no_trace_of_an_execution(notebook):
    assert {"kernelspec", "language_info"} >= set(notebook["metadata"])
    assert {"name"} >= set(notebook["metadata"].get("language_info", {}))
    assert [] == [c["metadata"] for c in notebook["cells"] if set(c["metadata"]) - {"tags"}]


def test_every_cell_has_an_id_of_its_own(notebook):
    ids = [cell["id"] for cell in notebook["cells"]]
    assert sorted(set(ids)) == sorted(ids)


def test_prose_stands_before_every_verb(notebook):
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    bare = [
        source(cell)
        for cell, kind, before in zip(notebook["cells"][1:], kinds[1:], kinds, strict=False)
        if kind == before == "code" and "begin(" not in source(cell)
    ]
    assert [] == bare
