"""The gateway as a WSGI application: pages, keys, limit and log."""

from __future__ import annotations

import hmac
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Any

from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.litellm import answers
from leitstand.sandbox.images.litellm.configuration import Configuration
from leitstand.sandbox.images.litellm.database import database_state
from leitstand.sandbox.images.litellm.rate_limit import RateLimit

__all__ = ["Gateway"]

_MODES = {"/chat/completions": "chat", "/embeddings": "embedding"}
_MOST_BYTES = 4 * 1024 * 1024
_UI = """<!doctype html>
<html lang="de"><head><meta charset="utf-8"><title>LiteLLM</title></head>
<body><h1>LiteLLM (Beispiel)</h1><p>Version {version}</p><h2>Modelle</h2><ul>{models}</ul>
</body></html>
"""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = ""


class _Refused(Exception):
    """A request is answered with an error in LiteLLM's form (class ProxyException there)."""

    def __init__(
        self, status: int, message: str, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        error = {"message": message, "type": kind, "param": None, "code": str(status)}
        self.answer = _Answer(status, {"error": error}, headers or {})


class Gateway:
    """Answers requests as the LiteLLM proxy would.

    Open are the health pages, `/healthz` for Cloud Run's probe, and the page `/ui`, before which
    stands Identity-Aware Proxy; everything else needs the master key. What is not here is 404.
    """

    def __init__(self, configuration: Configuration, version: str) -> None:
        self._configuration = configuration
        self._version = version
        quota = configuration.requests_per_minute
        self._limits = {name: RateLimit(quota) for name in configuration.models if quota}

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        began = time.monotonic()
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        try:
            answer = self._answer(method, path, environ)
        except _Refused as refused:
            answer = refused.answer
        if self._configuration.log_requests and not path.startswith("/health"):
            # Never what was asked or answered: that may be personal data.
            severity = "INFO" if answer.status < 400 else "WARNING"
            milliseconds = round((time.monotonic() - began) * 1000, 1)
            write_line(
                severity, f"{method} {path} {answer.status}", event="request", method=method,
                path=path, status=answer.status, model=answer.model, milliseconds=milliseconds,
            )  # fmt: skip
        html = isinstance(answer.body, str) and answer.body.startswith("<")
        content = answer.body if html else json.dumps(answer.body, ensure_ascii=False)
        kind = "text/html; charset=utf-8" if html else "application/json"
        data = content.encode()
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(data)),
            "X-Sandbox-Instance": os.environ.get("SANDBOX_INSTANCE", ""),
            "x-litellm-version": self._version,
            **answer.headers,
        }
        start(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(headers.items()))
        return [] if method == "HEAD" else [data]

    def _answer(self, method: str, path: str, environ: Mapping[str, Any]) -> _Answer:
        if method in ("GET", "HEAD") and (page := self._open_page(path)):
            return page
        endpoint = path.removeprefix("/v1")
        if endpoint not in ("/models", *_MODES):
            return _Answer(404, {"detail": "Not Found"})
        if method != ("GET" if endpoint == "/models" else "POST"):
            return _Answer(405, {"detail": "Method Not Allowed"})
        self._check_key(environ.get("HTTP_AUTHORIZATION", ""))
        if endpoint == "/models":
            return _Answer(200, answers.model_list(list(self._configuration.models)))
        return self._complete(endpoint, _body(environ))

    def _open_page(self, path: str) -> _Answer | None:
        if path in ("/health/liveliness", "/health/liveness", "/healthz"):
            return _Answer(200, "I'm alive!")
        if path == "/health/readiness":
            state = database_state(self._configuration.database_url)
            return _Answer(
                503 if state == "disconnected" else 200, {"status": "healthy", "db": state}
            )
        if path == "/ui":
            return _Answer(302, "", {"Location": "/ui/"})
        if path == "/ui/":
            models = "".join(f"<li>{escape(name)}</li>" for name in self._configuration.models)
            return _Answer(200, _UI.format(version=escape(self._version), models=models))
        return None

    def _check_key(self, header: str) -> None:
        if not header:
            raise _Refused(401, "Authentication Error, No api key passed in.", "auth_error")
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer":
            sentence = "Malformed API Key passed in. Ensure Key has `Bearer ` prefix."
            raise _Refused(401, f"Authentication Error, {sentence}", "auth_error")
        if not hmac.compare_digest(key.encode(), self._configuration.master_key.encode()):
            sentence = "Authentication Error, Invalid proxy server token passed"
            raise _Refused(401, sentence, "auth_error")

    def _complete(self, endpoint: str, body: dict[str, Any]) -> _Answer:
        name = body.get("model")
        model = self._configuration.models.get(name) if isinstance(name, str) else None
        if model is None or model.mode != _MODES[endpoint]:
            raise _Refused(
                400,
                f"{endpoint}: Invalid model name passed in model={name}. "
                "Call `/v1/models` to view available models for your key.",
                "invalid_request_error",
            )
        self._check_limit(model.name)
        try:
            make = answers.chat_completion if model.mode == "chat" else answers.embeddings
            return _Answer(200, make(body), model=model.name)
        except answers.Unanswerable as error:
            raise _Refused(400, str(error), "invalid_request_error") from error

    def _check_limit(self, model: str) -> None:
        if model not in self._limits:
            return
        passes, count, seconds = self._limits[model].take()
        if passes:
            return
        quota = self._configuration.requests_per_minute
        sentence = f"Model rate limit exceeded. RPM limit={quota}, current usage={count}"
        headers = {"retry-after": str(math.ceil(seconds))}
        raise _Refused(429, f"litellm.RateLimitError: {sentence}", "throttling_error", headers)


def _body(environ: Mapping[str, Any]) -> dict[str, Any]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    try:
        body = json.loads(environ["wsgi.input"].read(min(length, _MOST_BYTES)))
    except ValueError as error:
        raise _Refused(400, "Invalid JSON payload", "invalid_request_error") from error
    if not isinstance(body, dict):
        raise _Refused(400, "Invalid JSON payload", "invalid_request_error")
    return body
