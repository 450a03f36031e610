"""Signs in for a look at once: as the clients would, but without asking anybody who is not there.

Google's own search for credentials starts ``gcloud`` and waits seconds for a metadata server that
is not there. Here only a file that is there is read, and only a machine of Google's is asked.
"""

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leitstand.cloud.identity import person_of
from leitstand.cloud.quick import Transport
from leitstand.core.doctor.answers import SignIn

__all__ = ["SignedIn", "credentials_here", "sign_in"]

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_MACHINE = Path("/sys/class/dmi/id/product_name")
_OF_GOOGLE = ("CLOUD_RUN_JOB", "K_SERVICE", "GCE_METADATA_HOST")


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, and with what.

    Attributes:
        who: Who it is, or why it did not succeed.
        headers: What signs requests in; empty where it did not succeed. Never to be shown.
    """

    who: SignIn
    headers: Mapping[str, str]


def credentials_here() -> tuple[SignIn, Any]:
    """Return which credentials this machine has; reads their file, and asks nobody.

    The second is None where there are none, and the first says why.
    """
    file = _file()
    if file is not None:
        return _of_file(file)
    if not _on_google():
        return SignIn(problem="none"), None
    from google.auth.compute_engine import Credentials

    return SignIn("metadata"), Credentials()


def sign_in(found: SignIn, credentials: Any, transport: Transport) -> SignedIn:
    """Return who signs in, by the answer of the endpoint that the credentials name.

    Args:
        found: What is known of them.
        credentials: Those of `credentials_here`.
        transport: Carries the requests.
    """
    from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

    try:
        credentials.refresh(transport)
    except TransportError as error:
        return SignedIn(SignIn(found.kind, problem="unreached", detail=str(error)), {})
    except RefreshError as error:
        if isinstance(error.__cause__, TransportError):
            reason = str(error.__cause__)
            return SignedIn(SignIn(found.kind, problem="unreached", detail=reason), {})
        return SignedIn(SignIn(found.kind, problem="refused", detail=_said(error)), {})
    except GoogleAuthError as error:
        return SignedIn(SignIn(found.kind, problem="refused", detail=_said(error)), {})
    headers: dict[str, str] = {}
    credentials.apply(headers)
    return SignedIn(SignIn(found.kind, _name(credentials)), headers)


def _file() -> Path | None:
    """Return where Google's library looks, in its order; None where nothing lies there."""
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return Path(named)
    directory = os.environ.get("CLOUDSDK_CONFIG")
    base = Path(directory) if directory else Path.home() / ".config" / "gcloud"
    path = base / "application_default_credentials.json"
    return path if path.is_file() else None


def _on_google() -> bool:
    if any(os.environ.get(name) for name in _OF_GOOGLE):
        return True
    try:
        return _MACHINE.read_text().startswith("Google")
    except OSError:
        return False


def _of_file(path: Path) -> tuple[SignIn, Any]:
    """Return kind and credentials of a file; no credentials where it holds none."""
    from google.auth import load_credentials_from_dict
    from google.auth.exceptions import GoogleAuthError

    try:
        content = json.loads(path.read_text("utf-8"))
        kind = str(content["type"])
        # A person's answer names the account only when no scope of ours narrows it.
        scopes = None if kind == "authorized_user" else _SCOPES
        with warnings.catch_warnings():  # it warns of files from elsewhere; this one is the user's
            warnings.simplefilter("ignore")
            credentials, _ = load_credentials_from_dict(content, scopes=scopes)
    except (OSError, ValueError, KeyError, TypeError, GoogleAuthError):
        return SignIn(problem="unreadable", detail=str(path)), None
    return SignIn(kind), credentials


def _name(credentials: Any) -> str:
    behind = getattr(credentials, "_source_credentials", None) or credentials
    if hasattr(behind, "id_token"):
        return person_of(behind.id_token)
    name = str(getattr(behind, "service_account_email", "") or "")
    return name if "@" in name else ""


def _said(error: Exception) -> str:
    """Return the error code of the token endpoint (RFC 6749, section 5.2), or its first words."""
    for argument in error.args[1:]:
        if isinstance(argument, Mapping) and argument.get("error"):
            return str(argument["error"])
    first = str(error.args[0] if error.args else "")
    return " ".join(first.split())[:60] or type(error).__name__
