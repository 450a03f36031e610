"""The refusals of Cloud Storage, worded and coded as its JSON API does it.

https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

from typing import Any

from grpc import StatusCode

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.http_errors import as_json

__all__ = [
    "bad",
    "bucket_exists",
    "error_body",
    "forbidden",
    "held",
    "no_bucket",
    "no_object",
    "no_session",
    "not_empty",
    "not_modified",
    "retained",
    "unmet",
]


def bad(message: str, reason: str = "invalid") -> ApiError:
    """400: the request cannot be."""
    return ApiError(StatusCode.INVALID_ARGUMENT, message, reason)


def forbidden(message: str) -> ApiError:
    """403: it may not be done."""
    return ApiError(StatusCode.PERMISSION_DENIED, message, "forbidden")


def no_bucket() -> ApiError:
    """404: there is no such bucket."""
    return ApiError(StatusCode.NOT_FOUND, "The specified bucket does not exist.", "notFound")


def no_object(bucket: str, name: str) -> ApiError:
    """404: the bucket has no such object, or no such generation of it."""
    return ApiError(StatusCode.NOT_FOUND, f"No such object: {bucket}/{name}", "notFound")


def no_session() -> ApiError:
    """404: there is no such upload, or it has ended."""
    return ApiError(StatusCode.NOT_FOUND, "No such upload.", "notFound")


def bucket_exists() -> ApiError:
    """409: the name is taken, by the project itself."""
    return ApiError(
        StatusCode.ALREADY_EXISTS,
        "Your previous request to create the named bucket succeeded and you already own it.",
        "conflict",
    )


def not_empty() -> ApiError:
    """409: a bucket with objects cannot be deleted."""
    message = "The bucket you tried to delete is not empty."
    return ApiError(StatusCode.ABORTED, message, "conflict")


def unmet() -> ApiError:
    """412: an `if…Match` does not hold."""
    return ApiError(
        StatusCode.FAILED_PRECONDITION,
        "At least one of the pre-conditions you specified did not hold.",
        "conditionNotMet",
    )


def not_modified() -> ApiError:
    """304: an `if…NotMatch` of a read does not hold."""
    return ApiError(StatusCode.FAILED_PRECONDITION, "Not Modified", "notModified")


def retained(bucket: str, name: str, until: str) -> ApiError:
    """403: the bucket's retention policy still holds the object."""
    return ApiError(
        StatusCode.PERMISSION_DENIED,
        f"Object '{bucket}/{name}' is subject to bucket's retention policy or object retention and"
        f" cannot be deleted or overwritten until {until}",
        "retentionPolicyNotMet",
    )


def held(bucket: str, name: str, hold: str) -> ApiError:
    """403: a hold lies on the object."""
    return ApiError(
        StatusCode.PERMISSION_DENIED,
        f"Object '{bucket}/{name}' is under active {hold} hold and cannot be deleted, overwritten"
        " or archived until hold is removed.",
        "objectUnderActiveHold",
    )


def error_body(error: ApiError) -> dict[str, Any]:
    """The body of the HTTP answer; this API has no `status` in it, and no details."""
    body = as_json(error)
    for field in ("status", "details"):
        body["error"].pop(field, None)
    return body
