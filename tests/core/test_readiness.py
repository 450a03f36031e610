"""What exists and cannot be used."""

import pytest

from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Resource
from leitstand.core.readiness import broken, ready, unready
from leitstand.core.reconcile import Unreadable

REDIS = KINDS["redis.instances"]
NETWORK = KINDS["compute.networks"]


@pytest.mark.parametrize(
    ("state", "usable", "ruined"),
    [("READY", True, ""), ("CREATING", False, ""), ("FAILED", False, "FAILED"), (None, False, "")],
)
def test_a_state_says_whether_a_resource_can_be_used_or_never_will(
    state: str | None, usable: bool, ruined: str
) -> None:
    assert (usable, ruined) == (ready(REDIS, {"state": state}), broken(REDIS, {"state": state}))


def test_a_kind_without_a_state_can_be_used_as_soon_as_it_exists() -> None:
    assert (True, "") == (ready(NETWORK, {}), broken(NETWORK, {}))


def test_what_is_there_and_not_ready_is_named_and_nothing_else() -> None:
    resources = [Resource(REDIS, name, f"p/{name}", {}) for name in ("a", "b", "c", "d")]
    found = {
        "redis.instances/a": {"state": "READY"},
        "redis.instances/b": {"state": "REPAIRING"},
        "redis.instances/c": None,
        "redis.instances/d": Unreadable("Ihnen fehlt das Recht."),
    }
    (only,) = unready(resources, found)
    assert "redis.instances/b" == only.key
    assert "state ist REPAIRING" in only.blocked
