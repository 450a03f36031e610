"""A first look at an environment on Google Cloud: everything is asked at once, nothing is changed.

What has not answered at the deadline is left to its threads, which end with the process.
"""

import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from leitstand.cloud.credentials import credentials_here, sign_in
from leitstand.cloud.quick import Transport, Wire, connect_to
from leitstand.core.doctor.answers import Answer, Answers, SignIn, Unreached
from leitstand.core.doctor.needs import permissions_of
from leitstand.core.doctor.places import (
    KEEPING,
    LOCKING,
    endpoint_of_database,
    endpoint_of_redis,
)
from leitstand.core.doctor.target import Target

__all__ = ["Pulse"]

_LATE = Unreached("keine Antwort in der Zeit")
_CONNECT = 0.5
"""Seconds within which a private address answers from a machine that has a way to it."""

Reached = Mapping[str, tuple[tuple[str, int] | None, Unreached | None]]


class Pulse:
    """Signs in and asks, from the moment it is made.

    Args:
        target: What is asked about.
        until: Monotonic time at which answers are no longer waited for, seconds.
    """

    def __init__(self, target: Target, until: float) -> None:
        self._target = target
        self._until = until
        self._wire = Wire()
        self._transport = Transport(self._wire, max(0.1, until - time.monotonic()))
        self._who = SignIn(problem="slow")
        self._headers: Mapping[str, str] = {}
        self._answers: dict[str, Answer | Unreached] = {}
        self._reached: dict[str, tuple[tuple[str, int] | None, Unreached | None]] = {}
        self._asked = _questions(target)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until everything has answered, or the deadline has come."""
        self._thread.join(max(0.0, self._until - time.monotonic()))

    @property
    def who(self) -> SignIn:
        """Who signed in, as far as it is known."""
        return self._who

    @property
    def answers(self) -> Answers:
        """What came back, by name: ``project``, ``apis``, ``database``, ``redis``, ``account``,
        ``bucket NAME`` and ``secret NAME``; empty where nobody could sign in.
        """  # fmt: skip
        if not self._headers:
            return {}
        found = dict(self._answers)
        return {name: found.get(name, _LATE) for name in self._asked}

    @property
    def reached(self) -> Reached:
        """Addresses of ``database`` and ``redis`` that became known, and why they do not answer."""
        return dict(self._reached)

    @property
    def times(self) -> list[Answer | Unreached]:
        """Everything that may tell the time."""
        return [*self._transport.answers, *dict(self._answers).values()]

    def _run(self) -> None:
        who, credentials = credentials_here()
        if credentials is None:
            self._who = who
            return
        self._who = SignIn(who.kind, problem="unreached", detail=_LATE.reason)
        signed = sign_in(who, credentials, self._transport)
        self._headers, self._who = signed.headers, signed.who
        if not signed.headers:
            return
        threads = [
            threading.Thread(target=self._ask, args=(name, signed.headers), daemon=True)
            for name in self._asked
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, self._until - time.monotonic()))

    def _ask(self, name: str, headers: Mapping[str, str]) -> None:
        url, body = self._asked[name]
        left = max(0.1, self._until - time.monotonic())
        answer = self._wire.ask(url, left, headers=headers, body=body)
        if isinstance(answer, Answer) and answer.good and name in _ENDPOINTS:
            self._connect(name, answer)
        self._answers[name] = answer

    def _connect(self, name: str, answer: Answer) -> None:
        endpoint = _ENDPOINTS[name](self._target, answer.body)
        # Until it is known better, so that a deadline in between says so too.
        self._reached[name] = (endpoint, _LATE)
        left = min(_CONNECT, max(0.1, self._until - time.monotonic()))
        if endpoint is not None:
            self._reached[name] = (endpoint, connect_to(endpoint, left))


_ENDPOINTS: Mapping[str, Callable[[Target, Mapping[str, object]], tuple[str, int] | None]] = {
    "database": endpoint_of_database,
    "redis": lambda _, body: endpoint_of_redis(body),
}


def _questions(target: Target) -> dict[str, tuple[str, Mapping[str, object] | None]]:
    """Return address and body of every question, by its name."""
    project = f"projects/{target.project}"
    asked: dict[str, tuple[str, Mapping[str, object] | None]] = {
        "project": (
            _url("cloudresourcemanager", f"v3/{project}:testIamPermissions"),
            {"permissions": list(permissions_of())},
        )
    }
    if target.apis:
        names = [("names", f"{project}/services/{api}") for api in target.apis[:_MOST_APIS]]
        asked["apis"] = (_url("serviceusage", f"v1/{project}/services:batchGet", names), None)
    if target.instance:
        asked["database"] = (_url("sqladmin", f"v1/{project}/instances/{target.instance}"), None)
    if target.redis:
        path = f"v1/{project}/locations/{target.region}/instances/{target.redis}"
        asked["redis"] = (_url("redis", path), None)
    if target.account:
        path = f"v1/{project}/serviceAccounts/{target.account}:testIamPermissions"
        asked["account"] = (_url("iam", path), {"permissions": ["iam.serviceAccounts.actAs"]})
    for secret in target.secrets:
        url = _url("secretmanager", f"v1/{project}/secrets/{secret}:testIamPermissions")
        asked[f"secret {secret}"] = (url, {"permissions": ["secretmanager.versions.access"]})
    for bucket in target.buckets:
        wanted = [("permissions", one) for one in dict.fromkeys((*KEEPING, *LOCKING))]
        url = _url("storage", f"storage/v1/b/{bucket}/iam/testPermissions", wanted)
        asked[f"bucket {bucket}"] = (url, None)
    return asked


_MOST_APIS = 30
"""As many one request may name:
https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet"""


def _url(api: str, path: str, query: list[tuple[str, str]] | None = None) -> str:
    return f"https://{api}.googleapis.com/{path}" + (f"?{urlencode(query)}" if query else "")
