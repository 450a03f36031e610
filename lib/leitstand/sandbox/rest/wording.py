"""The refusals that all kinds have in common, as Compute Engine and as other APIs word them."""

from __future__ import annotations

import grpc

from leitstand.sandbox.errors import ApiError, aborted, already_exists, invalid, not_found
from leitstand.sandbox.rest.collection import Collection

__all__ = ["busy", "fixed", "missing", "stale", "taken"]


def missing(kind: Collection, name: str) -> ApiError:
    """There is no such resource."""
    if kind.operations == "compute":
        code = grpc.StatusCode.NOT_FOUND
        return ApiError(code, f"The resource '{name}' was not found", "notFound")
    return not_found(name)


def taken(kind: Collection, name: str) -> ApiError:
    """There is one of that name already."""
    if kind.operations == "compute":
        code = grpc.StatusCode.ALREADY_EXISTS
        return ApiError(code, f"The resource '{name}' already exists", "alreadyExists")
    return already_exists(name)


def busy(kind: Collection, name: str) -> ApiError:
    """An operation on it is under way."""
    if kind.operations == "compute":
        return ApiError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"The resource '{name}' is not ready",
            "resourceNotReady",
        )
    return aborted(f"unable to queue the operation: another one on {name} is in progress")


def stale(kind: Collection, name: str) -> ApiError:
    """The change is based on a version that is not the newest."""
    if kind.operations == "compute":
        return ApiError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"Invalid {kind.versioned}: the resource '{name}' was changed meanwhile.",
            "conditionNotMet",
        )
    return aborted(f"The {kind.versioned} provided does not match the current one of {name}.")


def fixed(kind: Collection, field: str) -> ApiError:
    """The field of an existing resource cannot be changed."""
    if kind.operations == "compute":
        message = f"Invalid value for field 'resource.{field}': it cannot be changed."
        return ApiError(grpc.StatusCode.INVALID_ARGUMENT, message, "invalid")
    return invalid(f"Field '{field}' is immutable and cannot be changed.", field)
