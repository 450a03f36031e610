"""Who operates a run."""

import os
import pwd

import pytest

from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.notebook.operators import Operator, operator_at, operator_of

MINE = Operator(pwd.getpwuid(os.getuid()).pw_name, "process")


def test_in_the_sandbox_it_is_the_account_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    connection = Connection(load_environment("sandbox"), "127.0.0.1:9", "http://127.0.0.1:9")
    assert MINE == operator_at(connection) == operator_of("sandbox") == operator_of("")
    assert {"operator": MINE.name, "operator_source": "process"} == MINE.fields


@pytest.mark.parametrize("environment", ["staging", "nowhere"])
def test_without_credentials_the_record_names_the_process(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    assert MINE == operator_of(environment)
