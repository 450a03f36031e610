"""Asks Google's REST APIs single questions, without the clients, which take a second to import.

Only `leitstand doctor` asks like this: what it asks reads only, and nothing is tried again.
A proxy is taken from the environment, and the trusted certificates are those of all REST calls
(`httplib2`): certifi's, or the file that ``HTTPLIB2_CA_CERTS`` names.
"""

import errno
import http.client
import json
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from leitstand.core.doctor.answers import Answer, Unreached

__all__ = ["Transport", "Wire", "connect_to", "reason_of"]

_REASONS: Mapping[type[BaseException], str] = {
    TimeoutError: "keine Antwort in der Zeit",
    socket.gaierror: "der Name ist nicht auflösbar",
    ssl.SSLCertVerificationError: "dem Zertifikat ist nicht zu trauen",
    ConnectionRefusedError: "die Verbindung wird abgelehnt",
    ConnectionResetError: "die Verbindung bricht ab",
    http.client.RemoteDisconnected: "die Verbindung bricht ab",
}
_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}


class Wire:
    """Sends single requests; may be used by several threads at once."""

    def __init__(self) -> None:
        import certifi

        trusted = ssl.create_default_context(
            cafile=os.environ.get("HTTPLIB2_CA_CERTS") or certifi.where()
        )
        https = urllib.request.HTTPSHandler(context=trusted)
        self._opener = urllib.request.build_opener(https, _Stay)

    def ask(
        self,
        url: str,
        timeout: float,
        *,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
    ) -> Answer | Unreached:
        """Return the answer of a REST API to one request.

        Args:
            url: Where to.
            timeout: Seconds to wait for a connection, and for more of the answer.
            headers: Those that sign the request in.
            body: Sent as JSON with POST; a GET without one.
        """
        content = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        method = "GET" if body is None else "POST"
        begin = time.monotonic()
        try:
            status, given, text = self.send(url, method, content, sent, timeout)
        except (OSError, http.client.HTTPException) as error:
            return Unreached(reason_of(error))
        seconds = time.monotonic() - begin
        return Answer(status, _object(text), _skew(given.get("date"), seconds), seconds)

    def send(
        self,
        url: str,
        method: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers in lower case and content of an answer, whatever it is.

        Raises:
            OSError: there was none.
            HTTPException: it was none of HTTP.
        """
        request = urllib.request.Request(url, body, dict(headers), method=method)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return answer.status, _lower(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _lower(error.headers), error.read()


def connect_to(endpoint: tuple[str, int], timeout: float) -> Unreached | None:
    """Return why a TCP connection cannot be made; None where it can, and it is closed again."""
    try:
        with socket.create_connection(endpoint, timeout):
            return None
    except OSError as error:
        return Unreached(reason_of(error))


def reason_of(error: BaseException) -> str:
    """Return why there was no answer, as German words without an end."""
    inner = getattr(error, "reason", None)
    if isinstance(error, urllib.error.URLError) and isinstance(inner, BaseException):
        return reason_of(inner)
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return reason
    if isinstance(error, OSError) and error.errno in _NO_WAY:
        return "kein Weg dorthin"
    return "keine Verbindung"


class Transport:
    """Carries the requests with which Google's library renews credentials.

    Args:
        wire: Sends them.
        timeout: Seconds to wait for a connection, and for more of an answer.

    Attributes:
        answers: What came back, for its times; without contents.
    """

    def __init__(self, wire: Wire, timeout: float) -> None:
        self._wire = wire
        self._timeout = timeout
        self.answers: list[Answer] = []

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> Any:
        """Send one request, in the form of ``google.auth.transport.Request``."""
        from google.auth.exceptions import TransportError

        content = body.encode() if isinstance(body, str) else body
        begin = time.monotonic()
        try:
            wait = min(timeout or self._timeout, self._timeout)
            status, given, text = self._wire.send(url, method, content, headers or {}, wait)
        except (OSError, http.client.HTTPException) as error:
            raise TransportError(reason_of(error)) from error
        seconds = time.monotonic() - begin
        self.answers.append(Answer(status, {}, _skew(given.get("date"), seconds), seconds))
        return _Response(status, given, text)


class _Response:
    """An answer in the form of ``google.auth.transport.Response``."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect: it would carry the token elsewhere."""


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _object(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _skew(date: str | None, seconds: float) -> float | None:
    """Return by how much the local clock is ahead of an answer's ``Date``.

    It counts whole seconds (RFC 9110, section 6.6.1) and was written while the answer was awaited.
    """
    try:
        told = parsedate_to_datetime(date or "").astimezone(UTC)
    except ValueError:
        return None
    return (datetime.now(UTC) - told).total_seconds() - 0.5 - seconds / 2
