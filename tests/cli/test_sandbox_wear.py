"""``leitstand sandbox wear``: on a sandbox that runs or not, and where there is no database."""

import pytest

from leitstand.cloud.connection import Connection
from leitstand.configuration import read_layers
from leitstand.core.environment import Environment, merge
from leitstand.notebook.sandbox_jobs import NotProvisioned, wear_vectors
from leitstand.sandbox import control
from tests.fixtures.command import Command
from tests.fixtures.small import small


def test_it_wears_the_store_of_a_sandbox_whether_it_runs_or_not(leitstand: Command) -> None:
    for running in (False, True):
        if running:
            assert 0 == leitstand("sandbox", "up").code
        ended = leitstand("sandbox", "wear", "--documents", "20")

        assert (0, "") == (ended.code, ended.problems)
        assert "Der Vektorspeicher ist abgenutzt" in ended.output
        found = control.find(leitstand.home / "sandbox")
        assert running == (found is not None)


def test_an_empty_sandbox_has_nothing_to_wear(leitstand: Command) -> None:
    leitstand.template = None
    assert 0 == leitstand("sandbox", "up", "--empty").code

    refused = leitstand("sandbox", "wear")

    assert 3 == refused.code
    assert "leitstand run provision --apply" in refused.problems


def test_an_environment_without_a_database_has_nothing_to_wear() -> None:
    base, overlay = read_layers("sandbox")
    data = merge(merge(base, overlay), small(base, database=False))
    environment = Environment.model_validate({**data, "name": "sandbox"})

    with pytest.raises(NotProvisioned):
        wear_vectors(Connection(environment, "127.0.0.1:1", "http://127.0.0.1:1"), 20)
