"""Whose credentials they are, from Google's own classes and an issuer on loopback."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from leitstand.cloud.identity import UNKNOWN, Identity, identity_of

NOBODY = Identity(UNKNOWN, "none")
ROBOT = "runner@leitstand-prod.iam.gserviceaccount.com"


@dataclass
class Issuer:
    """A token endpoint and a metadata server on loopback."""

    address: str = ""
    claims: dict[str, Any] | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def token_uri(self) -> str:
        return f"http://{self.address}/token"


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            made.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            token = {"access_token": "a", "expires_in": 3600, "token_type": "Bearer"}
            self._answer(token | ({} if made.claims is None else {"id_token": jwt(made.claims)}))

        def do_GET(self) -> None:
            made.asked.append(self.path)
            if "service-accounts" in self.path and "token" not in self.path:
                self._answer({"email": ROBOT, "scopes": [], "aliases": ["default"]})
            else:
                self._answer({"access_token": "a", "expires_in": 3600, "token_type": "Bearer"})

        def _answer(self, data: dict[str, Any]) -> None:
            content = json.dumps(data).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def jwt(claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + ".x"


def person(token_uri: str, account: str = "") -> Any:
    from google.oauth2.credentials import Credentials

    return Credentials(
        None, refresh_token="r", client_id="c", client_secret="s", token_uri=token_uri,
        scopes=["https://www.googleapis.com/auth/cloud-platform"], account=account,
    )  # fmt: skip


def robot(email: str = ROBOT) -> Any:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from google.oauth2 import service_account

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    info = {"client_email": email, "private_key": key.decode(), "token_uri": "http://127.0.0.1:9"}
    return service_account.Credentials.from_service_account_info(info)


def test_a_person_is_who_the_issuer_says_and_not_what_the_file_says(issuer: Issuer) -> None:
    issuer.claims = {"email": "anna@example.com", "email_verified": True}
    credentials = person(issuer.token_uri, account="erika@example.com")
    assert Identity("anna@example.com", "user") == identity_of(credentials)
    [request] = issuer.asked
    assert "scope" not in request


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(None, id="no token of identity"),
        pytest.param({"sub": "1"}, id="no address"),
        pytest.param({"email": "anna@example.com", "email_verified": False}, id="not verified"),
        pytest.param({"email": "anna", "email_verified": True}, id="no e-mail address"),
    ],
)
def test_a_person_whom_the_issuer_does_not_name_is_unknown(
    issuer: Issuer, claims: dict[str, Any] | None
) -> None:
    issuer.claims = claims
    assert NOBODY == identity_of(person(issuer.token_uri, account="erika@example.com"))


def test_a_person_is_unknown_while_the_issuer_does_not_answer() -> None:
    assert NOBODY == identity_of(person("http://127.0.0.1:9/token", account="erika@example.com"))


def test_a_job_is_the_account_that_the_metadata_server_names(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.auth import compute_engine
    from google.auth.compute_engine import _metadata

    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", issuer.address)
    monkeypatch.setenv("GCE_METADATA_HOST", issuer.address)
    assert Identity(ROBOT, "metadata-server") == identity_of(compute_engine.Credentials())
    assert all("/instance/service-accounts/" in path for path in issuer.asked)


def test_a_key_names_its_service_account_without_a_request() -> None:
    assert Identity(ROBOT, "service-account") == identity_of(robot())


def test_workload_identity_is_the_service_account_it_stands_in_for() -> None:
    from google.auth import identity_pool

    accounts = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
    url = f"{accounts}/{ROBOT}:generateAccessToken"
    for impersonated, expected in ((url, Identity(ROBOT, "workload-identity")), (None, NOBODY)):
        credentials = identity_pool.Credentials(
            audience="//iam.googleapis.com/projects/1/locations/global/x",
            subject_token_type="urn:ietf:params:oauth:token-type:jwt",
            token_url="https://sts.googleapis.com/v1/token",
            credential_source={"file": "/nowhere"},
            service_account_impersonation_url=impersonated,
        )
        assert expected == identity_of(credentials)


def test_who_stands_behind_an_impersonated_account_acts(issuer: Issuer) -> None:
    from google.auth import impersonated_credentials

    issuer.claims = {"email": "anna@example.com", "email_verified": True}
    credentials = impersonated_credentials.Credentials(
        source_credentials=person(issuer.token_uri), target_principal=ROBOT, target_scopes=[]
    )
    assert Identity("anna@example.com", "impersonation") == identity_of(credentials)


def test_other_credentials_are_nobodys() -> None:
    from google.auth.credentials import AnonymousCredentials

    assert NOBODY == identity_of(AnonymousCredentials())
