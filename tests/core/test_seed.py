"""What an empty sandbox starts with."""

import pytest

from leitstand.configuration import load_environment
from leitstand.core.seed import sandbox_seed


def test_the_sandbox_starts_empty_but_for_what_staging_and_the_pipeline_have_left() -> None:
    environment = load_environment("sandbox")
    seed = sandbox_seed(environment)
    assert environment.sandbox is not None
    assert {
        "project", "location", "staging_project", "revisions", "repositories", "start_timeout",
        "apis_disabled",
    } == set(seed)  # fmt: skip
    assert len(environment.sandbox.staging_revisions) == len(seed["revisions"])


def test_only_the_sandbox_has_a_seed() -> None:
    with pytest.raises(ValueError, match="prod is not the sandbox"):
        sandbox_seed(load_environment("prod"))
