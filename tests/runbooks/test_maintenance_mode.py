"""The maintenance page: shown and taken away, without a request that fails otherwise."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.configuration import load_environment
from leitstand.core.reconfiguring import variable
from leitstand.notebook.maintenance_mode import VARIABLE
from leitstand.sandbox import control
from tests.fixtures.command import Command


@pytest.fixture
def web(leitstand: Command) -> Command:
    leitstand.without_database()
    assert 0 == leitstand("sandbox", "up").code
    return leitstand


def status(leitstand: Command, path: str = "/") -> tuple[int, str, str]:
    """What a visitor gets: status, Retry-After, and the page."""
    running = control.find(leitstand.home / "sandbox")
    assert running is not None
    host = load_environment("sandbox").load_balancer.domain
    request = urllib.request.Request(running.public + path, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, "", answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After", ""), error.read().decode()


def test_the_page_is_shown_and_taken_away_and_a_second_run_changes_nothing(web: Command) -> None:
    ended = web("run", "maintenance_mode", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    code, retry, page = status(web)
    assert (503, "300") == (code, retry)
    assert "Ihre Daten sind sicher" in page
    assert 200 == status(web, "/healthz")[0]
    (serving,) = web.serving()
    again = web("run", "maintenance_mode", "--apply")
    assert (0, "") == (again.code, again.problems)
    assert [serving] == list(web.serving())
    ended = web("run", "maintenance_mode", "-p", "on=false", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    assert 200 == status(web)[0]


def test_a_run_that_died_between_revision_and_traffic_is_taken_back(web: Command) -> None:
    assert 0 == web("run", "maintenance_mode").code
    (before,) = web.serving()
    web.extra = {"LEITSTAND_CRASH_AFTER": str(crash_after(web, "traffic"))}
    assert 0 != web("run", "maintenance_mode", "--apply").code
    web.extra = {}
    assert "1" == variable(next_revision(web), VARIABLE)
    back = web("revert", web.runs[-1].name)
    assert (0, "") == (back.code, back.problems)
    assert "Die Anwendung zeigt wieder, was sie vorher zeigte." in back.output
    assert [before] == list(web.serving())
    assert 200 == status(web)[0]
    assert variable(next_revision(web), VARIABLE) is None


def next_revision(web: Command) -> Mapping[str, Any]:
    """The template from which a release or a rollback would go on."""
    running = control.find(web.home / "sandbox")
    assert running is not None
    environment = load_environment("sandbox")
    run = CloudRun(Connection(environment, running.grpc))
    return run.service(environment.service_name("web")).template


def crash_after(web: Command, action: str) -> int:
    """The number of the event at which a run that applies has just meant to do an action."""
    planned = web.events()
    at = planned.index("plan.made")
    # Approval, steps and cells lie between, and three events for each action before.
    return at + 1 + {"revision": 7, "traffic": 12}[action]
