"""What a job calls: a method of one of Google's APIs that the sandbox serves."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import grpc

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest.apis import VERSIONS
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.park import Park

__all__ = ["Target", "call_target", "finished", "target_of"]

HOST = re.compile(r"(?:[a-z]+-[a-z]+\d+-)?(?P<api>[a-z]+)\.googleapis\.com")
RUN_JOB = re.compile(r"v2/(?P<job>projects/[^/]+/locations/[^/]+/jobs/[^/:]+):run")
# Roles with run.jobs.run, and those of them with run.jobs.runWithOverrides.
# https://cloud.google.com/run/docs/reference/iam/roles
WITH_OVERRIDES = (
    "roles/run.jobsExecutorWithOverrides", "roles/run.developer", "roles/run.admin",
    "roles/editor", "roles/owner",
)  # fmt: skip
RUNNERS = ("roles/run.invoker", "roles/run.jobsExecutor", *WITH_OVERRIDES)


@dataclass(frozen=True)
class Target:
    """A method of an API.

    Attributes:
        api: Its name.
        path: Below the API's root.
        query: Names and values.
    """

    api: str
    path: str
    query: tuple[tuple[str, str], ...]


def target_of(uri: str) -> Target | None:
    """What a URI of Google's APIs means here; None where the sandbox does not serve it.

    Knows the host of the API and those of its regions (`europe-west3-run.googleapis.com`).
    """
    parts = urlsplit(uri)
    host = HOST.fullmatch(parts.netloc)
    if host is None or host["api"] not in VERSIONS:
        return None
    return Target(host["api"], parts.path.lstrip("/"), tuple(parse_qsl(parts.query)))


async def call_target(park: Park, job: Body) -> Body | None:
    """Call what a job calls, as Google would with the token of its service account.

    Raises:
        ApiError: What the target answers.
    """
    http = job["httpTarget"]
    target = target_of(http["uri"])
    if target is None:
        raise ApiError(grpc.StatusCode.NOT_FOUND, f"{http['uri']} is not served.")
    if "oauthToken" not in http:
        raise ApiError(
            grpc.StatusCode.UNAUTHENTICATED,
            "Request is missing required authentication credential. Expected OAuth 2 access token, "
            "login cookie or other valid authentication credential.",
            "CREDENTIALS_MISSING",
        )
    body = base64.b64decode(http.get("body", ""))
    _check_may_run(park, target, body, http["oauthToken"]["serviceAccountEmail"])
    return await park.request(http["httpMethod"], target.api, target.path, target.query, body)


async def finished(park: Park, job: Body, answer: Body | None) -> Body | None:
    """The execution's operation when it is over, however long that takes; None without one.

    Raises:
        ApiError: It cannot be read any more.
    """
    target = target_of(job["httpTarget"]["uri"])
    if answer is None or target is None or target.api != "run":
        return None
    if not RUN_JOB.fullmatch(target.path):
        return None
    operation = answer
    while not operation.get("done"):
        path = f"v2/{operation['name']}:wait"
        operation = await park.request("POST", "run", path, (), b'{"timeout": "60s"}') or operation
    return operation


def _check_may_run(park: Park, target: Target, body: bytes, account: str) -> None:
    """Refuse an account that may not run the Cloud Run job."""
    match = RUN_JOB.fullmatch(target.path) if target.api == "run" else None
    if match is None:
        return
    job = "/".join(park.by_id(match["job"].split("/")))
    overrides = b"overrides" in body
    if account in set(_accounts(park, job, WITH_OVERRIDES if overrides else RUNNERS)):
        return
    permission = "run.jobs.runWithOverrides" if overrides else "run.jobs.run"
    raise ApiError(
        grpc.StatusCode.PERMISSION_DENIED,
        f"Permission '{permission}' denied on resource '{job}' (or resource may not exist).",
        "IAM_PERMISSION_DENIED",
        {"permission": permission, "resource": job},
    )


def _accounts(park: Park, job: str, roles: tuple[str, ...]) -> Iterator[str]:
    for place in (job, "/".join(job.split("/")[:2])):
        for role in roles:
            for member in park.policies.members(place, role):
                yield member.removeprefix("serviceAccount:")
