"""A running sandbox, as its user holds it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from leitstand.sandbox.fault_kinds import FaultKind
from leitstand.sandbox.handle_errors import (
    AlreadyRunning,
    MoveBroken,
    NotAnswering,
    PortTaken,
    Refused,
    SandboxError,
    StartFailed,
    StillMoving,
)
from leitstand.sandbox.processes import is_alive, wait_until_gone

__all__ = [
    "NO_PROXY",
    "STOP_SECONDS",
    "AlreadyRunning",
    "MoveBroken",
    "NotAnswering",
    "PortTaken",
    "Refused",
    "Sandbox",
    "SandboxError",
    "StartFailed",
    "StillMoving",
]

ANSWER_SECONDS = 5.0
STOP_SECONDS = 15.0
CLOCK_SECONDS = 0.1
NO_PROXY = "127.0.0.1,localhost"


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

    def clear_faults(self, method: str = "") -> None:
        """Put all faults out of force, or those of a method, named as when they were added."""
        self._ask("DELETE", "/faults", {"method": method} if method else None)

    def clock(self) -> dict[str, Any]:
        """Cloud Scheduler's clock: `now`, `ahead_seconds`, and what its newest move has done.

        `moving_until` is None where it is not under way; `broken` says why the newest move has not
        arrived, or is empty. `fired` counts attempts by the full name of the job, `failed` those
        that were refused or whose execution failed. Read-only.
        """
        clock: dict[str, Any] = self._ask("GET", "/clock")
        return clock

    def advance(
        self,
        seconds: float,
        timeout: float = 600.0,
        progress: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> dict[str, Any]:
        """Move Cloud Scheduler's clock ahead, and return its report when it has arrived.

        Passes through every due time in order and really starts what is due, one after the other.

        Args:
            seconds: How far; at most 366 days.
            timeout: Real seconds until it must have arrived.
            progress: Given the report again and again.

        Raises:
            Refused: So far it cannot go, or it is moved already.
            StillMoving: It has not arrived in time.
            MoveBroken: It has stopped on its way.
        """
        deadline = time.monotonic() + timeout
        report: dict[str, Any] = self._ask("POST", "/clock", {"seconds": seconds})
        while report["moving_until"] is not None:
            if time.monotonic() > deadline:
                raise StillMoving(report)
            time.sleep(CLOCK_SECONDS)
            report = self.clock()
            progress(report)
        if report["broken"]:
            raise MoveBroken(report)
        return report

    def start_visits(self, **orders: Any) -> dict[str, Any]:
        """Let visitors come until `stop_visits`, or the sandbox's end (visitors.py).

        `orders` are the fields of `visitors.Orders` but `target`; the key is not kept anywhere.

        Raises:
            Refused: There are visitors already, or the orders cannot be carried out.
        """
        report: dict[str, Any] = self._ask("POST", "/visits", orders)
        return report

    def visits(self) -> dict[str, Any]:
        """The figures of the visitors so far (visitors.py), and whether they come. Read-only."""
        report: dict[str, Any] = self._ask("GET", "/visits")
        return report

    def stop_visits(self) -> dict[str, Any]:
        """Let no more visitors come, and return the last figures; again it changes nothing."""
        report: dict[str, Any] = self._ask("DELETE", "/visits")
        return report

    def age_certificate(self, name: str, seconds: float) -> dict[str, Any]:
        """Let the time pass for a managed certificate until it has so many seconds left.

        It is renewed at once where DNS leads its domains to the load balancer; the certificate as
        it is then is returned.

        Raises:
            Refused: There is no such certificate, or it was never issued.
        """
        body = {"name": name, "seconds": seconds}
        aged: dict[str, Any] = self._ask("POST", "/certificates", body)
        return aged

    def set_times(self, times: Mapping[str, str]) -> None:
        """Let revisions and versions of secrets have been made at other times (times.py).

        Args:
            times: ISO 8601 with a time zone, by full name; what is not there is passed over.

        Raises:
            Refused: One is no such time.
        """
        if times:
            self._ask("POST", "/times", dict(times))

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
