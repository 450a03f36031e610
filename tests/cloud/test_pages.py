"""What is listed page by page: how much is asked for, and what a refusal in between means."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from leitstand.cloud.errors import ApiDisabled, NotFound
from leitstand.cloud.glance import Glance
from leitstand.cloud.listing import list_everything
from leitstand.cloud.log_routing import LogRouting
from leitstand.cloud.redis import Memorystore
from leitstand.cloud.schedules import ScheduledJobs
from leitstand.cloud.storage import CloudStorage
from leitstand.core.hardening import Listing
from tests.cloud.scripted import Scripted, scripted

DISABLED = {"error": {"code": 403, "errors": [{"reason": "accessNotConfigured"}]}}
REDIS = "projects/p/locations/r/instances/queue"
FIRST = {"jobs": [{"name": "a"}], "nextPageToken": "2"}


def asked(server: Scripted) -> list[dict[str, list[str]]]:
    queries = [parse_qs(urlsplit(path).query) for _, path, _ in server.requests]
    return [{key: value for key, value in q.items() if key != "alt"} for q in queries]


def test_jobs_are_listed_over_all_pages() -> None:
    with scripted((200, FIRST), (200, {"jobs": [{"name": "b"}]})) as server:
        found = ScheduledJobs(server.connection).triggers()
    assert ["a", "b"] == [job["name"] for job in found]
    assert [{}, {"pageToken": ["2"]}] == asked(server)


def test_every_page_is_asked_for_with_the_same_query() -> None:
    item = {
        "bucket": "b", "generation": "1", "size": "1", "crc32c": "AAAAAA==",
        "timeCreated": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    answers = [{"items": [{**item, "name": "a/1"}], "nextPageToken": "2"}, {"nextPageToken": "3"}]
    with scripted(*((200, answer) for answer in (*answers, {}))) as server:
        found = CloudStorage(server.connection).objects("b", "a/")
    assert ["a/1"] == [one.name for one in found]
    query = {"prefix": ["a/"], "maxResults": ["1000"]}
    assert [query, query | {"pageToken": ["2"]}, query | {"pageToken": ["3"]}] == asked(server)


def test_what_is_found_on_the_first_page_asks_for_no_second() -> None:
    page = {"rows": [{"f": [{"v": "probe-1"}]}], "pageToken": "2"}
    with scripted((200, page)) as server:
        assert LogRouting(server.connection).has_row("projects/p/datasets/d/tables/t", "probe-1")
    assert 1 == len(server.requests)


def test_rows_are_searched_on_all_pages_though_bigquery_names_the_token_its_own_way() -> None:
    with scripted((200, {"pageToken": "2"}), (200, {"rows": [{"f": []}]})) as server:
        assert not LogRouting(server.connection).has_row("projects/p/datasets/d/tables/t", "probe")
    assert [{}, {"pageToken": ["2"]}] == asked(server)


def test_an_operation_on_a_later_page_is_under_way_too() -> None:
    running = {"name": "o2", "metadata": {"target": REDIS, "verb": "export"}}
    over = {"name": "o1", "metadata": {"target": REDIS}, "done": True}
    pages = {"operations": [over], "nextPageToken": "2"}, {"operations": [running]}
    with scripted(*((200, page) for page in pages)) as server:
        (found,) = Memorystore(server.connection).under_way(REDIS)
    assert ("o2", "export") == (found.name, found.verb)


def test_lists_that_are_grouped_by_location_are_one_over_all_pages() -> None:
    listing = Listing(
        "disks", "compute.v1", "disks", "projects/{project}", "items", "aggregatedList"
    )
    pages = (
        {"items": {"zones/a": {"disks": [{"name": "d1"}]}, "zones/b": {}}, "nextPageToken": "2"},
        {"items": {"zones/c": {"disks": [{"name": "d2"}]}}},
    )
    with scripted(*((200, page) for page in pages)) as server:
        found = list_everything(server.connection, [listing], number="1", accounts=())
    assert ["d1", "d2"] == [disk["name"] for disk in found["disks"]]


def test_where_the_api_is_off_there_are_no_jobs() -> None:
    with scripted((403, DISABLED)) as server:
        assert () == ScheduledJobs(server.connection).triggers()


@pytest.mark.parametrize(
    ("answers", "error"),
    [([(200, FIRST), (403, DISABLED)], ApiDisabled), ([(404, {})], NotFound)],
)
def test_a_list_of_which_a_part_is_missing_is_none(
    answers: list[tuple[int, Any]], error: type[Exception]
) -> None:
    with scripted(*answers) as server, pytest.raises(error):
        ScheduledJobs(server.connection).triggers()


def test_the_newest_revisions_of_a_service_are_one_page() -> None:
    page = {"revisions": [{"name": f"r{n}"} for n in range(50)], "nextPageToken": "2"}
    with scripted((200, page)) as server:
        found = Glance(server.connection, 5.0).revisions("web")
    assert 50 == len(found)
    assert [{"pageSize": ["50"]}] == asked(server)
    assert server.requests[0][1].partition("?")[0].endswith("/services/web/revisions")


def test_no_more_operations_are_asked_for_than_are_told() -> None:
    with scripted((200, {"items": [{"name": "o"}] * 3, "nextPageToken": "2"})) as server:
        assert 3 == len(Glance(server.connection, 5.0).instance_operations(3))
    assert [{"maxResults": ["3"]}] == asked(server)
