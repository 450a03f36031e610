"""The refusals that all kinds have in common, as Compute Engine and as other APIs word them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grpc import StatusCode

from leitstand.sandbox.errors import ApiError, aborted, already_exists, invalid, not_found

if TYPE_CHECKING:
    from leitstand.sandbox.rest.collection import Collection

__all__ = ["busy", "fixed", "missing", "stale", "taken"]


def missing(kind: Collection, name: str) -> ApiError:
    """There is no such resource."""
    own = ApiError(StatusCode.NOT_FOUND, f"The resource '{name}' was not found", "notFound")
    return _worded(kind, own, not_found(name))


def taken(kind: Collection, name: str) -> ApiError:
    """There is one of that name already."""
    message = f"The resource '{name}' already exists"
    own = ApiError(StatusCode.ALREADY_EXISTS, message, "alreadyExists")
    return _worded(kind, own, already_exists(name))


def busy(kind: Collection, name: str) -> ApiError:
    """An operation on it is under way."""
    message = f"The resource '{name}' is not ready"
    own = ApiError(StatusCode.INVALID_ARGUMENT, message, "resourceNotReady")
    text = f"unable to queue the operation: another one on {name} is in progress"
    return _worded(kind, own, aborted(text))


def stale(kind: Collection, name: str) -> ApiError:
    """The change is based on a version that is not the newest."""
    if kind.by_header:
        message = "Precondition check failed."
        return ApiError(StatusCode.FAILED_PRECONDITION, message, "conditionNotMet")
    message = f"Invalid {kind.versioned}: the resource '{name}' was changed meanwhile."
    own = ApiError(StatusCode.FAILED_PRECONDITION, message, "conditionNotMet")
    text = f"The {kind.versioned} provided does not match the current one of {name}."
    return _worded(kind, own, aborted(text))


def fixed(kind: Collection, field: str) -> ApiError:
    """The field of an existing resource cannot be changed."""
    message = f"Invalid value for field 'resource.{field}': it cannot be changed."
    own = ApiError(StatusCode.INVALID_ARGUMENT, message, "invalid")
    return _worded(
        kind, own, invalid(f"Field '{field}' is immutable and cannot be changed.", field)
    )


def _worded(kind: Collection, compute: ApiError, other: ApiError) -> ApiError:
    return compute if kind.operations == "compute" else other
