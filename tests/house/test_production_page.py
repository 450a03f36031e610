"""Pages about production: every figure comes from the environment files, and nothing is left."""

import copy
import importlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from leitstand.configuration import read_layers
from leitstand.core.environment import Environment, merge
from leitstand.core.hardening import RULES
from leitstand.core.kind_table import KINDS
from tests.house.production_figures import FIGURES, Figure

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / "docs" / "hooks"
DOCS = ROOT / "docs"
PAGE = DOCS / "umgebungen" / "produktion.md"
TEXT = PAGE.read_text("utf-8")
PLACE = re.compile(r"<!-- soll: (\S+) -->")
FILLED = [path for path in sorted(DOCS.rglob("*.md")) if PLACE.search(path.read_text("utf-8"))]
"""Pages that take values from the environment files."""
PLACES = [place for path in FILLED for place in PLACE.findall(path.read_text("utf-8"))]
WITHOUT_FIGURES = (
    "umgebungen/produktion.md", "security/secrets.md", "cicd/pipeline.md", "qa/checklists.md",
    "operations/scaling.md",
)  # fmt: skip
STATED = (*WITHOUT_FIGURES, "referenz/umgebungen.md", "referenz/haertung.md")

NO_FIGURES = {"p95", "200", "429"}
"""Names and statuses of HTTP, which no environment file sets."""


