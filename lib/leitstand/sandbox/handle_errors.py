"""What can be wrong with a sandbox.

SandboxError
├── PortTaken        the port asked for belongs to another process
├── StartFailed      the supervisor ended, or was not ready in time
├── AlreadyRunning   a sandbox already runs in this directory
├── NotAnswering     its process lives but does not answer
├── StillMoving      its clock has not arrived in time
├── MoveBroken       its clock has stopped on its way
└── Refused          it answered no, such as to an impossible fault
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leitstand.sandbox.handle import Sandbox

__all__ = [
    "AlreadyRunning",
    "MoveBroken",
    "NotAnswering",
    "PortTaken",
    "Refused",
    "SandboxError",
    "StartFailed",
    "StillMoving",
]


class SandboxError(Exception):
    """Something is wrong with the sandbox; the sub class names the cause."""


class PortTaken(SandboxError):
    """The port asked for belongs to another process.

    Attributes:
        port: The port.
    """

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} is taken by another process.")
        self.port = port


class StartFailed(SandboxError):
    """The supervisor ended at its start, or was not ready in time.

    Attributes:
        log_tail: The last lines of its log.
    """

    def __init__(self, cause: str, log_tail: str) -> None:
        super().__init__(f"The sandbox did not start: {cause}\n{log_tail}".rstrip())
        self.log_tail = log_tail


class AlreadyRunning(SandboxError):
    """A sandbox already runs in this directory.

    Attributes:
        sandbox: That sandbox, or None where it is not ready yet.
    """

    def __init__(self, directory: Path, sandbox: Sandbox | None) -> None:
        super().__init__(f"A sandbox already runs in {directory}.")
        self.sandbox = sandbox


class NotAnswering(SandboxError):
    """The supervisor's process lives, but does not answer.

    Attributes:
        sandbox: It; `stop()` ends it by force.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(f"The sandbox (process {sandbox.pid}) does not answer.")
        self.sandbox = sandbox


class Refused(SandboxError):
    """The sandbox answered no; the message says why."""


class StillMoving(SandboxError):
    """The clock has not arrived in time; it is moved on all the same.

    Attributes:
        report: What it has done so far, as of `Sandbox.clock`.
    """

    def __init__(self, report: Mapping[str, Any]) -> None:
        super().__init__(f"The clock is on its way to {report['moving_until']}: {report['now']}.")
        self.report = report


class MoveBroken(SandboxError):
    """The clock has stopped on its way: what was due later has not run.

    Attributes:
        report: What it has done so far, as of `Sandbox.clock`; `broken` says why.
    """

    def __init__(self, report: Mapping[str, Any]) -> None:
        super().__init__(f"The clock has stopped at {report['now']}: {report['broken']}")
        self.report = report
