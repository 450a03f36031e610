"""Faults put into API methods on purpose: fail, lost, slow, hang, disk_full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, get_args

import grpc

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.fault_kinds import FaultKind

__all__ = ["BadFault", "Fault", "Faults", "striking"]

# Methods behind which something is written that can find the disk full.
WRITERS = ("/google.cloud.sql.v1.SqlInstancesService/Clone",)

_striking: ContextVar[str] = ContextVar("striking", default="")


def striking() -> str:
    """The kind of the fault that strikes the call being handled, or ""."""
    return _striking.get()


class BadFault(ValueError):
    """A fault that cannot be: an unknown kind, code or method, or a negative number."""


@dataclass
class Fault:
    """One fault.

    Attributes:
        method: A full method path, its end (`Services/UpdateService`, `UpdateService`), or `*`.
        kind: `fail` answers the error at once; `lost` does the work, then answers the error, so the
            client cannot know; `slow` answers after `seconds`; `hang` never answers; with
            `disk_full` the operation that the call begins finds no space.
        code: Name of the gRPC status code of `fail` and `lost`.
        seconds: The delay of `slow`.
        times: How many calls it still strikes; 0 means until it is cleared.
        struck: How many calls it has struck.
    """

    method: str
    kind: FaultKind
    code: str = "UNAVAILABLE"
    seconds: float = 0.0
    times: int = 1
    struck: int = 0

    def matches(self, path: str) -> bool:
        """Whether the method of that full path is meant."""
        wanted = self.method.strip("/")
        return wanted == "*" or ("/" + path.strip("/").replace(".", "/")).endswith(
            "/" + wanted.replace(".", "/")
        )

    def spent(self) -> bool:
        """Whether it will strike no more."""
        return self.times > 0 and self.struck >= self.times

    def error(self) -> ApiError:
        """What `fail` and `lost` answer."""
        return ApiError(
            grpc.StatusCode[self.code], "The sandbox was told to fail here.", "SANDBOX_FAULT"
        )


class Faults:
    """The faults in force; the oldest that matches strikes first.

    Args:
        paths: The methods that can be struck; none at all means any.
        late: Each gives the paths of further ones, and is asked only for a fault that matches none.
    """

    def __init__(self, paths: tuple[str, ...] = (), *late: Callable[[], tuple[str, ...]]) -> None:
        self._paths = paths
        self._late = late
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put one in force.

        Raises:
            BadFault: Where it makes no sense, or no method of the sandbox matches it.
        """
        if fault.kind not in get_args(FaultKind):
            raise BadFault(f"'{fault.kind}' is no kind of fault: {', '.join(get_args(FaultKind))}.")
        if fault.code not in grpc.StatusCode.__members__ or fault.code == "OK":
            raise BadFault(f"'{fault.code}' is no gRPC status code.")
        if fault.seconds < 0 or fault.times < 0:
            raise BadFault("seconds and times must not be negative.")
        if not self._known(fault):
            raise BadFault(f"No method of the sandbox matches '{fault.method}'.")
        if fault.kind == "disk_full" and not any(fault.matches(path) for path in WRITERS):
            raise BadFault(f"disk_full strikes {', '.join(WRITERS)} only.")
        self._faults.append(fault)

    def list(self) -> tuple[Fault, ...]:
        """Those still in force."""
        return tuple(self._faults)

    def clear(self, method: str = "") -> None:
        """Put out of force all, or those of a method as they named it; what hangs goes on so."""
        self._faults = [fault for fault in self._faults if method and fault.method != method]

    async def call(self, path: str, handler: Callable[[Any], Awaitable[Any]], request: Any) -> Any:
        """Call the handler of that method, struck by at most one fault.

        Raises:
            ApiError: The fault's, or the handler's own.
        """
        fault = next((fault for fault in self._faults if fault.matches(path)), None)
        if fault is None:
            return await handler(request)
        fault.struck += 1
        if fault.spent():
            self._faults.remove(fault)
        if fault.kind == "fail":
            raise fault.error()
        if fault.kind == "hang":
            await asyncio.Event().wait()
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        _striking.set(fault.kind)
        answer = await handler(request)
        if fault.kind == "lost":
            raise fault.error()
        return answer

    def _known(self, fault: Fault) -> bool:
        """Whether it matches a method; those loaded late are loaded for that."""
        if not self._paths or any(fault.matches(path) for path in self._paths):
            return True
        return any(fault.matches(path) for late in self._late for path in late())

    def as_json(self) -> tuple[Mapping[str, Any], ...]:
        """Those still in force, as the control endpoint shows them."""
        return tuple(vars(fault) for fault in self._faults)
