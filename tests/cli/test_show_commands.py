"""``leitstand show … --commands`` against a sandbox, and what of it is really run there."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.configuration import load_environment
from leitstand.sandbox import control
from tests.fixtures.command import Command, new_project

IMAGE = "image=web:1.1.0"


@pytest.fixture(scope="module")
def leitstand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(*new_project(tmp_path_factory.mktemp("show")))
    command.without_database()
    assert 0 == command("sandbox", "up").code
    try:
        yield command
    finally:
        control.reset(command.home / "sandbox")


@pytest.fixture(scope="module")
def shown(leitstand: Command) -> str:
    ended = leitstand("show", "release", "--commands", "-p", IMAGE, "-p", "apply=true")
    assert (0, "") == (ended.code, ended.problems)
    return ended.output


def services(leitstand: Command) -> CloudRun:
    sandbox = control.find(leitstand.home / "sandbox")
    assert sandbox is not None
    environment = load_environment("sandbox", leitstand.project / "config" / "environments")
    return CloudRun(Connection(environment, sandbox.grpc, sandbox.rest))


def wait_for(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def web(leitstand: Command) -> str:
    environment = load_environment("sandbox", leitstand.project / "config" / "environments")
    return environment.service_name("web")


def step(shown: str, title: str) -> str:
    """Return the commands of a step."""
    found = re.search(rf"── [^\n]*\b{title} ──\n(.*?)(?=\n# [─═]{{2}} )", shown, re.DOTALL)
    assert found is not None, shown
    return found[1]


def test_a_runbook_is_planned_and_nothing_is_changed(leitstand: Command, shown: str) -> None:
    assert shown.startswith("#!/usr/bin/env bash\n")
    assert "── 1/" in shown
    assert "Rückweg von release" in shown
    assert "action.intent" not in leitstand.events()
    assert [100] == list(leitstand.serving().values())


def test_every_run_has_its_commands_beside_its_journal(leitstand: Command, shown: str) -> None:
    kept = leitstand.runs[-1] / "commands.sh"
    assert 0o600 == kept.stat().st_mode & 0o777
    assert _timeless(shown) == _timeless(kept.read_text("utf-8"))
    again = leitstand("show", leitstand.runs[-1].name, "--commands")
    assert (0, _timeless(shown)) == (again.code, _timeless(again.output))
    record = leitstand("audit", "show", leitstand.runs[-1].name, "--json")
    if record.code == 0:
        assert "commands.sh" in record.output


def test_the_commands_that_reach_the_sandbox_do_what_the_plan_says(
    leitstand: Command, shown: str, tmp_path: Path
) -> None:
    candidate = step(shown, "candidate")
    ended = subprocess.run(
        # The last look is gcloud's, which the sandbox does not answer.
        ["bash", "-eu"], input="gcloud() { :; }\n" + candidate, text=True, capture_output=True,
        cwd=tmp_path,
    )  # fmt: skip
    assert 0 == ended.returncode, ended.stderr + ended.stdout
    found = re.search(r"Neue\s+#?\s*Revision (\S+)", shown)
    assert found is not None
    run, service = services(leitstand), web(leitstand)
    revision = run.revision(service, found[1])
    assert revision.image.startswith("europe-west3-docker.pkg.dev/")
    assert "@sha256:" in revision.image
    wait_for(lambda: bool(run.service(service).tag_uri("candidate")))
    # Nothing but a candidate without traffic was made.
    assert found[1] not in leitstand.serving()


def test_a_parameter_that_does_not_fit_is_refused_before_anything_runs(leitstand: Command) -> None:
    before = leitstand.runs
    ended = leitstand("show", "release", "--commands", "-p", "no_such=1")
    assert (2, "") == (ended.code, ended.output)
    assert "no_such" in ended.problems
    assert before == leitstand.runs


def test_an_unknown_run_is_told(leitstand: Command) -> None:
    unknown = leitstand("show", "20200101-000000-release-0000", "--commands")
    assert (2, "") == (unknown.code, unknown.output)
    assert "gibt es weder auf diesem Rechner noch offen im Speicher" in unknown.problems


def _timeless(text: str) -> str:
    return re.sub(r"# Stand .*", "", text)
