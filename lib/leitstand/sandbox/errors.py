"""The one place where the sandbox makes the errors of Google's APIs.

Every refusal of a resource class is an `ApiError`; the server turns it into a gRPC status whose
details carry a `google.rpc.ErrorInfo`, as the real APIs do.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

__all__ = [
    "ApiError",
    "aborted",
    "already_exists",
    "failed_precondition",
    "invalid",
    "not_found",
    "permission_denied",
    "unimplemented",
]


class ApiError(Exception):
    """A refusal, as a client of the API sees it.

    Attributes:
        code: The gRPC status code.
        message: What the client reads; never holds a secret value.
        reason: The machine-readable reason of `google.rpc.ErrorInfo`, or "".
        metadata: Further fields of `google.rpc.ErrorInfo`.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})

    def status(self) -> status_pb2.Status:
        """The error as `google.rpc.Status`, as it stands in operations and in call trailers."""
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        if self.reason:
            detail = any_pb2.Any()
            detail.Pack(
                error_details_pb2.ErrorInfo(
                    reason=self.reason, domain="googleapis.com", metadata=self.metadata
                )
            )
            status.details.append(detail)
        return status


def not_found(name: str, kind: str = "Resource") -> ApiError:
    """NOT_FOUND for the resource of that full name."""
    return ApiError(
        grpc.StatusCode.NOT_FOUND,
        f"{kind} '{name}' was not found.",
        "RESOURCE_NOT_FOUND",
        {"resource": name},
    )


def already_exists(name: str, kind: str = "Resource") -> ApiError:
    """ALREADY_EXISTS for the resource of that full name."""
    return ApiError(
        grpc.StatusCode.ALREADY_EXISTS,
        f"{kind} '{name}' already exists.",
        "RESOURCE_ALREADY_EXISTS",
        {"resource": name},
    )


def invalid(message: str, field: str = "") -> ApiError:
    """INVALID_ARGUMENT; `field` is the request's field that is wrong, where there is one."""
    metadata = {"field": field} if field else {}
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, message, "INVALID_ARGUMENT", metadata)


def failed_precondition(message: str) -> ApiError:
    """FAILED_PRECONDITION: the resource is not in a state that allows the call."""
    return ApiError(grpc.StatusCode.FAILED_PRECONDITION, message, "FAILED_PRECONDITION")


def aborted(message: str) -> ApiError:
    """ABORTED: an etag conflict, as Cloud Run answers it (HTTP 409)."""
    return ApiError(grpc.StatusCode.ABORTED, message, "ABORTED")


def permission_denied(message: str) -> ApiError:
    """PERMISSION_DENIED, as Google answers for a project that is not there or not yours."""
    return ApiError(grpc.StatusCode.PERMISSION_DENIED, message, "CONSUMER_INVALID")


def unimplemented(what: str) -> ApiError:
    """UNIMPLEMENTED: Google has it, the sandbox does not; the path of a method, or some words."""
    named = what.strip("/").replace("/", ".")
    return ApiError(
        grpc.StatusCode.UNIMPLEMENTED, f"The sandbox does not implement {named}.", "UNIMPLEMENTED"
    )
