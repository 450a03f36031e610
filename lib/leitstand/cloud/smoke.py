"""Asks a page of a candidate whether it works."""

from collections.abc import Container
from dataclasses import dataclass

from leitstand.cloud.connection import Connection

__all__ = ["Probe", "Smoke"]


@dataclass(frozen=True)
class Probe:
    """The answer of one page; ``status`` is 0 when there was none."""

    path: str
    status: int
    milliseconds: float
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether the page answered 200."""
        return self.status == 200


class Smoke:
    """Sends requests to a revision under its tag's address."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def probe(
        self, uri: str, path: str, *, timeout: float, attempts: int, wanted: Container[int] = (200,)
    ) -> Probe:
        """Return the answer of ``uri`` + ``path``; tries again while its status is none ``wanted``.

        ``timeout`` is in seconds and holds for each attempt; follows no redirect.
        """
        import requests
        from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

        token = self._connection.identity_token(uri)
        headers = {"Authorization": f"Bearer {token}"} if token else {}

        with requests.Session() as session:
            session.trust_env = False

            def once() -> Probe:
                try:
                    answer = session.get(
                        uri + path, headers=headers, timeout=timeout, allow_redirects=False
                    )
                except requests.RequestException as error:
                    return Probe(path, 0, 0.0, type(error).__name__)
                milliseconds = answer.elapsed.total_seconds() * 1000
                return Probe(path, answer.status_code, milliseconds)

            return Retrying(
                stop=stop_after_attempt(attempts),
                wait=wait_exponential(multiplier=0.2, max=5),
                retry=retry_if_result(lambda probe: probe.status not in wanted),
                retry_error_callback=lambda state: (
                    state.outcome.result() if state.outcome else None
                ),
            )(once)
