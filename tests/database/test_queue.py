"""Queues and their Redis, read from a real server that real tasks were put into."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis

from leitstand.core.errors import LeitstandError
from leitstand.database.connection import connect
from leitstand.database.connections import count_connections
from leitstand.database.queue import (
    QueueRefused,
    QueueState,
    QueueUnreachable,
    opened,
    read_queues,
    read_redis,
)
from leitstand.database.queue_activity import watch_queue
from leitstand.sandbox.images.app.background import celery_app
from tests.fixtures.postgres import Cluster
from tests.sandbox.images.processes import PASSWORD, redis_server, url_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with redis_server(tmp_path_factory.mktemp("redis")) as client:
        yield client


@pytest.fixture
def redis(server: Redis) -> Iterator[Redis]:
    server.flushall()
    yield server
    server.config_set("maxmemory", 0)


def message(**headers: object) -> str:
    return json.dumps({"body": "W10=", "headers": headers, "properties": {}})


def test_an_empty_queue_has_no_oldest_task(redis: Redis) -> None:
    assert (QueueState("celery", 0, None),) == read_queues(url_of(redis))


def test_a_real_task_has_an_age(redis: Redis) -> None:
    app = celery_app(url_of(redis))
    app.send_task("heartbeat")
    time.sleep(0.05)
    app.send_task("heartbeat")
    (found,) = read_queues(url_of(redis))
    assert 2 == found.length
    assert found.oldest_seconds is not None
    assert 0.05 <= found.oldest_seconds < 5


def test_the_oldest_task_is_the_one_that_is_taken_next(redis: Redis) -> None:
    now = time.time()
    for age in (300, 20, 1):
        redis.lpush("mail", message(enqueued_at=now - age))
    celery, mail = read_queues(url_of(redis), ("celery", "mail"))
    assert ("celery", 0) == (celery.name, celery.length)
    assert ("mail", 3, 300) == (mail.name, mail.length, round(mail.oldest_seconds or 0))


def test_urgent_tasks_belong_to_their_queue(redis: Redis) -> None:
    redis.lpush("celery", message(enqueued_at=time.time() - 5))
    redis.lpush("celery\x06\x169", message(enqueued_at=time.time() - 50))
    (found,) = read_queues(url_of(redis))
    assert (2, 50) == (found.length, round(found.oldest_seconds or 0))


@pytest.mark.parametrize("raw", [message(), message(enqueued_at="gestern"), "{", "[]", b"\xff"])
def test_a_message_that_does_not_tell_has_no_age(redis: Redis, raw: str) -> None:
    redis.lpush("celery", raw)
    assert (QueueState("celery", 1, None),) == read_queues(url_of(redis))


def test_a_server_with_room_is_not_blocked(redis: Redis) -> None:
    redis.config_set("maxmemory", 100 * 2**20)
    found = read_redis(url_of(redis))
    assert ("noeviction", False, 100 * 2**20) == (found.policy, found.blocked, found.max_bytes)
    assert 0 < found.used_bytes < found.max_bytes
    assert 0 < found.clients


def test_a_full_server_that_may_throw_nothing_away_is_blocked(redis: Redis) -> None:
    redis.config_set("maxmemory", redis.info("memory")["used_memory"])
    found = read_redis(url_of(redis))
    assert found.blocked


def test_a_full_server_that_throws_away_is_not_blocked_and_tells_how_much_it_lost(
    redis: Redis,
) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 200_000)
    for number in range(30):
        redis.set(f"k{number}", b"x" * 20_000)
    found = read_redis(url_of(redis))
    redis.config_set("maxmemory-policy", "noeviction")
    assert ("allkeys-lru", False) == (found.policy, found.blocked)
    assert 0 < found.evicted_keys


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda url: url.replace(PASSWORD, f"{PASSWORD}-alt"), QueueRefused),
        (lambda url: url.replace(f":{PASSWORD}@", ""), QueueRefused),
        (lambda url: url.replace(f"{PASSWORD}@", f"{PASSWORD}@a:b@"), QueueRefused),
        (lambda url: f"postgresql://:{PASSWORD}@127.0.0.1/0", QueueRefused),
        (lambda url: PASSWORD, QueueRefused),
        (lambda url: url.replace("redis://", "rediss://"), QueueUnreachable),
        (lambda url: f"redis://:{PASSWORD}@127.0.0.1:1/0", QueueUnreachable),
        (lambda url: f"redis://:{PASSWORD}@geheim.invalid:6379/0", QueueUnreachable),
    ],
)
def test_what_goes_wrong_is_told_without_the_address(
    redis: Redis, change: object, error: type[LeitstandError]
) -> None:
    assert callable(change)
    url = change(url_of(redis))
    for read in (read_queues, read_redis):
        with pytest.raises(error) as caught:
            read(url, timeout=0.5)
        assert PASSWORD not in f"{caught.value}{caught.value.__cause__}{caught.value.args}"
        assert caught.value.__suppress_context__


def test_a_key_that_is_no_queue_is_refused(redis: Redis) -> None:
    redis.set("celery", "x")
    with pytest.raises(QueueRefused):
        read_queues(url_of(redis))


def test_a_server_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    with redis_server(tmp_path) as own:
        process = psutil.Process(own.info("server")["process_id"])
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        try:
            with pytest.raises(QueueUnreachable, match=r"0\.2 s"):
                read_queues(url_of(own), timeout=0.2)
        finally:
            process.send_signal(signal.SIGCONT)
    assert time.monotonic() - began < 10


def test_what_came_and_what_was_taken_is_counted_while_a_queue_is_watched(redis: Redis) -> None:
    for number in range(5):
        redis.lpush("celery", message(id=number))

    def meanwhile() -> None:
        time.sleep(0.1)
        for number in range(5, 8):
            redis.lpush("celery", message(id=number))
        redis.rpop("celery", 4)
        redis.hset("unacked", "tag", "x")

    other = threading.Thread(target=meanwhile)
    other.start()
    seen = watch_queue(url_of(redis), seconds=0.4)
    other.join()
    assert (3, 4, 1) == (seen.arrived, seen.taken, seen.in_hand)
    assert 0.4 <= seen.seconds < 5


def test_where_all_was_taken_at_least_that_is_counted(redis: Redis) -> None:
    redis.lpush("celery", message(id=1), message(id=2))
    other = threading.Timer(0.05, lambda: redis.delete("celery"))
    other.start()
    seen = watch_queue(url_of(redis), seconds=0.2)
    assert (0, 2) == (seen.arrived, seen.taken)


def test_what_a_worker_gives_back_is_not_taken_a_negative_number_of_times(redis: Redis) -> None:
    redis.lpush("celery", message(id=1))
    other = threading.Timer(0.05, lambda: redis.rpush("celery", message(id=2), message(id=3)))
    other.start()
    seen = watch_queue(url_of(redis), seconds=0.2)
    assert (0, 0) == (seen.arrived, seen.taken)


def test_nothing_is_sent_beside_the_login_and_the_database(redis: Redis) -> None:
    redis.config_resetstat()
    with opened(url_of(redis), 1.0, 3) as client:
        client.llen("celery")
    sent = {name.removeprefix("cmdstat_") for name in redis.info("commandstats")}
    ours = {name for name in sent if name.partition("|")[0] not in ("config", "info")}
    assert {"auth", "select", "llen"} == ours


def test_a_client_stays_in_its_database_when_its_connection_breaks(redis: Redis) -> None:
    with opened(url_of(redis), 1.0, 3) as client:
        client.set("key", "x")
        client.connection_pool.disconnect()
        assert b"x" == client.get("key")
    with opened(url_of(redis), 1.0) as client:
        assert client.get("key") is None


def test_a_client_is_in_the_database_of_its_address_where_no_other_is_asked_for(
    redis: Redis,
) -> None:
    url = url_of(redis).removesuffix("/0") + "/3"
    with opened(url, 1.0) as client:
        client.set("key", "x")
    with opened(url, 1.0, 0) as client:
        assert client.get("key") is None
    with opened(url_of(redis), 1.0, 3) as client:
        assert b"x" == client.get("key")


def test_the_connections_of_a_server_are_counted_with_what_it_allows(cluster: Cluster) -> None:
    url = cluster.url(cluster.database())
    with psycopg.connect(url), connect(url) as connection:
        used, most = count_connections(connection)
        row = connection.execute("SHOW max_connections").fetchone()
    assert row is not None
    assert int(row[0]) - 3 == most
    assert 1 <= used < most


def test_connections_of_ours_and_those_kept_for_others_are_no_applications(
    cluster: Cluster,
) -> None:
    url = cluster.url(cluster.database())
    with connect(url, autocommit=True) as connection:
        before, _ = count_connections(connection)
        with (
            psycopg.connect(url, application_name="leitstand 20261126-build"),
            psycopg.connect(url, application_name="leitstand-app"),
            psycopg.connect(url),
        ):
            assert before + 2 == count_connections(connection)[0]
