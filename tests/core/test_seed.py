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
    assert [
        {"name": "projects/leitstand-sandbox/secrets/django-secret-key", "versions": 1},
        {"name": "projects/leitstand-sandbox/secrets/langfuse-secret-key", "versions": 1},
    ] == seed["secrets"]


def test_only_the_sandbox_has_a_seed() -> None:
    with pytest.raises(ValueError, match="prod is not the sandbox"):
        sandbox_seed(load_environment("prod"))


def test_a_service_without_variables_states_none() -> None:
    assert "env" not in desired_template(load_environment("prod"), "worker")["containers"][0]
