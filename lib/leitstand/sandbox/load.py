"""A small closed-loop load client: `python -m leitstand.sandbox.load --target URL --rate R …`.

Every worker sends a request, waits for its answer, and sends the next one at the pace all keep
together. As a child process it ends with its standard input (lifeline); a line `report` on it is
answered with the figures so far, and the last line it writes holds the final ones.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

from leitstand.sandbox.pace import Pace

__all__ = ["Load", "LoadReport", "RevisionLoad", "main"]

PATHS = ("/", "/api/documents")
_TIMEOUT = 30.0
_KEPT_LATENCIES = 50_000


@dataclass(frozen=True)
class RevisionLoad:
    """What one revision answered.

    Attributes:
        answered: All answers.
        errors: Those with status 500 or above.
    """

    answered: int
    errors: int


@dataclass(frozen=True)
class LoadReport:
    """What the client saw.

    Attributes:
        sent: Requests begun and ended, one way or the other.
        answered: Requests with a complete answer, whatever its status.
        failed: Requests without an answer: refused, reset, cut off or timed out.
        by_revision: By the X-Sandbox-Revision header; "" for answers of the platform itself.
        p95_ms: 95th percentile of the latency of answers, in milliseconds.
    """

    sent: int = 0
    answered: int = 0
    failed: int = 0
    by_revision: Mapping[str, RevisionLoad] = field(default_factory=dict)
    p95_ms: float = 0.0

    @classmethod
    def from_json(cls, text: str) -> LoadReport:
        """Read one line of the client's output."""
        document = json.loads(text)
        revisions = document.pop("by_revision")
        return cls(**document, by_revision={k: RevisionLoad(**v) for k, v in revisions.items()})


class Load:
    """The load client as a child process; ends with this process at the latest.

    Args:
        target: Address of a front door, such as the sandbox's public one.
        rate: Requests per second that are not exceeded; 0 for as many as possible.
        concurrency: Requests under way at the same time.
        host: Host that is asked for; the front door's own address when left out.
    """

    def __init__(self, target: str, rate: float, concurrency: int, host: str = "") -> None:
        self._arguments = [
            *("--target", target),
            *("--host", host),
            *("--rate", str(rate)),
            *("--concurrency", str(concurrency)),
        ]
        self._process: subprocess.Popen[str] | None = None
        self._final = LoadReport()

    def start(self) -> None:
        """Start sending."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "leitstand.sandbox.load", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def report(self) -> LoadReport:
        """The figures so far; after `stop` the final ones."""
        process = self._process
        if process is None or process.poll() is not None:
            return self._final
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("report\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self._final
        if line := process.stdout.readline():
            self._final = LoadReport.from_json(line)
        return self._final

    def stop(self) -> LoadReport:
        """Wait for the answers under way, end the process, and return the final figures."""
        process = self._process
        if process is None:
            return self._final
        try:
            output, _ = process.communicate(timeout=_TIMEOUT + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        self._process = None
        if lines := output.splitlines():
            self._final = LoadReport.from_json(lines[-1])
        return self._final

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Client:
    def __init__(self, target: str, rate: float, concurrency: int, host: str) -> None:
        self._headers = {"Host": host} if host else {}
        address = urlsplit(target)
        if address.hostname is None or address.scheme != "http":
            raise SystemExit(f"--target must be an http address, not {target!r}.")
        self._host, self._port = address.hostname, address.port or 80
        self._lock = threading.Lock()
        self._failed = 0
        self._answers: dict[str, list[int]] = {}
        self._latencies: deque[float] = deque(maxlen=_KEPT_LATENCIES)
        self._over = threading.Event()
        self._pace = Pace(rate, self._over)
        self._workers = [
            threading.Thread(target=self._work, daemon=True) for _ in range(concurrency)
        ]

    def start(self) -> None:
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        self._over.set()
        deadline = time.monotonic() + _TIMEOUT
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def report(self) -> LoadReport:
        with self._lock:
            revisions = {name: RevisionLoad(*counts) for name, counts in self._answers.items()}
            latencies = sorted(self._latencies)
            failed = self._failed
        answered = sum(load.answered for load in revisions.values())
        p95 = latencies[max(0, -(-len(latencies) * 95 // 100) - 1)] if latencies else 0.0
        return LoadReport(answered + failed, answered, failed, revisions, round(p95, 3))

    def _work(self) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        while (turn := self._pace.turn()) is not None:
            began = time.monotonic()
            try:
                connection.request("GET", PATHS[turn % len(PATHS)], headers=self._headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                with self._lock:
                    self._failed += 1
                continue
            revision = answer.headers.get("X-Sandbox-Revision", "")
            with self._lock:
                counts = self._answers.setdefault(revision, [0, 0])
                counts[0] += 1
                counts[1] += answer.status >= 500
                self._latencies.append((time.monotonic() - began) * 1000)
        connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Send requests until standard input or the time is over, then write the report."""
    parser = argparse.ArgumentParser(prog="python -m leitstand.sandbox.load")
    parser.add_argument("--target", required=True, help="http address of a front door")
    parser.add_argument("--host", default="", help="host that is asked for")
    parser.add_argument("--rate", type=float, default=50.0, help="requests per second; 0: no limit")
    parser.add_argument("--concurrency", type=int, default=4, help="requests at the same time")
    parser.add_argument("--seconds", type=float, help="how long; default: until input ends")
    options = parser.parse_args(arguments)
    client = _Client(options.target, options.rate, max(1, options.concurrency), options.host)
    over = threading.Event()
    threading.Thread(target=_follow_input, args=(client, over), daemon=True).start()
    client.start()
    with contextlib.suppress(KeyboardInterrupt):
        over.wait(options.seconds)
    client.stop()
    _write(client.report())
    return 0


def _follow_input(client: _Client, over: threading.Event) -> None:
    for line in sys.stdin:
        if line.strip() == "report":
            _write(client.report())
    over.set()


def _write(report: LoadReport) -> None:
    sys.stdout.write(json.dumps(asdict(report)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
