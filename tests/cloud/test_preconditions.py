"""Changes of what has a version: where the version goes that was read before."""

from typing import Any

import pytest

from leitstand.cloud.errors import Conflict
from leitstand.cloud.log_routing import LogRouting
from leitstand.cloud.resources import Resources
from leitstand.core.patching import Patch
from tests.cloud.scripted import scripted
from tests.execution.provisioned import PROJECT, network, resource

DATASET = f"projects/{PROJECT}/datasets/logs"
OWNER = {"role": "OWNER", "specialGroup": "projectOwners"}
STALE = {"error": {"message": "Precondition", "errors": [{"reason": "conditionNotMet"}]}}


def test_a_call_without_a_version_asks_for_none() -> None:
    with scripted((200, {})) as server:
        rest = server.connection.rest
        rest.call("bigquery.v2", "datasets", "patch", DATASET, what="ändern", body={})
        rest.call("bigquery.v2", "datasets", "patch", DATASET, what="ändern", if_match='"e1"')
    assert [None, '"e1"'] == server.versions


def test_a_writer_is_added_to_the_access_that_was_read_and_to_no_other() -> None:
    read = {"etag": "e1", "access": [OWNER]}
    with scripted((200, read), (200, {})) as server:
        LogRouting(server.connection).set_writer(DATASET, "serviceAccount:w", allowed=True)
    added = {"role": "WRITER", "iamMember": "serviceAccount:w"}
    assert [None, "e1"] == server.versions
    assert {"access": [OWNER, added]} == server.requests[-1][2]


def test_access_that_was_changed_meanwhile_is_a_conflict() -> None:
    with scripted((200, {"etag": "e1"}), (412, STALE)) as server, pytest.raises(Conflict):
        LogRouting(server.connection).set_writer(DATASET, "serviceAccount:w", allowed=False)


@pytest.mark.parametrize(
    ("wanted", "field", "header"),
    [
        (resource("bigquery.datasets", "logs"), None, "v1"),
        (resource("bigquery.access", "logs"), None, "v1"),
        (resource("pubsub.policy", "alerts"), "v1", None),
        (network("main"), None, None),
    ],
    ids=["dataset", "access", "policy", "network"],
)
def test_a_version_goes_where_the_api_compares_it(
    wanted: Any, field: str | None, header: str | None
) -> None:
    with scripted((200, {})) as server:
        Resources(server.connection).start_update(
            wanted.kind, wanted.name, Patch({"description": "Logs"}, ("description",)), "v1"
        )
    body = server.requests[-1][2]
    assert header == server.versions[-1]
    assert field == body.get("policy", body).get("etag")
