"""HTTP connections that never send a request twice.

httplib2 sends a request again, even a creation, when the connection breaks before an answer came
(RFC 9110, section 9.2.2, allows that for idempotent methods only). Here the break is reported, so
that the world can be read first.
"""

import http.client
from typing import TYPE_CHECKING, Any

import googleapiclient.discovery  # noqa: F401  # it limits what httplib2 sends again by itself
import httplib2

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

__all__ = ["authorized", "direct"]

_TIMEOUT = 60.0


class _Reporting:
    """Turns "closed without an answer" into an error that httplib2 does not retry."""

    def getresponse(self) -> Any:
        try:
            return super().getresponse()  # type: ignore[misc]  # of the connection it is mixed into
        except (http.client.BadStatusLine, http.client.ResponseNotReady) as error:
            raise ConnectionResetError(str(error) or "closed without an answer") from error


class _Plain(_Reporting, httplib2.HTTPConnectionWithTimeout):  # type: ignore[misc]  # untyped
    pass


class _Encrypted(_Reporting, httplib2.HTTPSConnectionWithTimeout):  # type: ignore[misc]  # untyped
    pass


class _Http(httplib2.Http):  # type: ignore[misc]  # untyped
    def request(self, uri: str, *args: Any, **named: Any) -> Any:
        """Send one request over a connection that reports breaks."""
        named["connection_type"] = _Encrypted if uri.startswith("https:") else _Plain
        return super().request(uri, *args, **named)


def direct(timeout: float = _TIMEOUT) -> Any:
    """Return a client without credentials and without a proxy, whatever the environment says.

    ``timeout`` is how many seconds it waits for a connection, and for more of an answer.
    """
    return _prepared(_Http(timeout=timeout, proxy_info=None))


def authorized(credentials: "Credentials", timeout: float = _TIMEOUT) -> Any:
    """Return a client that signs requests; a proxy is taken from the environment."""
    from google_auth_httplib2 import AuthorizedHttp

    return AuthorizedHttp(credentials, http=_prepared(_Http(timeout=timeout)))


def _prepared(http: _Http) -> _Http:
    # 308 means "send the rest" in Google's uploads, not a redirect.
    http.redirect_codes = http.redirect_codes - {308}
    return http
