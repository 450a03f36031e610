"""``leitstand rehearse RUNBOOK --like ENV``: production is a sandbox with a life of its own."""

import json
from typing import Any

import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.cloud.secrets import Secrets
from leitstand.configuration import load_environment
from leitstand.core.cut_over import with_version
from leitstand.core.traffic import Share, Split
from leitstand.sandbox import control
from leitstand.sandbox.control import Sandbox
from tests.fixtures.command import Command
from tests.fixtures.provisioning import eventually

WEB = "projects/leitstand-sandbox/locations/europe-west3/services/web"
SECRET = "django-secret-key"


@pytest.fixture(autouse=True)
def _no_database(leitstand: Command) -> None:
    leitstand.without_database()
    leitstand.configure(release__stages=[100])


def running(leitstand: Command) -> Sandbox:
    found = control.find(leitstand.home / "sandbox")
    assert found is not None
    return found


def production(leitstand: Command) -> Connection:
    files = leitstand.project / "config" / "environments"
    sandbox = running(leitstand)
    return Connection(load_environment("sandbox", files), sandbox.grpc, sandbox.rest)


def somebody_deploys(leitstand: Command, revision: str = "web-00099-hotfix", pin: str = "") -> str:
    """Give production another revision with all traffic, as another team would.

    With ``pin`` it reads that version of a secret.
    """
    cloud = CloudRun(production(leitstand))
    state = cloud.service(WEB)
    template = {**state.template, "revision": revision}
    if pin:
        template = with_version(template, SECRET, pin)
    operation = cloud.start_revision(WEB, state.etag, template, Split.of(Share(revision, 100)))
    assert eventually(lambda: cloud.operation(operation).done)
    return revision


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
    ended = leitstand("rehearse", "restore_drill", "--like", "sandbox")
    assert 3 == ended.code
    assert "echten Backups" in ended.problems
    person = leitstand(
        "rehearse", "rotate_secret", "--like", "prod", "-p", "secret=langfuse-secret-key"
    )
    assert 3 == person.code
    assert "source=pending" in person.problems
    assert [] == leitstand.runs
    assert 2 == leitstand("rehearse", "release").code


def test_a_rotation_is_rehearsed_with_versions_pins_and_ages_and_without_values(
    leitstand: Command,
) -> None:
    assert 0 == leitstand("sandbox", "up").code
    there, name = production(leitstand), f"projects/leitstand-sandbox/secrets/{SECRET}"
    secrets = Secrets(there)
    values = [secrets.value(name, "1")]
    for version in ("2", "3"):
        values.append(f"wert-{version}-der-echten-umgebung")
        assert version == secrets.add_version(name, values[-1])
        somebody_deploys(leitstand, f"web-0000{version}-rotated", version)
    # Nobody goes back to what was replaced a month ago; only the revision's age tells.
    revisions = CloudRun(there).list_revisions(WEB)
    running(leitstand).set_times(
        {f"{WEB}/revisions/{r.name}": f"2026-0{9 - n}-01T00:00:00Z"
         for n, r in enumerate(revisions)}
    )  # fmt: skip
    asked = ("rotate_secret", "-p", f"secret={SECRET}", "-p", "keep_hours=24")
    rehearsed = leitstand("rehearse", *asked, "--like", "sandbox")
    assert (0, "") == (rehearsed.code, rehearsed.problems)
    (prediction,) = predictions(leitstand)
    (plan,) = prediction["plans"]
    assert [f"disable-{SECRET}-2"] == [action["id"] for action in plan["actions"]]
    assert {"1": "ENABLED", "2": "ENABLED", "3": "ENABLED"} == prediction["world"]["secrets"][
        SECRET
    ]
    kept = [f for f in leitstand.home.rglob("*") if f.is_file() and "sandbox" not in f.parts]
    assert not [f for f in kept for value in values if value.encode() in f.read_bytes()]

    somebody_deploys(leitstand, "web-00098-back", "2")
    stopped = leitstand("run", *asked, "--apply")
    assert 3 == stopped.code
    assert prediction["run"] in stopped.problems
    assert "action.intent" not in leitstand.events()