@pytest.fixture(scope="module", autouse=True)
def hooks() -> Iterator[dict[str, ModuleType]]:
    """The hooks, loaded as MkDocs loads them: beside each other."""
    names = ("page_parts", "production", "reference", "access_tables", "figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HOOKS))
        yield {name: importlib.import_module(name) for name in names}


@pytest.fixture(scope="module")
def layers() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    return {name: read_layers(name) for name in ("prod", "staging")}


@pytest.fixture(scope="module")
def texts(hooks: dict[str, ModuleType], layers: dict[str, Any]) -> Callable[..., Any]:
    """Return what the page may ask for, with values of base.yaml changed."""

    def made(**changes: object) -> Any:
        environments = []
        for name, (base, overlay) in layers.items():
            changed = copy.deepcopy(base)
            for path, value in changes.items():
                put(changed, path, value)
            data = {**merge(changed, overlay), "name": name}
            environments.append(Environment.model_validate(data))
        return hooks["production"].Production(*environments).texts()

    unchanged = made()
    return lambda **changes: made(**changes) if changes else unchanged


def put(data: dict[str, Any], path: str, value: object) -> None:
    """Set the value at a dotted path; a kind's own dot stands before a ``|``."""
    head, bar, tail = path.partition("|")
    section, _, kind = head.partition(".")
    *above, last = (section, kind, *tail.split(".")) if bar else path.split(".")
    for key in above:
        data = data[int(key) if isinstance(data, list) else key]
    assert last in data
    data[last] = value


def test_every_place_is_known_and_every_text_is_asked_for(texts: Callable[..., Any]):
    assert set(PLACES) == set(texts())


@pytest.mark.parametrize("place", sorted(set(PLACES)))
def test_every_place_is_filled_with_something(texts: Callable[..., Any], place: str):
    text = texts()[place]()
    assert "" != text.strip()
    assert "${" not in text


def batches() -> list[list[Figure]]:
    """Deal out the figures so that none of a batch can change what another one shows.

    An environment takes a quarter of a second to make.
    """
    dealt: list[list[Figure]] = []
    taken: list[set[str]] = []
    for figure in FIGURES:
        mine = {figure[0], re.split(r"[.|]", figure[1])[0] if "|" not in figure[1] else figure[1]}
        fitting = (at for at, others in enumerate(taken) if not mine & others)
        at = next(fitting, len(dealt))
        if at == len(dealt):
            dealt.append([])
            taken.append(set())
        dealt[at].append(figure)
        taken[at] |= mine
    return dealt


@pytest.mark.parametrize("batch", batches(), ids=lambda batch: batch[0][1])
def test_a_changed_value_changes_the_page(texts: Callable[..., Any], batch: list[Figure]):
    before, after = texts(), texts(**{path: value for _, path, value, _ in batch})
    assert [] == [f[:2] for f in batch if f[3] in before[f[0]]()]
    assert [] == [f[:2] for f in batch if f[3] not in after[f[0]]()]


def test_cloud_armor_is_off_where_there_is_no_policy(texts: Callable[..., Any]):
    kinds = ("compute.securityPolicies", "compute.backendSecurity")
    gone = {f"resources.{kind}|web": None for kind in kinds}
    assert "| Cloud Armor | aus |" in texts(**gone)["zugang"]()


@pytest.mark.parametrize("name", WITHOUT_FIGURES)
def test_no_page_itself_states_a_figure(name: str):
    code = r"```.*?```|`[^`\n]+`|^ *\d\. |^\| \d\. |<!--.*?-->|\]\([^)]+\)"
    prose = re.sub(code, "", (DOCS / name).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert [] == [f for f in re.findall(r"\w*\d+", prose) if f not in NO_FIGURES]


def test_the_page_follows_the_project_that_is_named(
    hooks: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    directory = tmp_path / "config" / "environments"
    shutil.copytree(ROOT / "config" / "environments", directory)
    base = yaml.safe_load((directory / "base.yaml").read_text("utf-8"))
    base["langfuse"]["sampling_rate"] = 0.5
    (directory / "base.yaml").write_text(yaml.safe_dump(base), "utf-8")
    monkeypatch.setenv("LEITSTAND_PROJECT", str(tmp_path))
    page = SimpleNamespace(file=SimpleNamespace(src_path="produktion.md"))
    assert "50 % der Aufrufe" in hooks["production"].on_page_markdown(TEXT, page=page)


def test_an_unknown_place_is_a_warning(
    hooks: dict[str, ModuleType], caplog: pytest.LogCaptureFixture
):
    page = SimpleNamespace(file=SimpleNamespace(src_path="a.md"))
    text = "<!-- soll: gibt-es-nicht -->"
    assert text == hooks["production"].on_page_markdown(text, page=page)
    assert ["a.md asks for gibt-es-nicht, which there is not"] == caplog.messages


def test_every_deviation_of_staging_stands_under_its_reason(
    texts: Callable[..., Any], layers: dict[str, Any]
):
    text = texts()["abweichungen-staging"]()
    for agreed in layers["staging"][1]["deviations"]:
        below = text.partition(f"- {agreed['reason']}\n")[2].split("\n- ")[0]
        assert f"`{agreed['path']}" in below, agreed["path"]


def test_every_kind_and_every_rule_stands_in_the_reference(hooks: dict[str, ModuleType]):
    reference = hooks["reference"]
    kinds, rules = reference.kinds(), reference.rules()
    assert [] == [name for name in KINDS if f"`{name}`" not in kinds]
    assert [] == [rule.id for rule in RULES if f'id="{rule.id}"' not in rules]
    assert rules.count("\n### ") + 1 == len(reference.AREAS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages with places, built by MkDocs with these hooks and nothing else."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    directory = tmp_path_factory.mktemp("pages")
    for name in STATED:
        (directory / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "docs" / name, directory / "docs" / name)
    (directory / "mkdocs.yml").write_text("site_name: Seiten\n", "utf-8")
    config = load_config(
        str(directory / "mkdocs.yml"),
        plugins=[],
        hooks=[str(HOOKS / "production.py"), str(HOOKS / "reference.py")],
        validation={"links": {"not_found": "ignore", "unrecognized_links": "ignore"}},
    )
    build(config)
    site = Path(config.site_dir)
    return {
        name: (site / name).with_suffix("").joinpath("index.html").read_text("utf-8")
        for name in STATED
    }


@pytest.mark.parametrize("name", STATED)
def test_no_place_is_left_in_a_built_page(built: dict[str, str], name: str):
    assert "<table>" in built[name]
    assert [] == re.findall(r"<!-- (?:soll|tabelle).*?-->", built[name])


def test_no_reference_is_left_in_the_built_page_about_production(built: dict[str, str]):
    assert "${" not in built[STATED[0]]
