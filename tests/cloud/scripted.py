"""A server on loopback whose answers a test writes beforehand."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment


@dataclass
class Scripted:
    """Answers in their order; the last one again and again.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        answers: Status and JSON of each; the status 0 closes the connection without an answer.
        requests: Method, path and JSON of what was asked.
        versions: The header If-Match of each; None where it was not sent.
    """

    address: str
    answers: list[tuple[int, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    versions: list[str | None] = field(default_factory=list)

    @property
    def connection(self) -> Connection:
        return Connection(load_environment("sandbox"), "127.0.0.1:1", self.address)

    @property
    def asked(self) -> list[str]:
        """Methods in their order."""
        return [method for method, _, _ in self.requests]


@contextmanager
def scripted(*answers: tuple[int, Any]) -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            script.requests.append((self.command, self.path, body))
            script.versions.append(self.headers.get("If-Match"))
            status, content = script.answers[0]
            if len(script.answers) > 1:
                del script.answers[0]
            if not status:
                self.close_connection = True
                return
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script = Scripted(f"http://127.0.0.1:{server.server_port}", list(answers))
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
