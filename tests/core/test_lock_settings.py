"""Where an environment's locks lie."""

import pytest
from pydantic import ValidationError

from leitstand.configuration import load_environment
from leitstand.core.lock_settings import LockSettings, locks_in


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_an_environment_in_the_cloud_keeps_its_locks_in_a_bucket_that_it_provisions(
    name: str,
) -> None:
    environment = load_environment(name)
    assert f"gs://leitstand-{name}-locks" == locks_in(environment).store
    bucket = environment.resources["storage.buckets"]["${project}-locks"]
    assert bucket is not None
    # A retention policy would let nobody renew or give back a lock.
    assert "retention_policy" not in bucket
    assert "${project}-locks" in environment.resources["storage.policy"]


def test_the_sandbox_keeps_its_locks_on_this_machine() -> None:
    assert LockSettings() == locks_in(load_environment("sandbox"))


def test_a_holder_may_miss_two_signs_of_life() -> None:
    assert 90 == LockSettings(expires=90, heartbeat=30).expires
    with pytest.raises(ValidationError, match="three times heartbeat"):
        LockSettings(expires=89, heartbeat=30)


def test_a_store_that_names_something_unknown_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"\$\{region\}"):
        LockSettings(store="gs://${region}-locks")
