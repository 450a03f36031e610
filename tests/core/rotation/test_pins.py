"""Which versions readers have pinned, and who reads whatever is newest."""

from typing import Any

import pytest

from leitstand.core.rotation.checks import check_rotation
from leitstand.core.rotation.situation import Situation
from leitstand.core.rotation.types import pins_of
from leitstand.notebook.rotate_secret_wording import RotationRefused
from tests.core.rotation.estate import job, revision, secret, service, situation, template

OLD = revision("web-3", {"key": "latest"}, image="b")


def mounted(*versions: str, of: str = "projects/p/secrets/key") -> dict[str, Any]:
    items = [{"path": f"file-{version}", "version": version} for version in versions]
    return {"name": "keys", "secret": {"secret": of, **({"items": items} if items else {})}}


def refused(given: Situation) -> list[Any]:
    return [check for check in check_rotation(given) if check.id == "versions_pinned"]


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ([], {"other": {"7"}}),
        ([mounted("1")], {"other": {"7"}, "key": {"1"}}),
        ([mounted("1", "2")], {"other": {"7"}, "key": {"1", "2"}}),
        ([mounted()], {"other": {"7"}, "key": {"latest"}}),
        ([mounted("8", of="other")], {"other": {"7", "8"}}),
        ([{"name": "tmp", "empty_dir": {}}], {"other": {"7"}}),
    ],
)
def test_versions_are_found_in_variables_and_in_volumes(
    volumes: list[Any], expected: dict[str, set[str]]
) -> None:
    assert expected == pins_of({**template({"other": "7"}), "volumes": volumes})


def test_who_reads_whatever_is_newest_stops_the_rotation() -> None:
    web = service("web", revision("web-4", {"key": "latest"}, 100))
    worker = service("worker", revision("worker-2", {"key": "1"}, 100))
    (check,) = refused(situation(web, worker, jobs=(job("migrate", {"key": "latest"}),)))
    assert {"secret": "key", "holders": ["web", "migrate"]} == check.evidence
    assert "key ohne Versionsnummer: web, migrate" in str(RotationRefused(check))


def test_a_revision_without_traffic_that_reads_whatever_is_newest_stops_nothing() -> None:
    web = service("web", revision("web-4", {"key": "1"}, 100), OLD)
    assert [] == refused(situation(web, secrets=(secret("key", "ENABLED"),)))
