"""The page about production: every figure comes from the environment files, and nothing is left."""

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

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / "docs" / "hooks"
PAGE = ROOT / "docs" / "umgebungen" / "produktion.md"
TEXT = PAGE.read_text("utf-8")
PLACES = re.findall(r"<!-- soll: (\S+) -->", TEXT)
STATED = ("umgebungen/produktion.md", "referenz/umgebungen.md", "referenz/haertung.md")

# Place of the page, dotted path in base.yaml, another value there, and what the page then shows.
FIGURES = [
    ("stufen", "release.stages", [7, 100], "7 % und 100 %"),
    ("ablage", "artifact_registry.repository", "x-docker.pkg.dev/some-one/r", "some-one/r"),
    ("signatur", "artifact_registry.require_signature", False, "auch unsignierte"),
    ("litellm-zugriff", "litellm.iap_group", "g@b.example", "`g@b.example`"),
    ("litellm-zugriff", "litellm.access", "vpc_only", "nur Dienste in der VPC"),
    ("litellm-protokoll", "litellm.request_logging", False, "aus"),
    ("litellm-grenze", "litellm.rate_limit_quota", 77, "77"),
    ("litellm-variable", "litellm.rate_limit_variable", "OTHER", "`OTHER`"),
    ("rag-schemas", "rag_store.schemas", ["one", "two"], "`one` und `two`"),
    ("rag-wartung", "rag_store.maintenance.every", "weekly", "wöchentlich"),
    ("lists", "rag_store.ivfflat.lists", 321, "321"),
    ("ef-search", "rag_store.hnsw.ef_search", 99, "99"),
    ("export", "memorystore.snapshot_export", "daily", "täglich"),
    ("zweig", "pipeline.ref", "refs/heads/stable", "stable"),
    ("langfuse-betrieb", "langfuse.hosting", "self_hosted", "auf eigenen Rechnern"),
    ("langfuse-geheim", "langfuse.secret_prefix", "LF_", "`LF_*`"),
    ("langfuse-maskierung", "langfuse.masking", False, "aus"),
    ("stichprobe", "langfuse.sampling_rate", 0.125, "12,5 %"),
    ("mandanten", "tenancy.model", "schema_per_tenant", "ein Schema je Mandant"),
    ("abweichungen-staging", "memorystore.snapshot_export", "daily", "`none` statt `daily`"),
    ("eigenes-staging", "load_balancer.gui_domain", "g.b.example", "`g.b.example`"),
    ("netz", "resources.compute.subnetworks|services.ip_cidr_range", "10.9.0.0/22", "10.9.0.0/22"),
    ("netz", "resources.compute.globalAddresses|private-services.prefix_length", 18, "/18"),
    ("netz", "resources.vpcaccess.connectors|main.max_instances", 9, "2 bis 9 Instanzen"),
    ("netz", "resources.vpcaccess.connectors|main.machine_type", "e2-standard-4", "e2-standard-4"),
    ("zugang", "load_balancer.domain", "a.b.example", "`a.b.example` und `llm.example.com`"),
    ("dienste", "services.web.scaling.max_instance_count", 11, "| 2 bis 11 |"),
    ("dienste", "services.worker.scaling.min_instance_count", 3, "| 3 bis 20 |"),
    ("dienste", "services.beat.scaling.min_instance_count", 0, "| 0 bis 1 |"),
    ("dienste", "services.web.template.max_instance_request_concurrency", 31, "31 Anfragen"),
    ("dienste", "services.beat.ingress", "INGRESS_TRAFFIC_ALL", "von überall"),
    ("jobs", "jobs.migrate.timeout", "901s", "| 901 s |"),
    ("jobs", "jobs.migrate.max_retries", 4, "| 4 |"),
    ("jobs", "jobs.migrate.requires_approval", False, "900 s | 1 | jederzeit"),
    ("logs", "resources.logging.buckets|_Default.retention_days", 91, "91 Tage"),
    ("daten", "resources.redis.instances|main.tier", "BASIC", "ohne Ausfallknoten"),
    ("daten", "resources.redis.instances|main.memory_size_gb", 6, "6 GiB"),
    ("daten", "resources.redis.instances|main.auth_enabled", False, "| aus |"),
]
FIGURES += [
    (
        "rotation", "resources.secretmanager.secrets|redis-url.rotation.rotation_period",
        "86400s", "1",
    ),
    (
        "secrets", "initial.secretmanager.versions|database-app-password/1.payload.data",
        "${operator}", "| `database-app-password` | kein Dienst | von Hand |",
    ),
    ("rollen", "resources.project.policy|this.bindings.0.role", "roles/x.y", "- `roles/x.y`"),
]  # fmt: skip
SQL = "resources.sql.instances|main.settings"
FIGURES += [
    ("daten", f"{SQL}.tier", "db-custom-8-1", "`db-custom-8-1`"),
    ("daten", f"{SQL}.availability_type", "ZONAL", "eine Zone"),
    ("daten", f"{SQL}.ip_configuration.ipv4_enabled", True, "mit öffentliche"),
    ("daten", f"{SQL}.backup_configuration.start_time", "02:30", "02:30 Uhr"),
    ("daten", f"{SQL}.backup_configuration.transaction_log_retention_days", 6, "6 Tage weit"),
    ("daten", f"{SQL}.maintenance_window.day", 1, "Montag"),
    ("daten", f"{SQL}.maintenance_window.hour", 4, "4 Uhr UTC"),
]


@pytest.fixture(scope="module", autouse=True)
def hooks() -> Iterator[dict[str, ModuleType]]:
    """The hooks, loaded as MkDocs loads them: beside each other."""
    names = ("page_parts", "production", "reference")
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


def test_every_place_of_the_page_is_known_and_every_text_is_asked_for(texts: Callable[..., Any]):
    assert set(PLACES) == set(texts())


@pytest.mark.parametrize("place", sorted(set(PLACES)))
def test_every_place_is_filled_with_something(texts: Callable[..., Any], place: str):
    text = texts()[place]()
    assert "" != text.strip()
    assert "${" not in text


@pytest.mark.parametrize(
    ("place", "path", "value", "shown"), FIGURES, ids=[f"{f[0]}: {f[1]}" for f in FIGURES]
)
def test_a_changed_value_changes_the_page(
    texts: Callable[..., Any], place: str, path: str, value: object, shown: str
):
    assert shown not in texts()[place]()
    assert shown in texts(**{path: value})[place]()


def test_cloud_armor_is_off_where_there_is_no_policy(texts: Callable[..., Any]):
    kinds = ("compute.securityPolicies", "compute.backendSecurity")
    gone = {f"resources.{kind}|web": None for kind in kinds}
    assert "| Cloud Armor | aus |" in texts(**gone)["zugang"]()


def test_the_page_itself_states_no_figure():
    prose = re.sub(r"```.*?```|^\d\. |<!--.*?-->", "", TEXT, flags=re.DOTALL | re.MULTILINE)
    assert [] == re.findall(r"\d+", prose)


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
