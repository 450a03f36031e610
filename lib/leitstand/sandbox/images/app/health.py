"""The listening port that Cloud Run asks of every container, for those that serve nothing else."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer

__all__ = ["Health"]


class Health:
    """Answers GET /healthz on 127.0.0.1:$PORT, from a thread of its own, until the process ends.

    Args:
        role: What the process is, for the answer.
        answers: Whether the broker answers; asked only after `ready`.

    Raises:
        OSError: The port is not free.
    """

    def __init__(self, role: str, answers: Callable[[], bool]) -> None:
        self._role = role
        self._answers = answers
        self._ready = threading.Event()
        self._server = _Server(("127.0.0.1", int(os.environ.get("PORT", "8080"))), _Handler)
        self._server.health = self
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def ready(self) -> None:
        """From now on the process does its work, as far as the broker answers."""
        self._ready.set()

    def answer(self) -> tuple[int, dict[str, str]]:
        """Status and body: 200 when the process is ready and the broker answers, else 503."""
        if not self._ready.is_set():
            status = "starting"
        else:
            status = "ok" if self._answers() else "broker_unreachable"
        body = {
            "status": status,
            "role": self._role,
            "version": os.environ.get("APP_VERSION", ""),
            "revision": os.environ.get("K_REVISION", ""),
            "instance": os.environ.get("SANDBOX_INSTANCE", ""),
        }
        return 200 if status == "ok" else 503, body


class _Server(ThreadingTCPServer):
    # Not HTTPServer, which looks up the name of its own address in the DNS.
    allow_reuse_address = True
    daemon_threads = True
    health: Health


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer /healthz, and nothing else."""
        status, body = self.server.health.answer()
        if self.path.partition("?")[0] != "/healthz":
            status, body = 404, {"status": "not found"}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Sandbox-Instance", os.environ.get("SANDBOX_INSTANCE", ""))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Probes are not worth a line."""
