"""The reference names every error, parameter, key and variable there is, and none that is gone."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from leitstand.core.environment import Environment
from leitstand.core.schedule.entries import Schedules
from leitstand.notebook.template import read_template
from leitstand.sandbox.contract import LATE_PACKAGES, PACKAGES, contract
from tests.docs.referenced import ROOT, hook, page

LIB = ROOT / "lib" / "leitstand"
PLACE = re.compile(r"<!-- tabelle: (\S+) -->")
SWEEPING = {"LEITSTAND_SWEEP_STRIDE", "LEITSTAND_SWEEP_OFFSET"}
"""Variables that only tests read."""

PAGES = {path: path.read_text("utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the hooks put into each place, made anew."""
    texts = hook("reference").texts(tmp_path_factory.mktemp("root"))
    return {name: text() for name, text in texts.items()}


def test_every_table_has_exactly_one_place():
    places = [place for text in PAGES.values() for place in PLACE.findall(text)]
    assert sorted(hook("reference").texts(ROOT)) == sorted(places)


def test_tables_hold_no_cell_that_is_empty_where_something_must_stand(filled: dict[str, str]):
    rows = [row for text in filled.values() for row in text.splitlines() if row.startswith("| ")]
    assert [] == [row for row in rows if row.endswith("|  |")]


# Errors


def errors() -> dict[str, object]:
    return {entry.id: entry for entry in hook("reference_errors").entries()}


def error_classes(root: Path = LIB) -> Iterator[str]:
    """Names of all classes that look like an error of Leitstand, found in another way."""
    above = r"(?:\w+\.)?(?:InputError|GateRefused|RunFailed|RunPaused|Finding)\b"
    for path in root.rglob("*.py"):
        if path.relative_to(root).parts[0] != "sandbox":
            text = path.read_text("utf-8")
            yield from re.findall(rf"^class ([A-Z]\w+)\({above}", text, re.MULTILINE)


def test_every_error_has_an_entry():
    parents = {"ParameterError", "RunPaused"}  # nobody raises them
    shown = {id_.rpartition(".")[2] for id_ in errors()}
    assert set() == set(error_classes()) - shown - parents


def test_every_error_says_what_is_wrong_and_what_to_do():
    silent = {
        id_: pair
        for id_, entry in errors().items()
        for pair in entry.pairs
        if not all(text.strip("… .:") for text in pair)
    }
    assert {} == silent


def test_no_cause_is_written_for_an_error_that_is_gone():
    assert set() == set(hook("reference_errors").written()) - set(errors())


def test_errors_are_read_with_their_texts_exit_codes_and_parents(tmp_path: Path):
    package = tmp_path / "leitstand"
    (package / "core").mkdir(parents=True)
    (package / "core" / "thing.py").write_text(
        "from leitstand.core.errors import GateRefused, InputError\n"
        "class Above(InputError): pass\n"
        "class Told(Above):\n"
        "    def __init__(self, name):\n"
        "        super().__init__(f'Das Ding {name} fehlt.', ADVICE)\n"
        "ADVICE = 'Holen Sie es.'\n"
        "class Made(GateRefused): pass\n"
        "def f(x): raise Made(f'{x} ist weg.', 'Warten Sie.' if x else 'Gehen Sie weg.')\n"
        "class _Own(GateRefused): pass\n"
    )
    sources = hook("error_sources")
    found = sources.Sources(package).classes()
    assert [
        ("Told", 2, (sources.Text("Das Ding … fehlt.", "Holen Sie es."),)),
        ("Made", 3, (sources.Text("… ist weg.", "Warten Sie. / Gehen Sie weg."),)),
    ] == [(error.name, error.exit_code, error.texts) for error in found]


def test_the_page_of_errors_links_every_id_once(filled: dict[str, str]):
    anchors = re.findall(r'<span id="([^"]+)">', filled["fehler"])
    assert sorted(errors()) == sorted(anchors)


# Parameters


