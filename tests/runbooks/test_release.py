"""The release runbook as its user starts it: exit codes, sentences, traffic, saved runs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from leitstand.notebook.kernel_main import PROCESS_NAME
from tests.fixtures.command import ROOT, Command

STABLE = "web-00001-start"


@pytest.fixture(autouse=True)
def _no_database(leitstand: Command) -> None:
    leitstand.without_database()


def processes_of(leitstand: Command) -> list[psutil.Process]:
    """Every process that still works in the command's state directory."""
    found = []
    for process in psutil.process_iter():
        try:
            named = any(str(leitstand.home) in part for part in process.cmdline())
            if named or leitstand.forked(process):
                found.append(process)
        except psutil.Error:
            continue
    return found


def nothing_left(leitstand: Command) -> bool:
    return eventually(lambda: not processes_of(leitstand))


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def running_release(leitstand: Command, until: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a good release and wait until its journal holds ``until``."""
    process = leitstand.start("run", "release", "-p", "image=web:1.1.0", "--apply")
    try:
        assert eventually(
            lambda: (
                bool(leitstand.runs)
                and any(until in json.dumps(event) for event in leitstand.journal())
            ),
            60,
        )
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_good_image_is_released_and_leaves_notebook_journal_and_html(leitstand: Command) -> None:
    ended = leitstand.release("web:1.1.0", "--apply", "--html")
    assert (0, "") == (ended.code, ended.problems)
    assert "run.completed" == leitstand.events()[-1]
    notebook = json.loads((leitstand.runs[-1] / "notebook.ipynb").read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert list(range(1, len(code) + 1)) == [cell["execution_count"] for cell in code]
    shown = json.dumps(notebook, ensure_ascii=False)
    assert "Stufe 100 %: gesund" in shown
    assert "image/svg+xml" in shown
    page = (leitstand.runs[-1] / "notebook.html").read_text("utf-8")
    assert "Einen Dienst ausrollen" in page
    assert nothing_left(leitstand)
    serving = leitstand.serving()
    assert [100] == list(serving.values())
    assert STABLE not in serving


def test_a_faulty_image_goes_back_by_itself(leitstand: Command) -> None:
    ended = leitstand.release("web:1.2.0-errors", "--apply")
    assert 5 == ended.code
    assert (
        f"Fehler: Die neue Revision ist bei 10 % nicht gesund. Der Verkehr liegt wieder zu 100 %"
        f" auf {STABLE}." in ended.problems
    )
    assert "rolled_back" == leitstand.summary()["status"]
    assert (leitstand.runs[-1] / "notebook.ipynb").is_file()
    assert {STABLE: 100} == leitstand.serving()


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("web:1.4.0-smoke", "Die Smoke-Tests sind fehlgeschlagen: /smoke antwortet 500."),
        # Also below the runbook, in tests/execution/test_rollout.py.
        pytest.param("web:1.2.3-never-ready", "wurde nicht bereit", marks=pytest.mark.sweep),
    ],
)
def test_a_candidate_that_cannot_serve_never_gets_traffic(
    leitstand: Command, image: str, sentence: str
) -> None:
    ended = leitstand.release(image, "--apply")
    assert 5 == ended.code
    assert sentence in ended.problems
    assert "traffic-10" not in json.dumps([e for e in leitstand.journal() if "id" in e])
    assert {STABLE: 100} == leitstand.serving()


REFUSED_IMAGES = [
    ("web:9.9.9", "Das Abbild web:9.9.9 gibt es nicht. Vorhandene Tags: 1.0.0, 1.1.0"),
    ("web:1.3.0-unsigned", "Das Abbild web:1.3.0-unsigned ist nicht signiert."),
    ("web:1.3.1-moved", "lief mit diesem Digest nicht auf Staging."),
    ("web:1.0.0", f"läuft schon, in der Revision {STABLE}."),
]


def test_an_image_that_may_not_run_is_refused_before_there_is_a_plan(leitstand: Command) -> None:
    assert 0 == leitstand("sandbox", "up").code
    for image, sentence in REFUSED_IMAGES:
        ended = leitstand.release(image, "--apply")
        assert (3, True) == (ended.code, sentence in ended.problems), ended
        assert "plan.made" not in leitstand.events()
        assert (leitstand.runs[-1] / "notebook.ipynb").is_file()
    assert {STABLE: 100} == leitstand.serving()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-p", "imgae=web:1.1.0"], "image"),
        (["-p", "apply=vielleicht"], "apply"),
        (["--env", "prdo"], "prdo"),
        (["-p", "service=webb"], "Den Dienst „webb“ kennt die Umgebungsdatei nicht."),
    ],
)
def test_bad_input_is_named_and_refused(
    leitstand: Command, arguments: list[str], sentence: str
) -> None:
    ended = leitstand("run", "release", *arguments)
    assert (2, True) == (ended.code, sentence in ended.problems), ended


def test_stages_that_fall_are_refused_before_anything_is_observed(leitstand: Command) -> None:
    leitstand.configure(release__stages=[50, 10, 100])
    ended = leitstand.release("web:1.1.0", "--apply")
    assert 2 == ended.code
    assert "release.stages: Value error, stages must rise: [50, 10, 100]" in ended.problems


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Ein Lauf auf prod braucht ein Ticket."),
        (["--ticket", "OPS-1"], "Für prod gibt es auf diesem Rechner keine Anmeldung"),
        (["--ticket", "OPS-1", "--apply"], "Auf prod wird ohne Freigabe einer zweiten Person"),
    ],
)
def test_production_is_closed_without_ticket_credentials_and_approval(
    leitstand: Command, arguments: list[str], sentence: str
) -> None:
    ended = leitstand("run", "release", "--env", "prod", *arguments)
    assert (3, True) == (ended.code, sentence in ended.problems), ended
    assert "refused" == leitstand.summary()["status"]


def test_without_apply_a_run_shows_the_plan_and_changes_nothing(leitstand: Command) -> None:
    assert 0 == leitstand.release("web:1.1.0").code
    assert not [event for event in leitstand.events() if event.startswith("action.")]
    assert {STABLE: 100} == leitstand.serving()


@pytest.mark.sweep
def test_silent_monitoring_pauses_the_run_which_can_be_resumed(leitstand: Command) -> None:
    assert 0 == leitstand("sandbox", "up").code
    disturbed = leitstand("sandbox", "break", "ListTimeSeries", "--times", "100000")
    assert 0 == disturbed.code
    ended = leitstand.release("web:1.1.0", "--apply")
    assert 4 == ended.code
    assert "Bei 10 % reicht der Verkehr nicht für ein Urteil" in ended.problems
    assert 90 == leitstand.serving()[STABLE]
    second = leitstand.release("web:1.1.1", "--apply")
    assert (3, True) == (second.code, "Der Verkehr ist geteilt" in second.problems)
    assert 0 == leitstand("sandbox", "mend").code
    assert 0 == leitstand("resume", leitstand.runs[0].name).code
    assert STABLE not in leitstand.serving()
    done = [e["id"] for e in leitstand.journal(0) if e["event"] == "action.intent"]
    assert len(done) == len(set(done))
    again = leitstand("resume", leitstand.runs[0].name)
    assert (3, True) == (again.code, "ist beendet" in again.problems)


@pytest.mark.sweep
def test_a_paused_run_can_be_reverted_once(leitstand: Command) -> None:
    leitstand.configure(sandbox__load_requests_per_second=0)
    assert 4 == leitstand.release("web:1.1.0", "--apply").code
    run = leitstand.runs[0].name
    assert 0 == leitstand("revert", run).code
    assert {STABLE: 100} == leitstand.serving()
    again = leitstand("revert", run)
    assert (3, True) == (again.code, "nichts offen" in again.problems)


def test_a_killed_kernel_gives_the_traffic_back(leitstand: Command) -> None:
    assert 0 == leitstand("sandbox", "up").code
    with running_release(leitstand, '"id": "traffic-10", "status": "done"') as process:
        children = psutil.Process(process.pid).children()
        kernel = next(child for child in children if PROCESS_NAME == child.name())
        kernel.kill()
        _, problems = process.communicate(timeout=60)
    assert 5 == process.returncode
    assert "Arbeitsspeicher" in problems
    assert {STABLE: 100} == leitstand.serving()
    assert "run.rolled_back" in leitstand.events()
    assert (leitstand.runs[-1] / "notebook.ipynb").is_file()


def test_ctrl_c_during_a_stage_gives_the_traffic_back_and_leaves_nothing(
    leitstand: Command,
) -> None:
    with running_release(leitstand, '"id": "traffic-10", "status": "done"') as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert 5 == process.returncode
    assert nothing_left(leitstand)
    assert {STABLE: 100} == leitstand.serving()


def test_a_killed_runner_leaves_no_process_and_its_run_is_resumed(leitstand: Command) -> None:
    with running_release(leitstand, '"id": "traffic-10", "status": "done"') as process:
        os.kill(process.pid, signal.SIGKILL)
    assert nothing_left(leitstand)
    ended = leitstand("resume", leitstand.runs[0].name)
    assert (0, "") == (ended.code, ended.problems)
    assert STABLE not in leitstand.serving()


def test_two_releases_at_once_do_not_work_on_one_service(leitstand: Command) -> None:
    assert 0 == leitstand("sandbox", "up").code
    with running_release(leitstand, '"event": "approval.given"') as first:
        second = leitstand.release("web:1.1.1", "--apply")
        first.communicate(timeout=60)
    assert 3 == second.code
    assert 0 == first.returncode


def test_a_taken_port_is_named(leitstand: Command) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        up = leitstand("sandbox", "up", "--port", str(port))
        assert (2, True) == (up.code, f"Der Port {port} der Sandbox ist belegt." in up.problems)
        leitstand.configure(sandbox__port=port)
        run = leitstand.release("web:1.1.0")
        assert (2, True) == (run.code, f"Der Port {port} der Sandbox ist belegt." in run.problems)


# The engine is also tested with small notebooks, in tests/notebook/test_engine.py.
@pytest.mark.parametrize(
    "engine", [[], pytest.param(["--engine", "leitstand"], marks=pytest.mark.sweep)]
)
def test_plain_papermill_runs_the_runbook_and_refuses_what_it_does_not_know(
    leitstand: Command, engine: list[str]
) -> None:
    runbook = str(ROOT / "runbooks" / "release.ipynb")
    command = [sys.executable, "-m", "papermill", *engine, runbook]
    good = subprocess.run(
        [*command, str(leitstand.project / "out.ipynb")],
        env=leitstand.environment, cwd=leitstand.project, capture_output=True, text=True,
    )  # fmt: skip
    assert 0 == good.returncode, good.stderr
    bad = subprocess.run(
        [*command, str(leitstand.project / "bad.ipynb"), "-p", "apply", "vielleicht"],
        env=leitstand.environment, cwd=leitstand.project, capture_output=True, text=True,
    )  # fmt: skip
    assert 0 != bad.returncode
    assert "apply" in bad.stderr
    assert nothing_left(leitstand)
