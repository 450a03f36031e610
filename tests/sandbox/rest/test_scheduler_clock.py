"""Cloud Scheduler in a whole sandbox: what is due runs, and the clock can be moved."""

import base64
import json
import time
from contextlib import contextmanager
from datetime import datetime

import pytest
import requests
from google.cloud import run_v2

from leitstand.sandbox import control
from tests.sandbox.supervised import EMPTY, IMAGE, PARENT, PROJECT, client

ACCOUNT = f"scheduler@{PROJECT}.iam.gserviceaccount.com"
WEEKLY, BROKEN = f"{PARENT}/jobs/weekly", f"{PARENT}/jobs/broken"
OVERRIDES = {"overrides": {"containerOverrides": [{"args": ["-c", "print('moved')"]}]}}


def run_job(code):
    container = {"image": IMAGE, "command": ["python"], "args": ["-c", code]}
    return {"template": {"template": {"maxRetries": 0, "containers": [container]}}}


class Asking:
    """Requests over REST to a running sandbox."""

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def __call__(self, http, url, body=None):
        answer = requests.request(http, f"{self.sandbox.rest}/{url}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def schedule(self, name, target, body=None, schedule="0 3 * * 1"):
        text = base64.b64encode(json.dumps(body).encode()).decode() if body else ""
        http = {
            "uri": f"https://run.googleapis.com/v2/{target}:run",
            "body": text,
            "oauthToken": {"serviceAccountEmail": ACCOUNT},
        }
        job = {"name": f"{PARENT}/jobs/{name}", "schedule": schedule, "httpTarget": http}
        return self("POST", f"cloudscheduler/v1/{PARENT}/jobs", job)

    def executions(self, job):
        listed = client(self.sandbox, run_v2.ExecutionsClient).list_executions(parent=job)
        return [execution.succeeded_count for execution in listed]


@contextmanager
def started(directory):
    sandbox = control.start(directory, EMPTY, lifeline=True)
    try:
        yield Asking(sandbox)
    finally:
        sandbox.stop()


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """A sandbox with two Cloud Run jobs, and an account that may run them."""
    with started(tmp_path_factory.mktemp("clock")) as asking:
        asking("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": "scheduler"})
        for name, code in (("weekly", "print('run')"), ("broken", "raise SystemExit(4)")):
            asking("POST", f"run/v2/{PARENT}/jobs?jobId={name}", run_job(code))
        grant(asking, "roles/run.invoker")
        yield asking


def grant(asking, role):
    binding = {"role": role, "members": [f"serviceAccount:{ACCOUNT}"]}
    for job in (WEEKLY, BROKEN):
        asking("POST", f"run/v2/{job}:setIamPolicy", {"policy": {"bindings": [binding]}})


def attempted(ask, name, seconds=10):
    """The job once it has been attempted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = ask("GET", f"cloudscheduler/v1/{PARENT}/jobs/{name}")
        if "status" in job:
            return job
        time.sleep(0.02)
    raise AssertionError(f"{name} was not attempted")


def test_moving_the_clock_by_a_month_really_runs_what_was_due(ask):
    ask.schedule("weekly", WEEKLY)
    ask.schedule("broken", BROKEN, schedule="0 4 1 * *")
    seen = []

    report = ask.sandbox.advance(31 * 86400, 60, lambda now: seen.append(now["now"]))

    assert seen == sorted(seen)
    assert report["moving_until"] is None
    weeks = report["fired"][f"{PARENT}/jobs/weekly"]
    assert weeks in (4, 5)
    assert ask.executions(WEEKLY) == [1] * weeks
    months = report["fired"].get(f"{PARENT}/jobs/broken", 0)
    assert ask.executions(BROKEN) == [0] * months
    assert months in (1, 2)
    # Cloud Scheduler sees whether the execution could be started, not how it ended.
    assert report["failed"] == {f"{PARENT}/jobs/broken": months}
    assert attempted(ask, "broken")["status"] == {}
    assert ask.sandbox.clock()["fired"] == report["fired"]


def test_a_second_move_and_an_impossible_one_are_refused(ask):
    with pytest.raises(control.Refused, match="366 days"):
        ask.sandbox.advance(-1)
    with pytest.raises(control.Refused, match="366 days"):
        ask.sandbox.advance(1e300)


def test_a_body_with_overrides_needs_the_role_for_them_and_is_honoured(ask):
    grant(ask, "roles/run.invoker")
    ask.schedule("changed", WEEKLY, OVERRIDES, schedule="0 0 1 1 *")
    before = len(ask.executions(WEEKLY))
    ask("POST", f"cloudscheduler/v1/{PARENT}/jobs/changed:run", {})
    assert attempted(ask, "changed")["status"] == {"code": 7}
    assert len(ask.executions(WEEKLY)) == before

    grant(ask, "roles/run.jobsExecutorWithOverrides")
    ask("POST", f"cloudscheduler/v1/{PARENT}/jobs/changed:run", {})

    assert attempted(ask, "changed")["status"] == {}
    newest = next(iter(client(ask.sandbox, run_v2.ExecutionsClient).list_executions(parent=WEEKLY)))
    assert list(newest.template.containers[0].args) == ["-c", "print('moved')"]


def test_what_is_due_runs_without_anybody_moving_the_clock(ask):
    ask.schedule("soon", WEEKLY, schedule="* * * * *")
    due = ask("GET", f"cloudscheduler/v1/{PARENT}/jobs/soon")["scheduleTime"]
    # To a second before it is due; the rest passes by itself.
    now = ask.sandbox.clock()["now"]
    left = seconds_between(now, due) - 1
    if left > 0:
        ask.sandbox.advance(left)
    assert attempted(ask, "soon")["lastAttemptTime"] >= due
    ask("DELETE", f"cloudscheduler/v1/{PARENT}/jobs/soon")


def seconds_between(one, other):
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()
