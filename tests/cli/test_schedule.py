"""Schedules from the file to Cloud Scheduler, through a run, and out of it again."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.jobs import CloudRunJobs
from leitstand.cloud.schedules import ScheduledJobs
from leitstand.configuration import load_environment
from leitstand.core.kinds import Step
from leitstand.core.plan import Plan
from leitstand.core.schedule.status import State, stand
from leitstand.execution.executor import Executor
from leitstand.execution.provisioning import Provisioner
from leitstand.execution.schedule_handlers import schedule_handlers
from leitstand.execution.scheduling import Scheduling
from leitstand.notebook.schedules_file import load_schedules
from leitstand.sandbox import control
from tests.fixtures.approved import approved_in
from tests.fixtures.command import Command, Ended, furnished, new_project

QUIET = {"name": "quiet", "parameters": {"fail_on": "never"}}
STRICT = {"name": "strict", "parameters": {"fail_on": "error"}}
COMMON = {
    "runbook": "deviations", "cron": "15 5 * * *", "environments": {"sandbox": {}},
    "deadline": "300s", "tolerance": "3600s",
}  # fmt: skip


class Place:
    """A small sandbox that can have schedules, and the command."""

    def __init__(self, directory: Path) -> None:
        self.leitstand = Command(*new_project(directory), template=furnished(database=False))
        self.leitstand.production(database=False)
        account = "run-maintenance@${project}.iam.gserviceaccount.com"
        self.leitstand.configure(
            jobs__maintenance={"vpc_access": None, "reads": [], "service_account": account},
            **{
                "resources__iam.serviceAccounts__scheduler": {},
                "resources__iam.serviceAccounts__run-maintenance": {},
                "resources__serviceusage.services__cloudscheduler.googleapis.com": {},
            },
        )

    @property
    def connection(self) -> Connection:
        sandbox = control.find(self.leitstand.home / "sandbox")
        assert sandbox is not None
        files = self.leitstand.project / "config" / "environments"
        return Connection(load_environment("sandbox", files), sandbox.grpc, sandbox.rest)

    def applied(self) -> None:
        """Apply both entries, unless an earlier test has."""
        self.want(QUIET, STRICT)
        if self.names != ({"schedule-quiet", "schedule-strict"},) * 2:
            applied = self.leitstand("schedule", "apply")
            assert (0, "") == (applied.code, applied.problems)

    def want(self, *entries: dict[str, Any]) -> None:
        content = {
            "time_zone": "Europe/Berlin", "schedules": [{**COMMON, **e} for e in entries],
        }  # fmt: skip
        (self.leitstand.project / "config" / "schedules.yaml").write_text(
            yaml.safe_dump(content), "utf-8"
        )

    @property
    def scheduling(self) -> Scheduling:
        file = load_schedules(self.leitstand.project)
        return Scheduling(self.connection, file.entries, file.time_zone)

    @property
    def planned(self) -> Plan:
        return self.scheduling.plan(self.scheduling.observe())

    @property
    def names(self) -> tuple[set[str], set[str]]:
        """Ids of the Cloud Run jobs and of the Cloud Scheduler jobs."""
        listed = ScheduledJobs(self.connection)
        jobs, triggers = (
            {job["name"].rpartition("/")[2] for job in found}
            for found in (listed.jobs(), listed.triggers())
        )
        return jobs - {"maintenance"}, triggers

    def provision(self) -> None:
        provisioner = Provisioner(self.connection)
        seen = provisioner.observe()
        plan = provisioner.plan(seen).plan
        journal = Journal(self.leitstand.home / "build.jsonl")
        approved = approved_in(journal, plan)
        outcome = provisioner.schedule(approved, seen, journal, lambda *_: None).run(max(Step))
        assert ({}, {}) == (outcome.failed, outcome.skipped)

    def start(self, name: str) -> None:
        """Have Cloud Scheduler start a schedule now."""
        job = self.connection.environment.job_name(f"schedule-{name}")
        self.connection.rest.call(
            "cloudscheduler.v1", "projects.locations.jobs", "run", job, what="starten"
        )

    def wait(self, name: str) -> None:
        """Wait for the end of a schedule's run."""
        reader = CloudRunJobs(self.connection)
        job = self.connection.environment.job_name(f"schedule-{name}")
        end = time.monotonic() + 90
        while not (runs := reader.executions(job)) or not runs[0].completed:
            assert time.monotonic() < end
            time.sleep(0.2)

    def verdicts(self) -> set[tuple[str, str]]:
        """Schedule and verdict of the lines in Cloud Logging."""
        request = {
            "resource_names": [f"projects/{self.connection.environment.project}"],
            "filter": "jsonPayload.leitstand.verdict:*",
        }
        found = self.connection.logs.list_log_entries(request=request)
        lines = [dict(dict(entry.json_payload)["leitstand"]) for entry in found]
        return {(line["schedule"], line["verdict"]) for line in lines}


