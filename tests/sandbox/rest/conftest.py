"""A network and a load balancer for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.rest.asking import Asking, asking, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with asking(tmp_path_factory.mktemp("compute")) as ask:
        make(ask)
        yield ask
