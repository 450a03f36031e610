"""What Secret Manager accepts: names, etags, filters, masks, rotation and topics.

https://cloud.google.com/secret-manager/docs/secret-rotation
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import grpc
from google.cloud.secretmanager_v1 import types

from leitstand.sandbox.errors import ApiError, failed_precondition, invalid
from leitstand.sandbox.store import raw

__all__ = [
    "SECRET_ID",
    "SECRET_NAME",
    "VERSION_NAME",
    "by_name",
    "check_etag",
    "check_mask",
    "check_secret",
    "filtered",
    "in_state",
    "missing",
    "new_etag",
    "newest_first",
]

SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
SECRET_NAME = re.compile(r"projects/([^/]+)/secrets/([^/]+)")
TOPIC_NAME = re.compile(r"projects/[^/]+/topics/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
MOST_TOPICS = 10
CHANGEABLE = (
    "annotations",
    "expire_time",
    "labels",
    "rotation",
    "topics",
    "ttl",
    "version_aliases",
    "version_destroy_ttl",
)
SHORTEST_PERIOD, LONGEST_PERIOD = timedelta(hours=1), timedelta(days=36_500)
SOONEST_ROTATION = timedelta(minutes=5)
VERSION_NAME = re.compile(r"(projects/[^/]+/secrets/[^/]+)/versions/([^/]+)")


def filtered(names: list[str], text: str) -> list[str]:
    """The names that hold the text of a filter `name:TEXT`, or `TEXT`."""
    if not text:
        return names
    match = re.fullmatch(r"\s*(?:name\s*[:=]\s*)?\"?([\w/-]+)\"?\s*", text)
    if match is None:
        raise invalid(f"Filter '{text}' is not possible.", "filter")
    return [name for name in names if match[1] in name]


def in_state(versions: Sequence[types.SecretVersion], text: str) -> list[types.SecretVersion]:
    """The versions that a filter `state:STATE` means."""
    if not text:
        return list(versions)
    match = re.fullmatch(r"\s*state\s*[:=]\s*\"?(\w+)\"?\s*", text)
    if match is None or match[1] not in types.SecretVersion.State.__members__:
        raise invalid(f"Filter '{text}' is not possible.", "filter")
    return [version for version in versions if version.state.name == match[1]]


def check_etag(given: str, current: str) -> None:
    """An etag that does not match is FAILED_PRECONDITION here, not ABORTED as in Cloud Run.

    https://cloud.google.com/secret-manager/docs/etags
    """
    if given and given != current:
        raise failed_precondition(
            f"The etag in the request {given} does not match the current etag {current}."
        )


def check_mask(paths: Sequence[str]) -> None:
    """Refuse a mask without fields, or with one that is set once and for all."""
    if not paths:
        raise invalid("update_mask must name at least one field.", "update_mask")
    for path in paths:
        if path.split(".")[0] not in CHANGEABLE:
            raise invalid(f"Field '{path}' cannot be updated.", "update_mask")


def check_secret(secret: types.Secret, before: types.Secret | None = None) -> None:
    """Replication, topics and rotation of a secret as it shall be.

    Args:
        secret: As it shall be.
        before: As it is; None for a new secret.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    if not raw(secret.replication).WhichOneof("replication"):
        raise invalid("Secret.replication must be provided.", "secret.replication")
    topics = [topic.name for topic in secret.topics]
    if len(topics) > MOST_TOPICS or len(topics) != len(set(topics)):
        raise invalid(f"There may be at most {MOST_TOPICS} different topics.", "secret.topics")
    for topic in topics:
        if not TOPIC_NAME.fullmatch(topic):
            raise invalid(f"'{topic}' is not projects/PROJECT/topics/TOPIC.", "secret.topics")
    _check_rotation(secret, before)


def _check_rotation(secret: types.Secret, before: types.Secret | None) -> None:
    if "rotation" not in secret:
        return
    period, due = secret.rotation.rotation_period, secret.rotation.next_rotation_time
    if not secret.topics:
        raise invalid("Topics must be set while the rotation is set.", "secret.topics")
    if period and not due:
        message = "Next rotation time must be set while the rotation period is set."
        raise invalid(message, "secret.rotation.next_rotation_time")
    if period and not SHORTEST_PERIOD <= period <= LONGEST_PERIOD:
        raise invalid(
            "The rotation period must be from 3600s to 3153600000s.",
            "secret.rotation.rotation_period",
        )
    old = None if before is None else before.rotation.next_rotation_time
    if due and due != old and due < datetime.now(UTC) + SOONEST_ROTATION:
        raise invalid(
            "Next rotation time must be at least 300s in the future.",
            "secret.rotation.next_rotation_time",
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


def newest_first(version: types.SecretVersion) -> tuple[int]:
    """The key of a page of versions."""
    return (-int(version.name.rpartition("/")[2]),)
