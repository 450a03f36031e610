"""Names, etags and filters of Secret Manager."""

from __future__ import annotations

import re
import secrets

import grpc

from leitstand.sandbox.errors import ApiError, failed_precondition, invalid

__all__ = [
    "SECRET_ID",
    "SECRET_NAME",
    "VERSION_NAME",
    "by_name",
    "check_etag",
    "filtered",
    "missing",
    "new_etag",
]

SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
SECRET_NAME = re.compile(r"projects/([^/]+)/secrets/([^/]+)")
VERSION_NAME = re.compile(r"(projects/[^/]+/secrets/[^/]+)/versions/([^/]+)")


def filtered(names: list[str], text: str) -> list[str]:
    """The names that hold the text of a filter `name:TEXT`, or `TEXT`."""
    if not text:
        return names
    match = re.fullmatch(r"\s*(?:name\s*[:=]\s*)?\"?([\w/-]+)\"?\s*", text)
    if match is None:
        raise invalid(f"Filter '{text}' is not possible.", "filter")
    return [name for name in names if match[1] in name]


def check_etag(given: str, current: str) -> None:
    """An etag that does not match is FAILED_PRECONDITION here, not ABORTED as in Cloud Run.

    https://cloud.google.com/secret-manager/docs/etags
    """
    if given and given != current:
        raise failed_precondition(
            f"The etag in the request {given} does not match the current etag {current}."
        )


def new_etag() -> str:
    """A fresh etag, quotes included."""
    return f'"{secrets.token_hex(7)}"'


def missing(message: str) -> ApiError:
    """NOT_FOUND in the words of Secret Manager."""
    return ApiError(grpc.StatusCode.NOT_FOUND, message, "RESOURCE_NOT_FOUND")


def by_name(name: str) -> tuple[str]:
    """The key of a page of names."""
    return (name,)
