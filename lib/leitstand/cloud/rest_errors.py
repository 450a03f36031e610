"""Refusals of REST APIs, turned into the errors of ``cloud/errors.py``.

Form of the answers: https://cloud.google.com/apis/design/errors and, for the older APIs (Compute
Engine, Cloud SQL, BigQuery, DNS), ``error.errors[].reason``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from leitstand.cloud.errors import (
    AlreadyThere,
    ApiDisabled,
    Busy,
    CloudRefused,
    CloudUnreachable,
    Conflict,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
)
from leitstand.core.errors import RunFailed

__all__ = ["refusal", "translated_rest"]

_PERMISSION = re.compile(r"'([a-zA-Z]+\.[a-zA-Z]+\.[a-zA-Z]+)'")
_RESOURCE = re.compile(r"(?:for|on resource) '(?://[\w.-]+/)?([^']+)'")
_BUSY = {"operationinprogress", "resourcenotready"}
_DISABLED = {"accessnotconfigured", "servicedisabled"}
_QUOTA = {"limitexceeded", "quotaexceeded", "ratelimitexceeded", "userratelimitexceeded"}
_TAKEN = {"alreadyexists", "duplicate"}
_OWNED = "you already own it"
"""Cloud Storage calls a taken name a conflict, as it calls a bucket that is not empty."""


@contextmanager
def translated_rest(what: str) -> Iterator[None]:
    """Turn exceptions of the REST client into ours; ``what`` names the call in German.

    Raises:
        AlreadyThere: the name is taken.
        ApiDisabled: the project does not use the API.
        Busy: another operation runs on the resource.
        Conflict: the version that was sent is an old one.
        NotFound: the resource does not exist.
        PermissionDenied: the identity may not do that.
        QuotaExceeded: a quota is used up, or calls come too fast.
        CloudUnreachable: no answer, or the server failed.
        CloudRefused: any other refusal.
    """
    import http.client

    import httplib2
    from google.auth.exceptions import GoogleAuthError, TransportError
    from googleapiclient.errors import HttpError

    try:
        yield
    except HttpError as error:
        raise refusal(what, int(error.resp.status), error.content) from error
    except (httplib2.HttpLib2Error, http.client.HTTPException, OSError, TransportError) as error:
        raise CloudUnreachable(what, _sentence(str(error) or type(error).__name__)) from error
    except GoogleAuthError as error:
        raise CloudRefused(what, _sentence(str(error))) from error


def refusal(what: str, status: int, content: bytes) -> RunFailed:
    """Return the error that an answer with this HTTP status means."""
    error = _error(content)
    message = _sentence(str(error.get("message") or f"HTTP {status}"))
    reasons = _reasons(error)
    if reasons & _DISABLED:
        return ApiDisabled(what, message)
    if reasons & _BUSY or "unable to queue the operation" in message:
        return Busy(what, message)
    if status == 429 or (status == 403 and reasons & _QUOTA):
        return QuotaExceeded(what, message)
    if status == 403:
        return PermissionDenied(what, message, *_missing(error, message))
    if status == 404:
        return NotFound(what, message)
    if status in {409, 412}:
        taken = any(reason.endswith(tuple(_TAKEN)) for reason in reasons) or _OWNED in message
        return AlreadyThere(what, message) if taken else Conflict(what, message)
    if status in {408, 500, 502, 503, 504}:
        return CloudUnreachable(what, message)
    return CloudRefused(what, message)


def _error(content: bytes) -> Mapping[str, Any]:
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, Mapping) else {}


def _reasons(error: Mapping[str, Any]) -> set[str]:
    """Return what the answer says about its cause: ALREADY_EXISTS and alreadyExists are one."""
    listed = [*error.get("errors", ()), *error.get("details", ())]
    found = [error.get("status"), *(entry.get("reason") for entry in listed)]
    return {str(reason).replace("_", "").lower() for reason in found if reason}


def _missing(error: Mapping[str, Any], message: str) -> tuple[str, str]:
    """Return permission and resource of a denial, as far as it names them."""
    for detail in error.get("details", ()):
        metadata = detail.get("metadata") or {}
        if metadata.get("permission"):
            return str(metadata["permission"]), str(metadata.get("resource", ""))
    permission, resource = _PERMISSION.search(message), _RESOURCE.search(message)
    return permission[1] if permission else "", resource[1] if resource else ""


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith(".") else f"{text}."
