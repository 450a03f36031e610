"""Whose credentials they are, as their issuer says it; nothing that the bearer could edit counts.

=====================  ==============================================================
credentials            the account
=====================  ==============================================================
service account        of the key; Google refuses what it signs for another account
metadata server        of the instance or job, as the metadata server names it
workload identity      the service account that it stands in for
a person (gcloud)      the e-mail address in the issuer's answer to a refresh, for what
                       the file itself says can be edited
                       (OpenID Connect Core 1.0, 3.1.3.7, point 6: an answer that came
                       straight from the token endpoint needs no other proof)
impersonation          the person or account behind it, who acts
=====================  ==============================================================
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["UNKNOWN", "Identity", "identity_of", "person_of"]

UNKNOWN = "unbekannt"
"""Name of an account that cannot be told."""

_MOST_HOPS = 4


@dataclass(frozen=True)
class Identity:
    """An account and how it was determined.

    Attributes:
        name: E-mail address, or `UNKNOWN`.
        source: ``service-account``, ``metadata-server``, ``workload-identity``, ``user``,
            ``impersonation`` or ``none``.
    """

    name: str
    source: str


_NOBODY = Identity(UNKNOWN, "none")


def identity_of(credentials: "Credentials", hops: int = _MOST_HOPS) -> Identity:
    """Return whose credentials they are.

    Asks the endpoint that the credentials name for their tokens, and nobody else, where they do
    not say it themselves. An endpoint that does not answer leaves the account unknown.
    """
    from google.auth import compute_engine, external_account, impersonated_credentials
    from google.oauth2 import credentials as user
    from google.oauth2 import service_account

    name, source = "", "none"
    if isinstance(credentials, impersonated_credentials.Credentials) and hops:
        behind = identity_of(credentials._source_credentials, hops - 1)
        name, source = behind.name, "impersonation"
    elif isinstance(credentials, service_account.Credentials):
        name, source = credentials.service_account_email, "service-account"
    elif isinstance(credentials, compute_engine.Credentials):
        name, source = _of_instance(credentials), "metadata-server"
    elif isinstance(credentials, external_account.Credentials):
        name, source = credentials.service_account_email or "", "workload-identity"
    elif isinstance(credentials, user.Credentials):
        name, source = _of_person(credentials), "user"
    return Identity(name, source) if "@" in name else _NOBODY


def _of_instance(credentials: Any) -> str:
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials.refresh(Request())
    except GoogleAuthError:
        return ""
    return str(credentials.service_account_email)


def _of_person(credentials: Any) -> str:
    """Return the address that the token endpoint names for a person's refresh token."""
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.credentials import Credentials

    # Without scopes of our own the answer is about all that were granted, the address included.
    own = Credentials(
        None,
        refresh_token=credentials.refresh_token,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        token_uri=credentials.token_uri,
    )
    try:
        own.refresh(Request())
    except GoogleAuthError:
        return ""
    return person_of(own.id_token)


def person_of(id_token: str | None) -> str:
    """Return the verified address that an ID token names; empty where it names none."""
    said = _payload(id_token or "")
    return str(said.get("email", "")) if said.get("email_verified") is True else ""


def _payload(token: str) -> dict[str, Any]:
    """Return what a JSON Web Token says; nothing where it is none."""
    parts = token.split(".")
    try:
        content = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        data = json.loads(content)
    except (IndexError, binascii.Error, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
