"""What is due when: slow jobs, deleted ones, and moves that do not arrive."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest

from leitstand.sandbox import control
from leitstand.sandbox.control_endpoint import ControlEndpoint
from leitstand.sandbox.faults import Faults
from leitstand.sandbox.processes import start_mark
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.scheduler import timeline
from leitstand.sandbox.rest.scheduler.clock import Clock
from leitstand.sandbox.store import Store
from tests.sandbox.loops import Loop

PROJECT = "leitstand-sandbox"
PLACE = f"projects/{PROJECT}/locations/europe-west3"
ACCOUNT = "scheduler@example.org"
RETRIES = {
    "minBackoffDuration": "5s",
    "maxBackoffDuration": "3600s",
    "maxRetryDuration": "0s",
    "maxDoublings": 5,
}


class Scene:
    """A timeline, and the APIs that its jobs call: what is slow answers once `gate` is set."""

    def __init__(self, directory):
        self.park = Park(Store(directory), directory, PROJECT, "europe-west3")
        self.park.connect(self._answer)
        binding = {"role": "roles/run.invoker", "members": [f"serviceAccount:{ACCOUNT}"]}
        self.park.policies.set(f"{PLACE}/jobs/run", {"bindings": [binding]})
        self.clock = Clock(self.park.notes("cloudscheduler", "clock"))
        self.jobs = self.park.table("cloudscheduler", "projects.locations.jobs")
        self.timeline = timeline.Timeline(self.park, self.clock)
        self.gate = asyncio.Event()
        self.called = []

    async def _answer(self, http, api, path, query, body):
        self.called.append(path.rpartition("/")[2].partition(":")[0])
        if "slow" in path or path.endswith(":wait"):
            await self.gate.wait()
        return {"name": f"{PLACE}/operations/1", "done": path.endswith(":wait")}

    def schedule(self, name, seconds, path=""):
        """A job that is due in so many seconds, and then each night."""
        uri = path or f"pubsub.googleapis.com/v1/projects/{PROJECT}/topics/{name}:publish"
        token = {"serviceAccountEmail": ACCOUNT}
        due = (self.clock.now() + timedelta(seconds=seconds)).isoformat()
        self.jobs[f"{PLACE}/jobs/{name}"] = {
            "schedule": "0 3 * * *",
            "state": "ENABLED",
            "scheduleTime": due,
            "attemptDeadline": "180s",
            "retryConfig": RETRIES,
            "httpTarget": {"uri": f"https://{uri}", "httpMethod": "POST", "oauthToken": token},
        }
        self.timeline.changed()

    def counts(self):
        """How often each job was fired by the newest move."""
        fired = self.timeline.report()["fired"]
        return {name.rpartition("/")[2]: count for name, count in fired.items()}

    async def until(self, holds):
        async with asyncio.timeout(5):
            while not holds():
                await asyncio.sleep(0.002)

    async def arrived(self):
        await self.until(lambda: self.timeline.report()["moving_until"] is None)
        return self.timeline.report()


@pytest.fixture
def played(tmp_path):
    """Plays a scene on a loop of its own."""

    def play(scene):
        async def whole():
            one = Scene(tmp_path)
            try:
                await scene(one)
            finally:
                await one.timeline.close()

        asyncio.run(whole())

    return play


def test_a_slow_job_holds_up_itself_alone(played):
    async def scene(one):
        one.schedule("slow", -1)
        await one.until(lambda: one.called == ["slow"])
        one.schedule("slow", -2)
        one.schedule("quick", -1)
        await one.until(lambda: one.called == ["slow", "quick"])
        await asyncio.sleep(0.02)
        assert ["slow", "quick"] == one.called
        one.gate.set()
        await one.until(lambda: one.called == ["slow", "quick", "slow"])

    played(scene)


def test_a_job_that_is_deleted_while_the_clock_moves_is_skipped(played):
    async def scene(one):
        one.schedule("slow", 60)
        one.schedule("quick", 120)
        running = one.timeline.run(f"{PLACE}/jobs/slow")
        await one.until(lambda: one.called == ["slow"])
        one.timeline.move(timedelta(seconds=180))
        await asyncio.sleep(0.01)
        del one.jobs[f"{PLACE}/jobs/slow"]
        one.gate.set()
        await running
        report = await one.arrived()
        assert ("", {"quick": 1}) == (report["broken"], one.counts())

    played(scene)


def test_a_job_deleted_at_its_attempt_does_not_stop_the_clock(played):
    async def scene(one):
        one.schedule("job", 60, f"run.googleapis.com/v2/{PLACE}/jobs/run:run")
        one.schedule("quick", 120)
        one.timeline.move(timedelta(seconds=180))
        await asyncio.sleep(0)
        # It is fired, but its attempt has not had its turn yet.
        assert {"job": 1} == one.counts()
        del one.jobs[f"{PLACE}/jobs/job"]
        report = await one.arrived()
        assert ("", {"job": 1, "quick": 1}) == (report["broken"], one.counts())

    played(scene)


def test_a_move_that_waits_too_long_for_an_execution_is_broken(played, monkeypatch):
    monkeypatch.setattr(timeline, "LONGEST_EXECUTION", 0.02)

    async def scene(one):
        one.schedule("endless", 60, f"run.googleapis.com/v2/{PLACE}/jobs/run:run")
        one.schedule("quick", 120)
        one.timeline.move(timedelta(seconds=180))
        report = await one.arrived()
        assert "jobs/endless has started is not over" in report["broken"]
        assert {"endless": 1} == one.counts()
        passed = datetime.fromisoformat(report["now"]) - datetime.now(UTC)
        assert timedelta(seconds=50) < passed < timedelta(seconds=90)
        # The next move begins anew, where that one has stopped.
        one.gate.set()
        one.timeline.move(timedelta(seconds=180))
        report = await one.arrived()
        assert ("", {"quick": 1}) == (report["broken"], one.counts())

    played(scene)


def test_whoever_moves_the_clock_hears_that_it_has_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(timeline, "LONGEST_EXECUTION", 0.02)
    loop = Loop()

    async def started():
        one = Scene(tmp_path)
        one.schedule("endless", 60, f"run.googleapis.com/v2/{PLACE}/jobs/run:run")

        async def report(_):
            return one.timeline.report()

        async def move(asked):
            one.timeline.move(timedelta(seconds=asked["seconds"]))
            return one.timeline.report()

        commands = {("GET", "/clock"): report, ("POST", "/clock"): move}
        endpoint = ControlEndpoint("token", Faults(), {}, lambda: None, commands)
        return one, endpoint, await endpoint.start()

    one, endpoint, address = loop.run(started())
    try:
        nothing = dict.fromkeys(("grpc", "public", "rest", "project", "location"), "")
        mark = start_mark(os.getpid())
        own = {"pid": os.getpid(), "process_start": mark, "control": address, "token": "token"}
        with pytest.raises(control.MoveBroken, match=r"has stopped at .* is not over") as broken:
            control.Sandbox(tmp_path, {**nothing, **own}).advance(180, 5)
        assert {f"{PLACE}/jobs/endless": 1} == broken.value.report["fired"]
    finally:
        loop.run(endpoint.close())
        loop.run(one.timeline.close())
        loop.close()
