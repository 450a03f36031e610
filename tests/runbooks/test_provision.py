"""The provisioning runbook as its user starts it: from an empty project to a whole production."""

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from leitstand.cloud.secrets import Secrets
from leitstand.core.kinds import STEP_TITLES
from tests.fixtures.command import Ended
from tests.fixtures.provisioning import Production, production

APP = "app.sandbox.example"
LOST = ("networks.insert", "AddSecretVersion", "CreateService", "projects.topics.create")


@dataclass
class Built:
    """A production that was built, and then planned once more.

    Attributes:
        place: It.
        applied: How the first run ended.
        again: How the second one ended.
        writes: Calls of each that were not mere reads.
    """

    place: Production
    applied: Ended
    again: Ended
    writes: tuple[list[tuple[str, str]], list[tuple[str, str]]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    with production(tmp_path_factory.mktemp("built"), whole=True) as place:
        for method in LOST:
            place.sandbox.add_fault(method, "lost", "UNAVAILABLE")
        applied = place.provision()
        writes = place.writes()
        again = place.provision()
        yield Built(place, applied, again, (writes, place.writes()[len(writes) :]))


def test_an_empty_project_becomes_the_whole_production(built: Built) -> None:
    applied, place = built.applied, built.place
    assert (0, "") == (applied.code, applied.problems)
    assert [] == place.deviating
    planned = place.planned(0)
    wanted = {resource.key for resource in place.observe().resources}
    # Google makes this one with the project.
    assert wanted - {"logging.buckets/_Required"} == set(planned)
    assert Counter(planned) == Counter(place.ids("action.outcome", 0))
    assert Counter(planned) == Counter(place.ids("action.intent", 0))
    assert ("run.completed", "completed") == (
        place.leitstand.events(0)[-1], place.leitstand.summary(0)["status"]
    )  # fmt: skip


def test_an_answer_that_was_lost_makes_nothing_twice(built: Built) -> None:
    assert [] == built.place.sandbox.faults()
    called = Counter(method.rpartition("/")[2] for method, _ in built.writes[0])
    wanted = Counter(resource.kind.name for resource in built.place.observe().resources)
    assert wanted["run.services"] == called["CreateService"]
    assert wanted["secretmanager.versions"] == called["AddSecretVersion"]
    assert ["/compute/networks/insert"] == [m for m, _ in built.writes[0] if "/networks/" in m]


def test_a_second_run_plans_nothing(built: Built) -> None:
    again, place = built.again, built.place
    assert (0, "") == (again.code, again.problems)
    assert [] == built.writes[1]
    assert ([], []) == (place.planned(1), place.ids("action.intent", 1))
    assert "nichts zu tun." in place.shown(1)
    assert "✓ Die Umgebung ist wie vereinbart." in place.shown(1)


def test_web_answers_through_the_load_balancer_at_its_host_and_at_no_other(built: Built) -> None:
    def answer(host: str) -> tuple[int, str]:
        url = f"{built.place.sandbox.public}/healthz"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, headers={"Host": host}), timeout=10
            ) as response:
                return response.status, json.load(response)["revision"]
        except urllib.error.HTTPError as error:
            return error.code, ""

    assert (200, "web-00001-start") == answer(APP)
    assert (525, "") == answer("example.org")


def test_worker_and_beat_do_their_work(built: Built) -> None:
    services = {
        service["name"].rpartition("/")[2]: service
        for service in built.place.sandbox.status()["services"]
    }
    assert {"web", "worker", "beat", "litellm"} == {n for n, s in services.items() if s["ready"]}
    for name in ("worker", "beat"):
        with urllib.request.urlopen(f"{services[name]['uri']}/healthz", timeout=10) as response:
            assert {"status": "ok", "role": name}.items() <= json.load(response).items()


def test_no_value_of_a_secret_stands_in_anything_that_a_run_leaves(built: Built) -> None:
    place = built.place
    secrets = Secrets(place.connection)
    values = {
        resource.id: secrets.value(resource.name.rpartition("/versions/")[0], "1")
        for resource in place.observe().resources
        if resource.kind.name == "secretmanager.versions"
    }
    assert 12 == len(values)
    assert all(len(value) >= 20 for value in values.values())
    left = [path for run in place.leitstand.runs for path in run.iterdir() if path.is_file()]
    assert {"journal.jsonl", "notebook.ipynb", "run.json"} <= {path.name for path in left}
    texts = [path.read_text("utf-8", errors="replace") for path in left]
    texts += [ended.output + ended.problems for ended in (built.applied, built.again)]
    assert set() == {name for name, value in values.items() for text in texts if value in text}
    assert any("${secret:database-app-password/1}" in text for text in texts)


def test_every_step_tells_that_it_is_done(built: Built) -> None:
    told = [line.partition(":")[0] for line in built.applied.output.splitlines() if "✓" in line]
    steps = [f"✓ {step} {title}" for step, title in STEP_TITLES.items()]
    assert ["✓ Beobachten", *steps, "✓ Nachprüfen"] == told[:-1]
