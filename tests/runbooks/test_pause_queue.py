"""Halting, emptying and resuming a real queue, with a real worker and a real beat."""

from collections.abc import Iterator

import pytest
from redis import Redis

from leitstand.cloud.connection import Connection
from leitstand.cloud.secrets import Secrets
from leitstand.execution.queue_access import NoQueue, QueueAccess
from leitstand.sandbox import control
from tests.fixtures.provisioning import eventually
from tests.fixtures.queueing import Queue, queue


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    with queue(tmp_path_factory.mktemp("pause")) as made:
        yield made


def running(site: Queue) -> tuple[int, int]:
    return site.processes("worker"), site.processes("beat")


def waiting(site: Queue) -> int:
    with Redis.from_url(site.url) as redis:
        return int(redis.llen("celery"))


def run(site: Queue, action: str) -> tuple[int, str]:
    ended = site.leitstand("run", "pause_queue", "-p", f"action={action}", "--apply")
    return ended.code, ended.problems


def test_a_pause_that_dies_half_way_is_finished_by_resume_and_its_tasks_stay(site: Queue) -> None:
    if running(site) == (0, 0):  # as another test has left it
        assert (0, "") == run(site, "resume")
    assert (1, 1) == running(site)
    site.leitstand.extra = {"LEITSTAND_CRASH_AFTER": "27"}
    run(site, "pause")
    site.leitstand.extra = {}
    assert ["pause-beat", "pause-worker"] == [
        str(e["id"]) for e in site.leitstand.journal() if e["event"] == "action.intent"
    ]
    resumed = site.leitstand("resume", site.leitstand.runs[-1].name)
    assert (0, "") == (resumed.code, resumed.problems)
    assert (0, 0) == running(site)
    site.put(3, "heartbeat")
    assert 3 <= waiting(site)

    assert (0, "") == run(site, "resume")
    assert (1, 1) == running(site)
    assert eventually(lambda: waiting(site) == 0)


def test_while_a_queue_is_emptied_nobody_else_scales_its_worker(site: Queue) -> None:
    site.put(300, "slow", 0.5)
    count = len(site.leitstand.runs)
    draining = site.leitstand.start("run", "pause_queue", "-p", "action=drain", "--apply")
    assert eventually(
        lambda: len(site.leitstand.runs) > count and "action.intent" in site.leitstand.events()
    )
    holder = site.leitstand.runs[-1].name
    refused = site.leitstand("run", "scale", "-p", "instances=2", "--apply")
    assert 3 == refused.code
    assert f"Der Lauf {holder} arbeitet gerade an worker." in refused.problems

    assert waiting(site)
    site.empty()
    _, problems = draining.communicate(timeout=60)
    assert (0, "") == (draining.returncode, problems)
    assert (0, 0, 0) == (*running(site), waiting(site))


def test_the_queue_is_where_the_worker_s_pinned_version_says(site: Queue) -> None:
    before, environment = site.url, site.connection.environment
    secret = f"projects/{environment.project}/secrets/{environment.memorystore.url_secret}"
    Secrets(site.connection).add_version(secret, "redis://127.0.0.1:1/0")
    assert before == site.url


def test_a_worker_that_does_not_read_the_agreed_secret_has_no_queue(site: Queue) -> None:
    sandbox = control.find(site.leitstand.home / "sandbox")
    assert sandbox is not None
    environment = site.connection.environment
    agreed = environment.memorystore.model_copy(update={"url_secret": "another"})
    changed = environment.model_copy(update={"memorystore": agreed})
    with pytest.raises(NoQueue) as refused:
        _ = QueueAccess(Connection(changed, sandbox.grpc, sandbox.rest)).url
    assert "another" == refused.value.secret
