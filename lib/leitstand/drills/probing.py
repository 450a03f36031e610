"""Fresh requests of a drill's own: whether what was broken works again."""

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from leitstand.drills.scene import Scene

__all__ = ["Reply", "ask"]

Reply = tuple[int, float]
"""Status and seconds; status 0 is no answer."""
_SECONDS = 5.0


def ask(
    scene: "Scene",
    service: str,
    path: str,
    count: int,
    *,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[Reply]:
    """Send so many requests to a service from inside the network, one after the other.

    Args:
        scene: Where.
        service: As the environment file names it.
        path: Of the page.
        count: How many, as far as the caller goes on.
        body: To be posted as JSON; without one it is a GET.
        headers: Besides those of the body.
    """
    address = urlsplit(scene.run.service(scene.environment.service_name(service)).uri)
    content = None if body is None else json.dumps(body)
    given = {**({} if body is None else {"Content-Type": "application/json"}), **(headers or {})}
    for _ in range(count):
        connection = http.client.HTTPConnection(str(address.netloc), timeout=_SECONDS)
        begin = time.monotonic()
        try:
            connection.request("GET" if body is None else "POST", path, content, given)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            status = 0
        finally:
            connection.close()
        yield status, time.monotonic() - begin
