"""Where the clients connect to, and what they read."""

from pathlib import Path

import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import MissingCredentials
from leitstand.cloud.loopback import NotLoopback
from leitstand.configuration import load_environment


@pytest.mark.parametrize(
    "address", ["10.0.0.1:443", "run.googleapis.com:443", "localhost:1", "169.254.169.254:80", ":1"]
)
def test_the_sandbox_is_refused_any_address_that_is_not_loopback(address: str) -> None:
    with pytest.raises(NotLoopback):
        Connection(load_environment("sandbox"), address)


@pytest.mark.parametrize("rest", ["http://10.0.0.1:80", "https://127.0.0.1:1", "http://compute:1"])
def test_the_sandbox_is_refused_rest_apis_that_are_not_loopback(rest: str) -> None:
    with pytest.raises(NotLoopback):
        Connection(load_environment("sandbox"), "127.0.0.1:1", rest)


def test_the_sandbox_never_calls_rest_apis_whose_address_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="address"):
        _ = Connection(load_environment("sandbox"), "127.0.0.1:1").rest
    with pytest.raises(ValueError, match="address"):
        Connection(load_environment("prod"), None, "http://127.0.0.1:1")


def test_the_sandbox_never_connects_without_an_address() -> None:
    with pytest.raises(ValueError, match="address"):
        Connection(load_environment("sandbox"))


def test_a_real_environment_is_never_pointed_at_a_sandbox() -> None:
    with pytest.raises(ValueError, match="address"):
        Connection(load_environment("prod"), "127.0.0.1:1")


def test_the_sandbox_has_no_identity() -> None:
    connection = Connection(load_environment("sandbox"), "127.0.0.1:1")
    assert connection.credentials is None
    assert connection.identity_token("http://127.0.0.1") is None


def test_a_real_environment_without_credentials_says_how_to_sign_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(MissingCredentials, match="gcloud auth application-default login"):
        _ = Connection(load_environment("prod")).services
    with pytest.raises(MissingCredentials, match="gcloud auth application-default login"):
        _ = Connection(load_environment("prod")).rest
