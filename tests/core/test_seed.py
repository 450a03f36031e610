"""What the sandbox starts with."""

import pytest

from leitstand.configuration import load_environment
from leitstand.core.seed import desired_template, sandbox_seed


def test_the_sandbox_starts_with_what_its_file_lists() -> None:
    environment = load_environment("sandbox")
    seed = sandbox_seed(environment)
    assert environment.sandbox is not None
    assert [environment.service_name("web")] == [service["name"] for service in seed["services"]]
    assert {"min_instance_count": 2, "max_instance_count": 10} == seed["services"][0]["scaling"]
    assert len(environment.sandbox.staging_revisions) == len(seed["revisions"])


def test_secrets_are_listed_without_values() -> None:
    seed = sandbox_seed(load_environment("sandbox"))
    names = {secret["name"].rpartition("/")[2] for secret in seed["secrets"]}
    assert {
        "database-admin-url",
        "database-admin-url-password",
        "database-url",
        "database-url-app-password",
        "django-secret-key",
        "langfuse-secret-key",
    } == names
    assert {frozenset({"name", "versions"})} == {frozenset(secret) for secret in seed["secrets"]}


def test_the_database_and_its_first_migrations_are_seeded() -> None:
    seed = sandbox_seed(load_environment("sandbox"))
    (instance,) = seed["sql"]
    assert ["app", "litellm"] == instance["databases"]
    backup = instance["instance"]["settings"]["backup_configuration"]
    assert (True, 7) == (
        backup["point_in_time_recovery_enabled"],
        backup["transaction_log_retention_days"],
    )
    assert [["migrate"], "load_sample"] == [
        seed["first_executions"][0]["args"],
        seed["first_executions"][1]["args"][0],
    ]


def test_only_the_sandbox_has_a_seed() -> None:
    with pytest.raises(ValueError, match="prod is not the sandbox"):
        sandbox_seed(load_environment("prod"))


def test_a_service_without_variables_states_none() -> None:
    assert "env" not in desired_template(load_environment("prod"), "worker")["containers"][0]
