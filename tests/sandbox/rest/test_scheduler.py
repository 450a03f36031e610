"""Cloud Scheduler: jobs as its clients make, change and run them."""

import base64
import time
from datetime import UTC, datetime, timedelta

import pytest

from leitstand.sandbox.rest.iam import ServiceAccounts
from leitstand.sandbox.rest.pubsub import Topics
from leitstand.sandbox.rest.scheduler.jobs import Jobs
from leitstand.sandbox.rest.serviceusage import Services, begin_disabled
from tests.sandbox.rest.parked import PROJECT, REGION, parked, refusal

JOBS = f"cloudscheduler/v1/{REGION}/jobs"
ACCOUNT = f"scheduler@{PROJECT}.iam.gserviceaccount.com"
TOPIC = f"projects/{PROJECT}/topics/ticks"
TARGET = {
    "uri": f"https://pubsub.googleapis.com/v1/{TOPIC}:publish",
    "body": base64.b64encode(b'{"messages": [{"data": "aGFsbG8="}]}').decode(),
    "oauthToken": {"serviceAccountEmail": ACCOUNT},
}
KINDS = (Jobs, Topics, ServiceAccounts, Services)


def prepared(one):
    """With an account, and a topic that jobs publish to."""
    account = {"accountId": "scheduler"}
    one.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", account)
    one.call("PUT", f"pubsub/v1/{TOPIC}", {})
    return one


@pytest.fixture
def park(tmp_path):
    with parked(tmp_path, *KINDS) as one:
        yield prepared(one)


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """One in which nothing is ever made."""
    with parked(tmp_path_factory.mktemp("still"), *KINDS) as one:
        yield prepared(one)


def job(name="weekly", **fields):
    body = {
        "name": f"{REGION}/jobs/{name}",
        "schedule": "0 3 * * 0",
        "timeZone": "Europe/Berlin",
        "httpTarget": TARGET,
        **fields,
    }
    return {key: value for key, value in body.items() if value is not None}


def made(park, **fields):
    return park.call("POST", JOBS, job(**fields))


def moved(park, days):
    """The report of the clock after it was moved."""
    jobs = park.kinds[Jobs]

    async def move():
        jobs.move(timedelta(days=days))

    park._loop.run(move())
    end = time.monotonic() + 10
    while (report := jobs.report())["moving_until"] is not None:
        assert time.monotonic() < end
        time.sleep(0.002)
    return report


def test_a_new_job_is_enabled_and_says_when_it_is_due(park):
    body = made(park)
    due = datetime.fromisoformat(body["scheduleTime"])
    assert (body["name"], body["state"]) == (f"{REGION}/jobs/weekly", "ENABLED")
    assert timedelta(0) < due - datetime.now(UTC) <= timedelta(days=7)
    assert body["httpTarget"]["httpMethod"] == "POST"
    assert body["attemptDeadline"] == "180s"
    assert body["retryConfig"]["maxDoublings"] == 5
    assert "lastAttemptTime" not in body
    assert park.call("GET", f"{JOBS}/weekly") == body
    assert park.call("GET", JOBS)["jobs"] == [body]


def test_a_job_without_a_name_gets_one_and_utc(park):
    body = park.call("POST", JOBS, job(timeZone=None) | {"name": ""})
    assert body["name"].startswith(f"{REGION}/jobs/")
    assert body["timeZone"] == "Etc/UTC"


def test_a_name_is_taken_once(park):
    made(park)
    assert refusal(made, park)[0] == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"schedule": "61 * * * *"}, "INVALID_ARGUMENT", "Schedule or time zone is invalid."),
        ({"schedule": "0 0 30 2 *"}, "INVALID_ARGUMENT", "Schedule or time zone is invalid."),
        ({"schedule": None}, "INVALID_ARGUMENT", "Schedule or time zone is invalid."),
        ({"timeZone": "Europe/Atlantis"}, "INVALID_ARGUMENT", "Schedule or time zone is invalid."),
        ({"schedule": "every 24 hours"}, "UNIMPLEMENTED", "five cron fields"),
        ({"name": "two words"}, "INVALID_ARGUMENT", "Job name must be formatted"),
        ({"description": "x" * 501}, "INVALID_ARGUMENT", "500 characters"),
        ({"httpTarget": None}, "INVALID_ARGUMENT", "exactly one target"),
        (
            {"httpTarget": None, "pubsubTarget": {"topicName": TOPIC, "data": "aGFsbG8="}},
            "UNIMPLEMENTED",
            "pubsubTarget",
        ),
        ({"httpTarget": {**TARGET, "uri": "ftp://x"}}, "INVALID_ARGUMENT", "must begin with http"),
        ({"httpTarget": {**TARGET, "uri": "https://example.com/"}}, "UNIMPLEMENTED", "example.com"),
        ({"httpTarget": {**TARGET, "httpMethod": "GET"}}, "INVALID_ARGUMENT", "body is allowed"),
        (
            {"httpTarget": {**TARGET, "oauthToken": {"serviceAccountEmail": "a@b.example"}}},
            "INVALID_ARGUMENT",
            "within the same project",
        ),
        (
            {
                "httpTarget": {
                    **TARGET,
                    "oauthToken": {"serviceAccountEmail": ACCOUNT.replace("scheduler", "nobody")},
                }
            },
            "PERMISSION_DENIED",
            "iam.serviceAccounts.actAs",
        ),
        ({"attemptDeadline": "10s"}, "INVALID_ARGUMENT", "attempt deadline"),
        ({"retryConfig": {"retryCount": 6}}, "INVALID_ARGUMENT", "retry_count"),
        ({"retryConfig": {"minBackoffDuration": "7200s"}}, "INVALID_ARGUMENT", "min_backoff"),
    ],
)
def test_what_google_refuses_is_refused(still, fields, code, words):
    found, message = refusal(still.call, "POST", JOBS, job(**fields))
    assert (found, words in message) == (code, True), message
    assert "jobs" not in still.call("GET", JOBS)


