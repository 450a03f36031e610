"""What Cloud Scheduler refuses, and what it fills in.

https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs
"""

from __future__ import annotations

import re
from datetime import timedelta

import grpc

from leitstand.sandbox.errors import ApiError, invalid, unimplemented
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.park import ACCOUNT, Park
from leitstand.sandbox.rest.scheduler.cron import Cron, zone_of
from leitstand.sandbox.rest.scheduler.target import target_of

__all__ = ["CLOUD_PLATFORM", "check_job", "complete_job", "duration", "schedule_of"]

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
TARGETS = ("httpTarget", "pubsubTarget", "appEngineHttpTarget")
WITH_BODY = ("POST", "PUT", "PATCH")
LONGEST_DESCRIPTION, LONGEST_URI, MOST_RETRIES = 500, 2083, 5
SHORTEST_ATTEMPT, LONGEST_ATTEMPT = timedelta(seconds=15), timedelta(minutes=30)
RETRY_DEFAULTS = {
    "maxRetryDuration": "0s",
    "minBackoffDuration": "5s",
    "maxBackoffDuration": "3600s",
    "maxDoublings": 5,
}


def check_job(park: Park, name: str, body: Body) -> None:
    """Refuse what Google refuses.

    Raises:
        ApiError: INVALID_ARGUMENT; PERMISSION_DENIED for an account that is not there;
            UNIMPLEMENTED for what Google has and the sandbox has not.
    """
    if not JOB_ID.fullmatch(name.rpartition("/")[2]):
        raise invalid(
            "Job name must be formatted: "
            '"projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".',
            "job.name",
        )
    if len(body.get("description", "")) > LONGEST_DESCRIPTION:
        raise invalid("Job.description must not be longer than 500 characters.", "job.description")
    schedule_of(body)
    _check_retries(body.get("retryConfig", {}))
    if "attemptDeadline" in body and not (
        SHORTEST_ATTEMPT <= duration(body["attemptDeadline"]) <= LONGEST_ATTEMPT
    ):
        raise invalid(
            "The attempt deadline must be in the interval [15s, 1800s].", "job.attempt_deadline"
        )
    given = [target for target in TARGETS if target in body]
    if len(given) != 1:
        raise invalid("Job must have exactly one target.", "job.target")
    if given != ["httpTarget"]:
        raise unimplemented(f"Cloud Scheduler with {given[0]}: targets are Google's APIs over HTTP")
    _check_target(body["httpTarget"])
    _check_account(park, name.split("/")[1], body["httpTarget"])


def complete_job(body: Body) -> None:
    """Fill in the defaults, in place."""
    body.setdefault("timeZone", "Etc/UTC")
    body.setdefault("attemptDeadline", "180s")
    body["retryConfig"] = {**RETRY_DEFAULTS, **body.get("retryConfig", {})}
    target = body["httpTarget"]
    if target.get("httpMethod", "HTTP_METHOD_UNSPECIFIED") == "HTTP_METHOD_UNSPECIFIED":
        target["httpMethod"] = "POST"
    headers = {"User-Agent": "Google-Cloud-Scheduler", **target.get("headers", {})}
    if target.get("body"):
        headers.setdefault("Content-Type", "application/octet-stream")
    target["headers"] = headers
    if "oauthToken" in target:
        target["oauthToken"].setdefault("scope", CLOUD_PLATFORM)


def schedule_of(body: Body) -> Cron:
    """When a job is due.

    Raises:
        ApiError: INVALID_ARGUMENT; UNIMPLEMENTED for App Engine's format ("every 24 hours").
    """
    text = str(body.get("schedule", ""))
    if re.match(r"(every|\d+(st|nd|rd|th)|first|second|third|fourth|fifth)\b", text.lower()):
        raise unimplemented("Cloud Scheduler with schedules of App Engine: five cron fields")
    try:
        zone_of(body.get("timeZone") or "UTC")
        return Cron.parse(text)
    except ValueError as error:
        raise invalid("Schedule or time zone is invalid.", "job.schedule") from error


def duration(text: str) -> timedelta:
    """A duration as JSON has it: "180s"."""
    return timedelta(seconds=float(text.removesuffix("s")))


def _check_retries(retry: Body) -> None:
    if not 0 <= retry.get("retryCount", 0) <= MOST_RETRIES:
        raise invalid("Job.retry_config.retry_count must be in [0, 5].", "job.retry_config")
    named = {key: duration(text) for key, text in retry.items() if key.endswith("Duration")}
    if any(value < timedelta(0) for value in named.values()):
        raise invalid("Durations of Job.retry_config must not be negative.", "job.retry_config")
    least = named.get("minBackoffDuration", duration(str(RETRY_DEFAULTS["minBackoffDuration"])))
    most = named.get("maxBackoffDuration", duration(str(RETRY_DEFAULTS["maxBackoffDuration"])))
    if least > most:
        raise invalid(
            "Job.retry_config.min_backoff_duration must not be longer than max_backoff_duration.",
            "job.retry_config",
        )


def _check_target(target: Body) -> None:
    uri = str(target.get("uri", ""))
    if not uri.startswith(("http://", "https://")) or len(uri) > LONGEST_URI:
        raise invalid("HttpTarget.url must begin with http:// or https://.", "job.http_target.uri")
    if target.get("body") and target.get("httpMethod", "POST") not in WITH_BODY:
        raise invalid(
            "HttpTarget.body is allowed only if the HTTP method is POST, PUT, or PATCH.",
            "job.http_target.body",
        )
    if "oauthToken" in target and "oidcToken" in target:
        raise invalid("HttpTarget must have at most one kind of token.", "job.http_target")
    if target_of(uri) is None:
        raise unimplemented(f"Cloud Scheduler calling {uri}: only Google's APIs that it serves")


def _check_account(park: Park, project: str, target: Body) -> None:
    token = target.get("oauthToken") or target.get("oidcToken")
    if token is None:
        return
    account = str(token.get("serviceAccountEmail", ""))
    if not account:
        raise invalid("Service account email must be set.", "job.http_target")
    if account == f"{park.number_of(project)}-compute@developer.gserviceaccount.com":
        return
    match = ACCOUNT.fullmatch(f"serviceAccount:{account}")
    if match is None or match["project"] != project:
        raise invalid(
            f"The service account {account} must be within the same project as the job.",
            "job.http_target",
        )
    body = park.table("iam", "projects.serviceAccounts").get(
        f"projects/{project}/serviceAccounts/{account}"
    )
    if body is None or body.get("disabled"):
        raise ApiError(
            grpc.StatusCode.PERMISSION_DENIED,
            f"Permission 'iam.serviceAccounts.actAs' denied on service account {account} "
            "(or it may not exist).",
            "IAM_PERMISSION_DENIED",
            {"permission": "iam.serviceAccounts.actAs"},
        )
