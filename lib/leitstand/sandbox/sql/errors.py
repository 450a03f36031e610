"""What Cloud SQL refuses, with the reasons of its REST API, and how its operations fail."""

from __future__ import annotations

import grpc

from leitstand.sandbox.errors import ApiError

__all__ = [
    "SqlFailure",
    "conflict",
    "flag_name",
    "flag_value",
    "invalid_request",
    "invalid_state",
    "missing",
    "operation_in_progress",
    "protected",
    "stale",
    "taken",
]


class SqlFailure(Exception):
    """An operation did not succeed.

    Attributes:
        code: As it stands in `error.errors[].code`.
        message: As it stands in `error.errors[].message`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid_request(message: str) -> ApiError:
    """HTTP 400, invalidRequest."""
    return ApiError(
        grpc.StatusCode.INVALID_ARGUMENT, f"Invalid request: {message}", "invalidRequest"
    )


def flag_name(name: str) -> ApiError:
    """HTTP 400: there is no such flag, or Google does not offer it."""
    return ApiError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f"Flag requested cannot be set: {name}.",
        "invalidFlagName",
    )


def flag_value(why: str) -> ApiError:
    """HTTP 400: the flag does not take this value."""
    return ApiError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f"Value requested is not valid. {why}",
        "invalidFlagValue",
    )


def invalid_state(message: str) -> ApiError:
    """HTTP 400: the instance is in no state for this."""
    return ApiError(grpc.StatusCode.FAILED_PRECONDITION, message, "invalidState")


def protected(name: str) -> ApiError:
    """Deletion protection is on."""
    return ApiError(
        grpc.StatusCode.FAILED_PRECONDITION,
        f"The instance {name} is protected. Please disable the deletion protection and try again. "
        "To disable deletion protection, update the instance settings with "
        "deletionProtectionEnabled set to false.",
        "deletionProtectionEnabled",
    )


def missing(kind: str, name: str) -> ApiError:
    """HTTP 404."""
    return ApiError(
        grpc.StatusCode.NOT_FOUND, f"The Cloud SQL {kind} {name} does not exist.", f"{kind}NotFound"
    )


def taken(kind: str, name: str) -> ApiError:
    """HTTP 409: there is one of that name."""
    return ApiError(
        grpc.StatusCode.ALREADY_EXISTS,
        f"The Cloud SQL {kind} {name} already exists.",
        f"{kind}AlreadyExists",
    )


def operation_in_progress() -> ApiError:
    """HTTP 409: one administrative operation per instance at a time."""
    return ApiError(
        grpc.StatusCode.ABORTED,
        "Operation failed because another operation was already in progress. Try your request "
        "after the current operation is complete.",
        "operationInProgress",
    )


def stale(message: str) -> ApiError:
    """HTTP 412: the settings have changed since they were read."""
    return ApiError(grpc.StatusCode.FAILED_PRECONDITION, message, "staleData")


def conflict(message: str) -> ApiError:
    """HTTP 409 for the etag of an instance."""
    return ApiError(grpc.StatusCode.ABORTED, message, "conditionNotMet")
