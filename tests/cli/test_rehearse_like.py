"""``leitstand rehearse RUNBOOK --like ENV``: production is a sandbox with a life of its own."""

import json
from typing import Any

import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.configuration import load_environment
from leitstand.core.traffic import Share, Split
from leitstand.sandbox import control
from tests.fixtures.command import Command
from tests.fixtures.provisioning import eventually


@pytest.fixture(autouse=True)
def _no_database(leitstand: Command) -> None:
    leitstand.without_database()
    leitstand.configure(release__stages=[100])


def production(leitstand: Command) -> CloudRun:
    running = control.find(leitstand.home / "sandbox")
    assert running is not None
    files = leitstand.project / "config" / "environments"
    return CloudRun(Connection(load_environment("sandbox", files), running.grpc, running.rest))


def somebody_deploys(leitstand: Command) -> str:
    """Give production another revision with all traffic, as another team would."""
    cloud = production(leitstand)
    name = "projects/leitstand-sandbox/locations/europe-west3/services/web"
    state = cloud.service(name)
    template = {**state.template, "revision": "web-00099-hotfix"}
    operation = cloud.start_revision(
        name, state.etag, template, Split.of(Share("web-00099-hotfix", 100))
    )
    assert eventually(lambda: cloud.operation(operation).done)
    return "web-00099-hotfix"


def predictions(leitstand: Command) -> list[dict[str, Any]]:
    files = sorted((leitstand.home / "predictions").rglob("*.json"))
    return [json.loads(file.read_text("utf-8")) for file in files]


def test_a_run_stops_where_production_changed_since_its_rehearsal(leitstand: Command) -> None:
    assert 0 == leitstand("sandbox", "up").code
    before = leitstand.serving()
    rehearsed = leitstand("rehearse", "release", "--like", "sandbox", "-p", "image=web:1.1.0")
    assert (0, "") == (rehearsed.code, rehearsed.problems)
    assert "Nicht nachgebildet" in rehearsed.output
    assert before == leitstand.serving()
    (prediction,) = predictions(leitstand)
    actions = [action["id"] for plan in prediction["plans"] for action in plan["actions"]]
    assert ["candidate", "traffic-100", "tags"] == actions
    (like,) = (e for e in leitstand.journal() if e["event"] == "rehearsal.like")
    assert ("sandbox", prediction["world_digest"]) == (like["env"], like["world"])

    hotfix = somebody_deploys(leitstand)
    stopped = leitstand.release("web:1.1.0", "--apply")
    assert 3 == stopped.code
    assert prediction["run"] in stopped.problems
    assert {hotfix: 100} == leitstand.serving()
    assert "action.intent" not in leitstand.events()
    shown = (leitstand.runs[-1] / "notebook.ipynb").read_text("utf-8")
    assert f"services.web.traffic.{hotfix}" in shown
    assert "Rückweg back: traffic.0.revision" in shown


def test_what_follows_from_data_is_refused_before_anything_is_read(leitstand: Command) -> None:
    ended = leitstand("rehearse", "migrate", "--like", "sandbox")
    assert 3 == ended.code
    assert "echten Tabellen" in ended.problems
    assert [] == leitstand.runs
    assert 2 == leitstand("rehearse", "release").code
