"""Beat: sends its task from time to time, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

from redis import Redis

from tests.sandbox.images.processes import APP, Container, container, url_of, wait_until

BEAT = (APP, "celery", "beat")


def test_beat_sends_its_task_again_and_again_and_ends_on_sigterm(
    redis: Redis, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": url_of(redis), "TMPDIR": str(tmp_path)}
    with container(*BEAT, **environment, APP_HEARTBEAT_SECONDS="0.1") as beat:
        wait_until(lambda: redis.llen("celery") >= 2)
        beat.becomes(200)
        _, health = beat.request("/healthz")
        schedules = list(tmp_path.glob("leitstand-beat-*/schedule*"))
        code = beat.end()

    assert (0, "beat") == (code, health["role"])
    assert [] != schedules
    assert [] == list(tmp_path.iterdir())
    assert {"heartbeat"} == {
        json.loads(message)["headers"]["task"] for message in redis.lrange("celery", 0, -1)
    }


def test_beat_removes_its_schedule_when_its_standard_input_ends(
    redis: Redis, tmp_path: Path
) -> None:
    with container(*BEAT, REDIS_URL=url_of(redis), TMPDIR=str(tmp_path)) as beat:
        beat.becomes(200)
        assert beat.process.stdin is not None
        beat.process.stdin.close()
        assert 0 == beat.wait()

    assert [] == list(tmp_path.iterdir())


def test_beat_is_not_healthy_without_its_broker() -> None:
    with container(*BEAT, REDIS_URL="redis://:x@127.0.0.1:1/0") as beat:
        wait_until(lambda: began(beat))
        beat.becomes(503)
        assert 0 == beat.end()


def began(beat: Container) -> bool:
    return any(line["message"] == "Beat hat begonnen" for line in beat.documents())
