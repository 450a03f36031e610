"""What makes a revision once more: all of it, and nothing that is not of the template."""

from collections.abc import Mapping
from typing import Any

import pytest
from google.cloud import run_v2

from leitstand.cloud.next_template import next_template
from leitstand.core.service import RevisionState, ServiceState
from leitstand.core.traffic import Split

FIELDS = sorted(set(run_v2.RevisionTemplate.meta.fields) - {"revision"})
KEY = "projects/p/locations/r/keyRings/k/cryptoKeys/run"


def made(service: Mapping[str, Any], revision: Mapping[str, Any]) -> dict[str, Any]:
    """The next template of a service with a template, and a revision with these fields."""
    name = "projects/p/locations/r/services/web"
    state = ServiceState(name, "e", 1, True, Split(()), (), "web-1", template=service)
    return next_template(state, RevisionState("web-1", "web", True, template=revision))


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_of_a_template_is_taken_over_from_where_the_api_tells_it(field: str) -> None:
    told = field in run_v2.Revision.meta.fields
    service, revision = ({}, {field: "x"}) if told else ({field: "x"}, {})
    assert {field: "x"} == made(service, revision)


def test_what_only_a_revision_has_stays_with_it_and_the_service_gives_nothing_else() -> None:
    revision = {"name": "web-1", "uid": "u", "conditions": [], "encryption_key": KEY}
    service = {"revision": "web-2", "encryption_key": "other", "service_account": "other"}
    assert {"encryption_key": KEY} == made(service, revision)