RUNBOOKS = [read_template(path) for path in sorted((ROOT / "runbooks").glob("*.ipynb"))]


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda runbook: runbook.name)
def test_every_parameter_of_a_runbook_is_there_with_its_help(runbook, filled: dict[str, str]):
    section = filled["parameter"].partition(f"## `{runbook.name}`\n")[2].partition("\n## ")[0]
    names = re.findall(r"^\| `(\w+)` \|.*\| \S.* \|$", section, re.MULTILINE)
    assert [parameter.name for parameter in runbook.parameters] == names


# Keys of configuration files


def test_every_key_has_a_meaning_and_no_meaning_is_left_over():
    keys = hook("reference_keys")
    known = {(k.owner, k.field) for m in (Environment, Schedules) for k in keys.keys_of(m)}
    written = {(owner, field) for owner, said in keys.meanings().items() for field in said}
    assert known == written


@pytest.mark.parametrize("section", Environment.model_fields)
def test_the_page_of_environments_names_every_section(section: str, filled: dict[str, str]):
    overview = page("umgebungen").partition("## Was in der Basis steht")[2].partition("\n### ")[0]
    assert f"| `{section}` |" in overview + filled["schluessel-allgemein"]


def test_a_key_tells_what_it_accepts(filled: dict[str, str]):
    assert "| `hnsw.ef_search` | ganze Zahl ab 1 bis 1000 |" in filled["schluessel-rag-store"]
    assert "| `needed` | ganze Zahl ab 1; Vorgabe `1` |" in filled["schluessel-approvals"]


# Variables


@cache
def variables(*places: Path) -> set[str]:
    """Names of all variables of Leitstand that programs mention."""
    paths = [path for place in places for path in place.rglob("*.py")]
    return {
        name
        for path in paths
        for name in re.findall(r"\bLEITSTAND_[A-Z_]+\b", path.read_text("utf-8"))
    }


def test_every_variable_is_documented():
    said = "\n".join(PAGES.values())
    assert [] == sorted(v for v in variables(LIB, ROOT / "docs" / "hooks") if f"`{v}" not in said)


def test_every_variable_of_the_library_stands_in_the_table_of_variables():
    table = page("befehle").partition("## Umgebungsvariablen")[2].partition("\n## ")[0]
    others = {"LEITSTAND_SITE", *SWEEPING}
    assert variables(LIB) == set(re.findall(r"LEITSTAND_[A-Z_]+", table)) - others


def test_pages_name_only_variables_that_there_are():
    known = variables(LIB, ROOT / "docs" / "hooks") | {"LEITSTAND_SITE", *SWEEPING}
    gone = {
        str(path.relative_to(ROOT)): sorted(strange)
        for path, text in PAGES.items()
        if (strange := set(re.findall(r"\bLEITSTAND_[A-Z_]+\b", text)) - known)
    }
    assert {} == gone


# The sandbox


def test_every_method_shown_for_grpc_is_one_that_a_client_calls():
    shown = {
        f"/{service}/{method}"
        for service, methods in hook("reference_sandbox").grpc_methods().items()
        for method in methods
    }
    assert set() == shown - set(contract(PACKAGES + LATE_PACKAGES))


def test_every_part_of_the_sandbox_names_its_methods_so_that_they_are_found():
    parts, strange = 0, []
    for folder in (LIB / "sandbox", LIB / "sandbox" / "sql"):
        for path in folder.glob("*.py"):
            for function in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(function, ast.FunctionDef) and function.name == "methods":
                    keys = [key for key in map(ast.unparse, _keys(function)) if key != "RESTORE"]
                    parts += bool(keys)
                    strange += [key for key in keys if not re.match(r"_?SERVICE \+ '\w+'", key)]
    assert [] == strange
    assert parts > 10


def _keys(function: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            yield from filter(None, node.keys)


@pytest.mark.parametrize("collection", ["compute.networks", "storage.objects", "sqladmin.users"])
def test_the_table_of_rest_has_what_is_served(collection: str):
    api, _, name = collection.partition(".")
    assert {"get", "list", "insert"} <= set(hook("reference_sandbox").rest_methods()[api][name])
