"""One Redis for the tests of a module; every test finds it empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.sandbox.images.processes import redis_server


@pytest.fixture(scope="module")
def redis_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with redis_server(tmp_path_factory.mktemp("redis")) as client:
        yield client


@pytest.fixture
def redis(redis_of_module: Redis) -> Redis:
    redis_of_module.flushall()
    return redis_of_module
