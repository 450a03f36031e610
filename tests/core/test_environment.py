"""Environment files: the source document's figures, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from leitstand.configuration import (
    InvalidEnvironment,
    UnknownEnvironment,
    environment_names,
    learn_parsed,
    load_environment,
    parsed_files,
    read_layers,
)
from leitstand.core.environment import merge, repeated

SETTINGS = ("resources", "sql.instances", "main", "settings")
UTF8 = {"charset": "UTF8"}
FIGURES: list[tuple[str | tuple[str, ...], object]] = [
    ("services.web.scaling.min_instance_count", 2),
    ("services.web.scaling.max_instance_count", 10),
    ("services.web.template.max_instance_request_concurrency", 30),
    ("services.web.template.containers.0.resources.limits.cpu", "2"),
    ("services.web.template.containers.0.resources.limits.memory", "2Gi"),
    ("services.web.ingress", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"),
    ("release.stages", [10, 50, 100]),
    ("triage.deadline", 5),
    ("services.worker.scaling.min_instance_count", 1),
    ("services.worker.scaling.max_instance_count", 20),
    ("services.worker.template.max_instance_request_concurrency", 1),
    ("services.worker.manual_scaling_signal", "queue_length"),
    ("scaling.queue", "celery"),
    ("services.beat.scaling.min_instance_count", 1),
    ("services.beat.scaling.max_instance_count", 1),
    ("services.beat.ingress", "INGRESS_TRAFFIC_INTERNAL_ONLY"),
    ("jobs.migrate.timeout", "900s"),
    ("jobs.migrate.max_retries", 1),
    ("jobs.migrate.requires_approval", True),
    ("services.litellm.ingress", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"),
    ("litellm.access", "iap_group"),
    ("litellm.request_logging", True),
    ("litellm.rate_limit_variable", "AI_CORE_RATE_LIMIT_QUOTA"),
    ((*SETTINGS, "ip_configuration", "ipv4_enabled"), False),
    ((*SETTINGS, "backup_configuration", "enabled"), True),
    ((*SETTINGS, "backup_configuration", "point_in_time_recovery_enabled"), True),
    ((*SETTINGS, "backup_configuration", "transaction_log_retention_days"), 7),
    ((*SETTINGS, "maintenance_window"), {"day": 7, "hour": 3}),
    (("resources", "sql.databases"), {"main/app": UTF8, "main/litellm": UTF8}),
    ("rag_store.schemas", ["rag", "tenant_rag_*"]),
    ("rag_store.extension", "vector"),
    ("rag_store.ivfflat.lists", 100),
    ("rag_store.hnsw.ef_search", 64),
    ("rag_store.maintenance.every", "monthly"),
    (("resources", "redis.instances", "main", "tier"), "STANDARD_HA"),
    (("resources", "redis.instances", "main", "auth_enabled"), True),
    ("memorystore.snapshot_export", "weekly"),
    ("memorystore.memory_share", 0.5),
    (
        (
            "resources",
            "storage.buckets",
            "${project}-redis-snapshots",
            "iam_configuration",
            "public_access_prevention",
        ),
        "enforced",
    ),
    ("artifact_registry.require_signature", True),
    ("langfuse.secret_prefix", "LANGFUSE_"),
    ("langfuse.sampling_rate", 0.05),
    ("langfuse.masking", True),
    (("resources", "compute.sslCertificates", "main", "type"), "MANAGED"),
    (("resources", "logging.buckets", "_Default", "retention_days"), 90),
    ("log_retention.newest_row_hours", 24),
    ("log_retention.probe_deadline", 900),
]


def at(value: Any, path: str | tuple[str, ...]) -> Any:
    for part in path.split(".") if isinstance(path, str) else path:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


@pytest.mark.parametrize(("path", "expected"), FIGURES, ids=[str(path) for path, _ in FIGURES])
def test_production_has_the_figure_of_the_source_document(
    path: str | tuple[str, ...], expected: object
) -> None:
    assert expected == at(load_environment("prod").model_dump(mode="json"), path)


def test_staging_and_production_read_the_same_repository() -> None:
    staging, prod = load_environment("staging"), load_environment("prod")
    assert staging.artifact_registry.repository == prod.artifact_registry.repository


@pytest.mark.parametrize("name", environment_names())
def test_an_overlay_holds_only_what_deviates(name: str) -> None:
    assert [] == repeated(*read_layers(name))


def test_production_needs_a_ticket_and_a_second_person() -> None:
    prod = load_environment("prod")
    assert (True, True) == (prod.requires_ticket, prod.requires_second_person)


def changed(tmp_path: Path, path: str, value: object) -> Path:
    """Write the files of the sandbox with one value changed; return their directory."""
    base, overlay = read_layers("sandbox")
    *parents, last = path.split(".")
    place: Any = overlay
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = value
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base), encoding="utf-8")
    (tmp_path / "sandbox.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return tmp_path


INVALID = [
    ("stages that fall", "release.stages", [50, 10, 100]),
    ("stages that repeat", "release.stages", [10, 10, 100]),
    ("stages that do not end at 100", "release.stages", [10, 50]),
    ("a stage above 100", "release.stages", [10, 101]),
    ("a stage of nothing", "release.stages", [0, 100]),
    ("no stages", "release.stages", []),
    ("an unknown key", "release.stagess", [100]),
    ("a misspelt enum", "memorystore.snapshot_export", "weakly"),
    ("a rate above one", "langfuse.sampling_rate", 5),
    ("a disk that is full before it is nearly full", "triage.disk_full_share", 0.5),
    ("a task that is stuck before it is late", "triage.queue_stuck_seconds", 1),
    ("a deadline before the window ends", "release.analysis.deadline", 1),
    ("an image without a tag", "first_images", {"web": "web"}),
    ("records of the sandbox in a bucket", "records.store", "gs://somewhere/chain"),
    ("a store that names something unknown", "records.store", "gs://${prject}-records"),
    ("an anchor that names something unknown", "records.anchors", ["gs://${region}-anchors"]),
    (
        "two ways into the VPC",
        "jobs.migrate.vpc_access",
        {"connector": "c", "network_interfaces": [{"network": "n", "subnetwork": "s"}]},
    ),
]


@pytest.mark.parametrize(("case", "path", "value"), INVALID, ids=[case for case, *_ in INVALID])
def test_an_impossible_value_is_refused_and_named(
    case: str, path: str, value: object, tmp_path: Path
) -> None:
    with pytest.raises(InvalidEnvironment) as refusal:
        load_environment("sandbox", changed(tmp_path, path, value))
    assert path.split(".")[-1] in refusal.value.message
    assert 2 == refusal.value.exit_code


def test_a_secret_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    directory = changed(tmp_path, "name", "sandbox")
    text = (
        (directory / "base.yaml")
        .read_text(encoding="utf-8")
        .replace("version: '1'", "version: latest")
    )
    (directory / "base.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidEnvironment, match="version"):
        load_environment("sandbox", directory)


def test_a_misspelt_environment_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownEnvironment, match="Meinten Sie „prod“"):
        load_environment("prdo")


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    directory = changed(tmp_path, "name", "sandbox")
    (directory / "sandbox.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(InvalidEnvironment):
        load_environment("sandbox", directory)


mappings = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@given(base=mappings, overlay=mappings)
def test_an_overlay_laid_twice_changes_nothing_more(base: Any, overlay: Any) -> None:
    once = merge(base, overlay)
    assert once == merge(once, overlay)


@given(base=mappings)
def test_an_empty_overlay_changes_nothing(base: Any) -> None:
    assert base == merge(base, {})


def base_says(directory: Path, content: str) -> dict[str, Any]:
    (directory / "base.yaml").write_text(content, "utf-8")
    (directory / "prod.yaml").write_text("a: 1\n", "utf-8")
    return read_layers("prod", directory)[0]


def test_a_file_is_parsed_again_when_it_has_changed_and_nobody_changes_it_for_others(
    tmp_path: Path,
) -> None:
    base_says(tmp_path, "list: [1]\n")["list"].append(2)
    assert {"list": [1]} == base_says(tmp_path, "list: [1]\n")
    assert {"list": [3]} == base_says(tmp_path, "list: [3]\n")


def test_what_another_process_parsed_is_not_parsed_here(tmp_path: Path) -> None:
    base_says(tmp_path, "told: once\n")
    files = {digest: text.replace("once", "again") for digest, text in parsed_files().items()}
    learn_parsed(files)
    assert {"told": "again"} == base_says(tmp_path, "told: once\n")


@pytest.mark.parametrize("content", ["day: 2026-11-27", "1: one", "x: .nan"])
def test_what_json_cannot_say_is_read_as_yaml_says_it(tmp_path: Path, content: str) -> None:
    twice = [base_says(tmp_path, content) for _ in range(2)]
    assert [repr(yaml.safe_load(content))] * 2 == [repr(one) for one in twice]
