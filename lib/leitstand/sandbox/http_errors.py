"""The errors of Google's APIs as they stand in HTTP answers.

https://cloud.google.com/apis/design/errors: how the codes of gRPC map to HTTP.
"""

from __future__ import annotations

from typing import Any

from leitstand.sandbox.errors import ApiError

__all__ = ["as_json", "legacy_reason", "status_of"]

STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
REASON_STATUS = {"staleData": 412, "conditionNotMet": 412}
# The reasons of APIs older than gRPC, still in `errors` of every answer.
LEGACY_REASONS = {
    "INVALID_ARGUMENT": "invalid",
    "FAILED_PRECONDITION": "failedPrecondition",
    "PERMISSION_DENIED": "forbidden",
    "NOT_FOUND": "notFound",
    "ABORTED": "aborted",
    "ALREADY_EXISTS": "alreadyExists",
    "RESOURCE_EXHAUSTED": "rateLimitExceeded",
    "UNIMPLEMENTED": "notImplemented",
}


def status_of(error: ApiError) -> int:
    """The HTTP status of an error."""
    return REASON_STATUS.get(error.reason, STATUS.get(error.code.name, 500))


def legacy_reason(error: ApiError) -> str:
    """The reason as it stands in `errors`: the error's own, where that is of the old form."""
    if error.reason and not error.reason.isupper():
        return error.reason
    return LEGACY_REASONS.get(error.code.name, "backendError")


def as_json(error: ApiError) -> dict[str, Any]:
    """The body of the HTTP answer."""
    item = {"message": error.message, "domain": "global", "reason": legacy_reason(error)}
    content: dict[str, Any] = {
        "code": status_of(error),
        "message": error.message,
        "errors": [item],
        "status": error.code.name,
    }
    if error.reason.isupper():
        content["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": error.reason,
                "domain": "googleapis.com",
                "metadata": error.metadata,
            }
        ]
    return {"error": content}
