"""Jobs as an environment file writes them, and who may read which secret because of them."""

from typing import Any

import pytest
from pydantic import ValidationError

from leitstand.configuration import environment_names, load_environment, read_layers
from leitstand.core.desired import desired
from leitstand.core.environment import Environment, merge
from leitstand.core.kinds import Resource

NUMBER = "4711"


def resources(name: str = "prod", **sections: object) -> dict[str, Resource]:
    base, overlay = read_layers(name)
    data = merge(merge(base, overlay), sections)
    environment = Environment.model_validate({**data, "name": name})
    return {resource.key: resource for resource in desired(environment, NUMBER)}


def container(job: Resource) -> dict[str, Any]:
    found: dict[str, Any] = job.body["template"]["template"]["containers"][0]
    return found


def test_a_job_is_one_container_with_its_command_arguments_and_variables() -> None:
    migrate = resources()["run.jobs/migrate"]
    url = {"secretKeyRef": {"secret": "database-url", "version": "1"}}
    assert {
        "command": ["python", "manage.py"],
        "args": ["migrate"],
        "env": [
            {"name": "DATABASE_URL", "valueSource": url},
            {"name": "APP_TENANCY", "value": "row_level_security"},
        ],
    } == container(migrate)
    assert 1 == migrate.body["template"]["taskCount"]


@pytest.mark.parametrize(("name", "tasks"), [("prod", 4), ("staging", 4), ("sandbox", 2)])
def test_the_maintenance_is_split_over_tasks_and_knows_its_environment(
    name: str, tasks: int
) -> None:
    job = resources(name)["run.jobs/maintenance"]
    assert tasks == job.body["template"]["taskCount"]
    assert {
        "args": ["run", "pgvector_maintenance", "-p", f"env={name}", "--apply"],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    } == container(job)
    image = container_of_creation(job)["image"]
    assert image.endswith("/leitstand/leitstand:1.0.0}")


def container_of_creation(job: Resource) -> dict[str, Any]:
    found: dict[str, Any] = job.initial["template"]["template"]["containers"][0]
    return found


@pytest.mark.parametrize("name", environment_names())
def test_a_task_may_take_longer_than_the_window_in_which_it_ends_by_itself(name: str) -> None:
    environment = load_environment(name)
    seconds = int(environment.jobs["maintenance"].timeout.removesuffix("s"))
    assert seconds > 60 * environment.rag_store.maintenance.window_minutes


def test_a_job_that_asks_for_secrets_by_itself_may_read_and_list_them() -> None:
    found = resources()
    member = "serviceAccount:run-maintenance@leitstand-prod.iam.gserviceaccount.com"
    for secret, others in (("database-admin-url", 0), ("database-url", 4)):
        reads, lists = found[f"secretmanager.policy/{secret}"].body["bindings"]
        assert "roles/secretmanager.secretAccessor" == reads["role"]
        assert member in reads["members"]
        assert 1 + others == len(reads["members"])
        assert {"role": "roles/secretmanager.viewer", "members": [member]} == lists
    (other,) = found["secretmanager.policy/redis-url"].body["bindings"]
    assert "roles/secretmanager.secretAccessor" == other["role"]


def test_a_job_waits_for_its_account() -> None:
    assert "iam.serviceAccounts/run-maintenance" in resources()["run.jobs/maintenance"].after


def test_a_job_without_an_account_gives_nobody_a_right() -> None:
    found = resources(jobs={"maintenance": {"service_account": None}})
    assert "secretmanager.policy/database-admin-url" not in found


@pytest.mark.parametrize("change", [{"task_count": 0}, {"task_count": 10_001}, {"argv": []}])
def test_an_impossible_job_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        resources(jobs={"maintenance": change})


def test_the_application_is_told_how_tenants_are_kept_apart_and_how_it_searches() -> None:
    found = resources(tenancy={"model": "schema_per_tenant"})
    for workload in ("run.services/web", "run.services/worker", "run.jobs/migrate"):
        template = found[workload].body["template"]
        env = template.get("template", template)["containers"][0]["env"]
        assert {"name": "APP_TENANCY", "value": "schema_per_tenant"} in env
    values = {e["name"]: e.get("value") for e in container_env(found["run.services/web"])}
    assert ("10", "64") == (values["APP_IVFFLAT_PROBES"], values["APP_HNSW_EF_SEARCH"])


def container_env(service: Resource) -> list[dict[str, Any]]:
    env: list[dict[str, Any]] = service.body["template"]["containers"][0]["env"]
    return env
