"""Notes every API call that may change something: method, resource, and the operation it started.

Calls that only read are left out. What is noted waits until somebody takes it.
"""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import grpc

__all__ = ["CallLog"]

_READS: Final = ("Access", "BatchGet", "Get", "List", "Query", "Read", "Tail", "TestIamPermissions")
_NAMES: Final = ("name", "parent", "log_name", "resource")


class CallLog:
    """The calls of one connection that may have changed something; safe in any thread."""

    def __init__(self) -> None:
        self._calls: list[dict[str, str]] = []
        self._lock = threading.Lock()

    def note(self, method: str, resource: str, operation: str = "") -> None:
        """Note a call.

        Args:
            method: Full name of the method, as the description of its API has it.
            resource: Full name of what it is about.
            operation: Name of the operation that it started; empty where it started none.
        """
        call = {"method": method, "resource": resource}
        with self._lock:
            self._calls.append({**call, "operation": operation} if operation else call)

    def take(self) -> list[dict[str, str]]:
        """Return what was noted since the last call, in the order in which answers came."""
        with self._lock:
            calls, self._calls = self._calls, []
        return calls

    def watched(self, channel: "grpc.Channel") -> "grpc.Channel":
        """Return a channel that notes its calls here; also those that are refused."""
        import grpc

        log = self

        class Watch(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc is untyped
            def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
                call = continuation(details, request)
                service, _, name = details.method.lstrip("/").partition("/")
                if not name.startswith(_READS):
                    operation = "" if call.exception() else _operation(call.result())
                    log.note(f"{service}.{name}", _resource(request), operation)
                return call

        return grpc.intercept_channel(channel, Watch())


def _resource(request: Any) -> str:
    """Return the full name of what a request is about, by the fields that APIs name it with."""
    for name in _NAMES:
        value = getattr(request, name, "")
        if isinstance(value, str) and value:
            return value
    instance = getattr(request, "instance", "")
    if isinstance(instance, str) and instance:
        return f"projects/{request.project}/instances/{instance}"
    for part in ("service", "job", "secret", "body"):
        value = getattr(getattr(request, part, None), "name", "")
        if isinstance(value, str) and value:
            return value
    return str(getattr(request, "project", ""))


def _operation(answer: Any) -> str:
    if isinstance(answer, Mapping) or not type(answer).__name__.endswith("Operation"):
        return ""
    return str(getattr(answer, "name", ""))