def papermill(place: Place, *arguments: str) -> Ended:
    out = place.leitstand.home / "out.ipynb"
    ended = subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", "runbooks/deviations.ipynb",
         str(out), "-p", "env", "sandbox", *arguments],
        cwd=place.leitstand.project, env={**os.environ, **place.leitstand.environment},
        capture_output=True, text=True,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("schedule"))
    patch = pytest.MonkeyPatch()
    patch.setenv("LEITSTAND_PROJECT", str(place.leitstand.project))
    try:
        up = place.leitstand("sandbox", "up")
        assert (0, "") == (up.code, up.problems)
        place.provision()
        yield place
    finally:
        patch.undo()
        control.reset(place.leitstand.home / "sandbox")


def test_the_file_becomes_jobs_and_a_second_run_has_nothing_to_do(place: Place):
    place.want(QUIET, STRICT)
    applied = place.leitstand("schedule", "apply")
    assert (0, "") == (applied.code, applied.problems)
    both = {"schedule-quiet", "schedule-strict"}
    assert (both, both) == place.names
    assert () == place.planned.actions
    now = datetime.now(UTC)
    standings = [stand(*one, now, UTC) for one in place.scheduling.look()]
    assert {(State.WAITING, ())} == {(one.state, one.problems) for one in standings}


def test_the_status_tells_success_and_finding_of_the_runs_apart(place: Place):
    place.applied()
    for name in ("quiet", "strict"):
        place.start(name)
    for name in ("quiet", "strict"):
        place.wait(name)
    told = place.leitstand("schedule", "status", "--json")
    standings = {one["schedule"]: one for one in json.loads(told.output)}
    assert 6 == told.code
    assert {"quiet": "success", "strict": "finding"} == {
        name: one["verdict"] for name, one in standings.items()
    }
    assert (False, ["found"]) == (standings["strict"]["overdue"], standings["strict"]["problems"])
    assert {("quiet", "success"), ("strict", "finding")} == place.verdicts()


def test_an_entry_that_is_gone_takes_its_jobs_along_and_the_way_back_brings_them(place: Place):
    place.applied()
    place.want({**QUIET, "cron": "0 6 * * *"})
    plan = place.planned
    assert ["delete_resource", "delete_resource", "update_resource"] == [
        action.kind for action in plan.actions
    ]
    journal = Journal(place.leitstand.home / "removal.jsonl")
    executor = Executor(approved_in(journal, plan), journal, schedule_handlers(place.connection))
    executor.apply_all()
    assert ({"schedule-quiet"}, {"schedule-quiet"}) == place.names
    assert () == place.planned.actions
    executor.take_back()
    place.want(QUIET, STRICT)
    assert () == place.planned.actions


def test_plain_papermill_ends_with_the_code_of_the_finding(place: Place):
    found = papermill(place)
    assert (6, True) == (found.code, "Befund: " in found.problems), found.problems
    refused = papermill(place, "-p", "fail_on", "bald")
    assert (2, True) == (refused.code, "Fehler: " in refused.problems)


@pytest.mark.sweep
def test_plain_papermill_ends_with_zero_where_nothing_weighs(place: Place):
    good = papermill(place, "-p", "fail_on", "never")
    assert 0 == good.code, good.problems


@pytest.mark.sweep
def test_an_entry_that_cannot_run_changes_nothing(place: Place):
    before = place.names
    place.want({**QUIET, "cron": "61 5 * * *"})
    ended = place.leitstand("schedule", "apply")
    assert 2 == ended.code
    assert "Zeitplan „quiet“, cron: „61 5 * * *“" in ended.problems
    assert before == place.names