def test_a_change_of_the_schedule_changes_when_it_is_due(park):
    made(park)
    url = f"{JOBS}/weekly?updateMask=schedule,timeZone"
    body = park.call("PATCH", url, {"schedule": "* * * * *", "timeZone": "utc"})
    due = datetime.fromisoformat(body["scheduleTime"])
    assert due - datetime.now(UTC) <= timedelta(minutes=1)
    assert body["httpTarget"]["uri"] == TARGET["uri"]
    assert refusal(park.call, "PATCH", url, {"schedule": "daily"})[0] == "INVALID_ARGUMENT"


def test_a_paused_job_is_never_due_until_it_is_resumed(park):
    made(park, schedule="0 * * * *")
    assert park.call("POST", f"{JOBS}/weekly:pause", {})["state"] == "PAUSED"
    assert refusal(park.call, "POST", f"{JOBS}/weekly:pause", {})[0] == "FAILED_PRECONDITION"
    assert moved(park, 1)["fired"] == {}
    body = park.call("POST", f"{JOBS}/weekly:resume", {})
    assert body["state"] == "ENABLED"
    assert refusal(park.call, "POST", f"{JOBS}/weekly:resume", {})[0] == "FAILED_PRECONDITION"
    assert moved(park, 1)["fired"] == {f"{REGION}/jobs/weekly": 24}


def test_a_job_can_be_run_whatever_its_schedule_says(park):
    before = made(park)
    body = park.call("POST", f"{JOBS}/weekly:run", {})
    assert body["status"] == {}
    assert body["lastAttemptTime"] >= before["userUpdateTime"]
    assert body["scheduleTime"] == before["scheduleTime"]


def test_a_deleted_job_is_gone(park):
    made(park)
    park.call("DELETE", f"{JOBS}/weekly")
    assert refusal(park.call, "GET", f"{JOBS}/weekly")[0] == "NOT_FOUND"
    assert refusal(park.call, "POST", f"{JOBS}/weekly:run", {})[0] == "NOT_FOUND"
    assert moved(park, 8)["fired"] == {}


def test_what_the_target_refuses_stands_at_the_job(park):
    made(park)
    park.call("DELETE", f"pubsub/v1/{TOPIC}")
    assert park.call("POST", f"{JOBS}/weekly:run", {})["status"] == {"code": 5}
    made(park, name="unsigned", httpTarget={**TARGET, "oauthToken": None})
    assert park.call("POST", f"{JOBS}/unsigned:run", {})["status"] == {"code": 16}


def test_a_failed_attempt_is_tried_again_as_often_as_the_job_says(park):
    made(park, retryConfig={"retryCount": 3, "minBackoffDuration": "10s"})
    park.call("DELETE", f"pubsub/v1/{TOPIC}")
    report = moved(park, 7)
    assert report["fired"] == report["failed"] == {f"{REGION}/jobs/weekly": 4}


def test_a_month_passes_through_every_due_time(park):
    made(park, schedule="0 3 * * 0")
    made(park, name="monthly", schedule="0 4 1 * *", timeZone="UTC")
    before = datetime.now(UTC).replace(microsecond=0)  # the API's times have milliseconds
    report = moved(park, 31)
    fired = {name.rpartition("/")[2]: count for name, count in report["fired"].items()}
    assert fired["weekly"] in (4, 5)
    # 31 days from the end of January have two.
    assert fired["monthly"] in (1, 2)
    assert report["failed"] == {}
    now = datetime.fromisoformat(report["now"])
    assert timedelta(days=31) <= now - before < timedelta(days=31, seconds=30)
    body = park.call("GET", f"{JOBS}/weekly")
    last, due = (datetime.fromisoformat(body[key]) for key in ("lastAttemptTime", "scheduleTime"))
    assert timedelta(days=6, hours=23) <= due - last <= timedelta(days=7, hours=1)
    assert last <= now < due


@pytest.mark.parametrize("days", [0, -1, 367])
def test_the_clock_goes_ahead_by_up_to_a_year(park, days):
    made(park)
    assert refusal(moved, park, days)[0] == "INVALID_ARGUMENT"


def test_the_api_must_be_enabled(park):
    begin_disabled(park.park, PROJECT)
    code, message = refusal(park.call, "GET", JOBS)
    assert (code, message.startswith("Cloud Scheduler API")) == ("PERMISSION_DENIED", True)


def test_jobs_and_the_clock_outlive_a_restart(tmp_path):
    with parked(tmp_path, *KINDS) as first:
        made(prepared(first))
        moved(first, 31)
        before = first.call("GET", f"{JOBS}/weekly")
    with parked(tmp_path, *KINDS) as second:
        assert second.call("GET", f"{JOBS}/weekly") == before
        ahead = second.kinds[Jobs].clock.ahead
        assert timedelta(days=30, hours=23) < ahead <= timedelta(days=31, seconds=30)
        assert sum(moved(second, 7)["fired"].values()) == 1
