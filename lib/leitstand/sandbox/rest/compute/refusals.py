"""The refusals of the Compute Engine API, in its words.

The reasons are those of its error list; HTTP status 400 where none is named.
"""

from __future__ import annotations

import grpc

from leitstand.sandbox.errors import ApiError

__all__ = ["in_use", "invalid_value", "missing", "required"]


def invalid_value(field: str, value: object, why: str) -> ApiError:
    """`invalid`: a field of the resource has a value that does not do."""
    message = f"Invalid value for field 'resource.{field}': '{value}'. {why}"
    return ApiError(
        grpc.StatusCode.INVALID_ARGUMENT, message, "invalid", {"field": f"resource.{field}"}
    )


def required(field: str) -> ApiError:
    """`required`: a field that must be there is not."""
    message = f"Required field 'resource.{field}' not specified"
    return ApiError(
        grpc.StatusCode.INVALID_ARGUMENT, message, "required", {"field": f"resource.{field}"}
    )


def missing(field: str, value: object, noun: str) -> ApiError:
    """`invalid`: a field names a resource that does not exist."""
    return invalid_value(field, value, f"The referenced {noun} resource cannot be found.")


def in_use(noun: str, name: str, user: str) -> ApiError:
    """`resourceInUseByAnotherResource`: it cannot be deleted while another one names it."""
    message = f"The {noun} resource '{name}' is already being used by '{user}'"
    reason = "resourceInUseByAnotherResource"
    return ApiError(grpc.StatusCode.FAILED_PRECONDITION, message, reason)
