"""A running sandbox, as its user holds it, and what can be wrong with one.

SandboxError
├── PortTaken        the port asked for belongs to another process
├── StartFailed      the supervisor ended, or was not ready in time
├── AlreadyRunning   a sandbox already runs in this directory
├── NotAnswering     its process lives but does not answer
└── Refused          it answered no, such as to an impossible fault
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leitstand.sandbox.fault_kinds import FaultKind
from leitstand.sandbox.processes import is_alive, wait_until_gone

__all__ = [
    "NO_PROXY",
    "STOP_SECONDS",
    "AlreadyRunning",
    "NotAnswering",
    "PortTaken",
    "Refused",
    "Sandbox",
    "SandboxError",
    "StartFailed",
]

ANSWER_SECONDS = 5.0
STOP_SECONDS = 15.0
NO_PROXY = "127.0.0.1,localhost"


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


class Sandbox:
    """A running sandbox.

    One that was started with a lifeline ends when this object (or its process) is gone.

    Attributes:
        directory: Where its state lies.
        pid: Process id of the supervisor.
        grpc: `127.0.0.1:PORT` of all gRPC APIs.
        public: Address of the public HTTP listener.
        rest: Address of the APIs over REST.
        project: Project id.
        location: Region.
    """

    def __init__(
        self,
        directory: Path,
        content: Mapping[str, Any],
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.directory = directory
        self.pid = int(content["pid"])
        self.grpc = str(content["grpc"])
        self.public = str(content["public"])
        self.rest = str(content["rest"])
        self.project = str(content["project"])
        self.location = str(content["location"])
        self._mark = str(content["process_start"])
        self._control = str(content["control"]).removeprefix("http://")
        self._token = str(content["token"])
        self._process = process

    def status(self) -> dict[str, Any]:
        """Addresses, services, instances, databases, request counters and faults. Read-only."""
        status: dict[str, Any] = self._ask("GET", "/status")
        return status

    def calls(self) -> list[dict[str, Any]]:
        """The newest API calls: at, method, resource, code, milliseconds. Read-only."""
        calls: list[dict[str, Any]] = self._ask("GET", "/calls")
        return calls

    def add_fault(
        self,
        method: str,
        kind: FaultKind,
        code: str = "UNAVAILABLE",
        seconds: float = 0.0,
        times: int = 1,
    ) -> None:
        """Let calls of a method fail, hang, be slow, or lose their answer (faults.py).

        Raises:
            Refused: There is no such method, kind or code.
        """
        fault = {"method": method, "kind": kind, "code": code, "seconds": seconds, "times": times}
        self._ask("POST", "/faults", fault)

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force. Read-only."""
        faults: list[dict[str, Any]] = self._ask("GET", "/faults")
        return faults

    def clear_faults(self) -> None:
        """Put all faults out of force."""
        self._ask("DELETE", "/faults")

    def environment(self) -> dict[str, str]:
        """Variables that point a Google client, or a shell, at this sandbox."""
        return {
            "LEITSTAND_SANDBOX_GRPC": self.grpc,
            "LEITSTAND_SANDBOX_PUBLIC": self.public,
            "LEITSTAND_SANDBOX_REST": self.rest,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL": f"{self.rest}/",
            "GOOGLE_CLOUD_PROJECT": self.project,
            "GOOGLE_CLOUD_REGION": self.location,
            "NO_PROXY": NO_PROXY,
            "no_proxy": NO_PROXY,
            "no_grpc_proxy": NO_PROXY,
        }

    def stop(self) -> None:
        """End the sandbox and everything it started; returns when it is gone."""
        if self._alive():
            try:
                self._ask("POST", "/stop")
            except SandboxError:
                self._signal(signal.SIGTERM)
        if not wait_until_gone(self.pid, self._mark, STOP_SECONDS):
            self._signal(signal.SIGKILL)
            wait_until_gone(self.pid, self._mark, STOP_SECONDS)
            (self.directory / "sandbox.json").unlink(missing_ok=True)
        if self._process is not None:
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()

    def answers(self) -> bool:
        """Whether it is there and is this sandbox: the token says so."""
        try:
            self._ask("GET", "/faults")
        except SandboxError:
            return False
        return True

    def _alive(self) -> bool:
        return is_alive(self.pid, self._mark)

    def _signal(self, number: signal.Signals) -> None:
        if self._alive():
            os.kill(self.pid, number)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control endpoint; never through a proxy."""
        connection = http.client.HTTPConnection(self._control, timeout=ANSWER_SECONDS)
        try:
            headers = {"X-Leitstand-Token": self._token}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            content = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotAnswering(self) from error
        finally:
            connection.close()
        if response.status != 200:
            raise Refused(str(content.get("error", response.status)))
        return content
