"""Every page of the site in a real browser: width, weight, foreign hosts, accessibility."""

from pathlib import Path

import pytest

from tests.docs.browsing import PHONE, Visit, kinds, visits

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]  # one fixture visits all pages

MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def visited(site: Path, chromium: str) -> dict[str, Visit]:
    return visits(site, chromium)


def test_no_page_is_wider_than_a_phone(visited: dict[str, Visit]):
    wide = {name: visit.width for name, visit in visited.items() if visit.width > PHONE["width"]}
    assert {} == wide


def test_no_page_asks_another_host_for_anything(visited: dict[str, Visit]):
    assert {} == {name: visit.foreign for name, visit in visited.items() if visit.foreign}


def test_every_page_gets_all_that_it_asks_for(visited: dict[str, Visit]):
    assert {} == {name: visit.faults for name, visit in visited.items() if visit.faults}


def test_no_page_takes_more_than_a_megabyte(visited: dict[str, Visit]):
    assert {} == {name: visit.size for name, visit in visited.items() if visit.size > MOST_BYTES}


def test_axe_finds_nothing_on_any_kind_of_page_in_light_and_in_dark(visited: dict[str, Visit]):
    assert {} == {name: visit.violations for name, visit in visited.items() if visit.violations}


def test_axe_looks_at_pages_that_together_hold_every_kind_of_element():
    pages = {
        "small": '<p class="a">',
        "same": '<p class="a"> and words',
        "other": '<p class="b"><ul>',
    }
    assert ["other", "small"] == kinds(pages)
