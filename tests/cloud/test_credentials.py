"""Which credentials a machine has, without asking anybody who is not there."""

import json
import time
from pathlib import Path

import pytest

from leitstand.cloud.credentials import credentials_here
from leitstand.core.doctor.answers import SignIn
from tests.fixtures.google import ACCOUNT, account_file


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUD_RUN_JOB", "K_SERVICE"):
        monkeypatch.delenv(name, raising=False)


def test_without_any_nobody_is_waited_for() -> None:
    begin = time.monotonic()
    assert (SignIn(problem="none"), None) == credentials_here()
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"type": "authorized_user"}', '{"type": 1}'])
def test_a_file_that_holds_none_is_named(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    assert (SignIn(problem="unreadable", detail=str(file)), None) == credentials_here()


def test_a_named_file_goes_before_that_of_gcloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gcloud").mkdir()
    person = {"type": "authorized_user", "client_id": "a", "client_secret": "b"}
    (tmp_path / "gcloud" / "application_default_credentials.json").write_text(
        json.dumps({**person, "refresh_token": "c"})
    )
    assert "authorized_user" == credentials_here()[0].kind
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account_file(tmp_path)))
    found, credentials = credentials_here()
    assert "service_account" == found.kind
    assert ACCOUNT == credentials.service_account_email


def test_in_a_job_of_cloud_run_the_machine_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_RUN_JOB", "maintenance")
    assert "metadata" == credentials_here()[0].kind
