"""Logins as commands: no password is an argument of a program that keeps what it was given."""

import json
import subprocess

import pytest

from leitstand.core.commands.families import block_of
from leitstand.core.plan import Action
from tests.core.commands.samples import SAMPLES, SETTING, sample

STUB = "gcloud() { printf geheim; }\ncurl() { cat; }\n"


def sent(command: str) -> dict[str, object]:
    """Return the body that a call sends."""
    ended = subprocess.run(["bash", "-eu"], input=STUB + command, text=True, capture_output=True)
    assert "" == ended.stderr
    body: dict[str, object] = json.loads(ended.stdout)
    return body


@pytest.mark.parametrize("action", SAMPLES, ids=lambda action: action.id)
def test_no_command_gives_a_password_to_gcloud(action: Action) -> None:
    assert "--password" not in " ".join(block_of(action, SETTING).commands)


def test_a_login_gets_the_password_of_the_secret() -> None:
    action = sample("secret_login")
    _, change, create, *_ = block_of(action, SETTING).commands
    login, role = action.arguments["login"], action.arguments["role"]
    assert "-X PUT" in change
    assert f"/users?name={login}" in change
    assert {"name": login, "password": "geheim"} == sent(change)
    expected = {"name": login, "password": "geheim", "databaseRoles": [role]}
    assert expected == sent(create)


def test_a_closed_login_gets_a_password_that_nobody_knows() -> None:
    (close,) = block_of(sample("secret_close_login"), SETTING).commands
    passwords = {str(sent(close)["password"]) for _ in range(2)}
    assert [43, 43] == [len(password) for password in passwords]
