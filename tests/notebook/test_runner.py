"""Runs with real kernels: what they leave behind, how they end, and that nothing stays."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from leitstand.audit.journal import Journal
from leitstand.core.parameter_errors import UnknownChoice, UnknownParameter
from leitstand.notebook.aftercare import RunUnderWay
from leitstand.notebook.conclusion import Result
from leitstand.notebook.listener import CellStart, SilentListener
from leitstand.notebook.managed_run import hold_run
from leitstand.notebook.progress import ProgressState
from leitstand.notebook.run_directory import RUN_VARIABLE, RunDirectory
from leitstand.notebook.runner import run_notebook
from leitstand.notebook.template import read_template

NOTEBOOKS = Path(__file__).parent / "notebooks"


class Recorder(SilentListener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def cell_started(self, cell: CellStart) -> None:
        self.heard.append(f"cell {cell.number}/{cell.total}")

    def progress(self, state: ProgressState) -> None:
        self.heard.append(f"{state.step} {state.state}")


def run(runs: Path, name: str, given: dict[str, object] | None = None, **options: Any) -> Result:
    return run_notebook(read_template(NOTEBOOKS / f"{name}.ipynb"), given or {}, runs, **options)


def journal(result: Result) -> list[dict[str, Any]]:
    return Journal(Path(result.directory) / "journal.jsonl").events()


def outputs(result: Result) -> str:
    """Return all text that the saved notebook shows."""
    cells = json.loads(Path(result.notebook).read_text("utf-8"))["cells"]
    return json.dumps([cell.get("outputs") for cell in cells], ensure_ascii=False)


def below(run: Path) -> list[psutil.Process]:
    """Return the processes that belong to a run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_VARIABLE) == str(run):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_run_leaves_notebook_journal_and_summary_and_nothing_running(tmp_path: Path):
    recorder = Recorder()
    result = run(tmp_path, "sound", {"count": 3}, listener=recorder)
    directory = Path(result.directory)
    assert ("completed", 0, "sandbox") == (result.status, result.exit_code, result.env)
    names = ["journal.jsonl", "notebook.ipynb", "record.json", "run.json", "under-way"]
    assert names == sorted(path.name for path in directory.iterdir())
    assert 0o600 == stat.S_IMODE(Path(result.notebook).stat().st_mode)
    assert "['sandbox', 3, '', False]" in outputs(result)
    events = journal(result)
    assert ("run.started", "run.completed") == (events[0]["event"], events[-1]["event"])
    assert 3 == events[0]["parameters"]["count"]
    assert 4 == sum(event["event"] == "cell.completed" for event in events)
    assert {"cell 4/4", "zaehlen running", "zaehlen done"} <= set(recorder.heard)
    summary = json.loads((directory / "run.json").read_text("utf-8"))
    later = {"html": "", "record": result.record, "unsealed": ""}
    assert {**summary, **later} == json.loads(json.dumps(result.as_data()))
    assert result.record
    assert [] == below(directory)


def test_papermills_metadata_is_right(tmp_path: Path):
    result = run(tmp_path, "sound", {"count": 3})
    notebook = json.loads(Path(result.notebook).read_text("utf-8"))
    meta = notebook["metadata"]["papermill"]
    assert ({"count": 3}, result.notebook) == (meta["parameters"], meta["output_path"])
    assert {"completed"} == {c["metadata"]["papermill"]["status"] for c in notebook["cells"]}


def test_a_notebook_without_parameters_runs_and_takes_none(tmp_path: Path):
    assert 0 == run(tmp_path, "no_parameters_cell").exit_code
    with pytest.raises(UnknownParameter, match="keine Parameter"):
        run(tmp_path / "other", "no_parameters_cell", {"env": "sandbox"})
    assert not (tmp_path / "other").exists()


def test_a_bad_parameter_starts_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(UnknownChoice):
        run(tmp_path, "sound", {"env": "moon"})
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "status", "exit_code", "message"),
    [
        ("raises_an_error", "failed", 1, "Unerwarteter Fehler im Abschnitt „Prüfen“"),
        ("exits_with_zero", "failed", 1, "SystemExit"),
        ("fails_at_a_gate", "refused", 3, "Es fehlt ein Ticket."),
        ("kills_its_kernel", "failed", 4, "„Ausführen“ von außen beendet worden (SIGKILL)"),
        ("crashes", "failed", 4, "Der Python-Kernel ist im Abschnitt „Ausführen“ abgestürzt"),
    ],
)
def test_a_failed_run_is_saved_and_says_why(
    tmp_path: Path, name: str, status: str, exit_code: int, message: str
):
    result = run(tmp_path, name)
    assert (status, exit_code) == (result.status, result.exit_code)
    assert message in result.message
    assert result.advice
    last = journal(result)[-1]
    assert ("run.failed", exit_code) == (last["event"], last["exit_code"])
    assert "nachher" not in outputs(result)
    assert [] == below(Path(result.directory))


def test_what_ran_before_the_kernel_died_is_kept(tmp_path: Path):
    result = run(tmp_path, "kills_its_kernel")
    shown = outputs(result)
    assert "vorher" in shown
    assert "Arbeitsspeicher" in shown
    assert "died" == [e for e in journal(result) if e["event"] == "cell.completed"][-1]["status"]


def test_a_child_that_a_cell_left_running_is_ended(tmp_path: Path, monkeypatch: Any):
    from leitstand.notebook.kernel import Kernel

    close = Kernel.close
    monkeypatch.setattr(Kernel, "close", lambda kernel: close(kernel, grace=0.2))
    result = run(tmp_path, "leaves_a_child_behind")
    cells = json.loads(Path(result.notebook).read_text("utf-8"))["cells"]
    child = int(cells[-1]["outputs"][0]["text"][0])
    assert not psutil.pid_exists(child)


def test_a_large_output_is_whole_in_the_notebook_and_cut_in_the_journal(tmp_path: Path):
    result = run(tmp_path, "prints_too_much")
    (output,) = [e for e in journal(result) if e["event"] == "cell.completed"][-1]["outputs"]
    assert output["cut"] > 200_000 > len(output["text"])
    assert "x" * 200_000 in outputs(result)


def test_the_operators_python_settings_do_not_reach_the_kernel(tmp_path: Path, monkeypatch: Any):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "a.py").write_text("raise SystemExit")
    (tmp_path / "s.py").write_text("env = 'prod'")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "s.py"))
    assert "['sandbox', 2, '', False]" in outputs(run(tmp_path, "sound"))


def test_a_long_path_needs_no_longer_socket(tmp_path: Path):
    runs = tmp_path / ("x" * 100)
    runs.mkdir()
    assert 0 == run(runs, "no_parameters_cell").exit_code


def test_a_path_with_braces_stays_as_it_is(tmp_path: Path):
    path = tmp_path / "{a}.ipynb"
    path.write_bytes((NOTEBOOKS / "no_parameters_cell.ipynb").read_bytes())
    assert 0 == run_notebook(read_template(path), {}, tmp_path).exit_code


def test_a_run_can_be_gone_on_with_and_keeps_its_first_notebook(tmp_path: Path):
    first = run(tmp_path, "raises_an_error")
    second = run(tmp_path, "no_parameters_cell", resumed=RunDirectory(Path(first.directory)))
    assert (first.run, 0) == (second.run, second.exit_code)
    assert (Path(first.directory) / "notebook-1.ipynb").is_file()
    assert 1 == sum(event["event"] == "run.resumed" for event in journal(second))


def test_a_run_under_way_is_not_gone_on_with(tmp_path: Path):
    directory = RunDirectory(Path(run(tmp_path, "no_parameters_cell").directory))
    descriptor = hold_run(directory)
    try:
        with pytest.raises(RunUnderWay):
            run(tmp_path, "no_parameters_cell", resumed=directory)
    finally:
        os.close(descriptor)


PROGRAM = """
import sys
from pathlib import Path
from leitstand.notebook.runner import run_notebook
from leitstand.notebook.template import read_template
result = run_notebook(read_template(Path(sys.argv[1])), {}, Path(sys.argv[2]))
raise SystemExit(result.exit_code)
"""


def start(runs: Path, name: str, cells: int) -> tuple[subprocess.Popen[bytes], RunDirectory]:
    """Start a runner of its own and return when so many cells have been started."""
    notebook = NOTEBOOKS / f"{name}.ipynb"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(notebook), str(runs)])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = list(runs.iterdir())
        if found:
            events = Journal(found[0] / "journal.jsonl").events()
            if cells <= sum(event["event"] == "cell.started" for event in events):
                return process, RunDirectory(found[0])
        time.sleep(0.02)
    process.kill()
    raise AssertionError("the run did not get so far")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.sweep)]
)
def test_a_signal_interrupts_the_cell_which_puts_things_right(tmp_path: Path, number: int):
    process, directory = start(tmp_path, "waits_forever", 2)
    time.sleep(0.2)
    process.send_signal(number)
    assert 130 == process.wait(20)
    assert "in Ordnung gebracht" in directory.notebook.read_text("utf-8")
    last = directory.journal.events()[-1]
    assert ("run.failed", 130) == (last["event"], last["exit_code"])
    assert [] == below(directory.path)


def test_a_second_signal_ends_a_cell_that_does_not_listen(tmp_path: Path):
    process, directory = start(tmp_path, "ignores_interrupts", 1)
    for _ in range(2):
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
    assert 4 == process.wait(20)
    assert "hart beendet" in directory.journal.events()[-1]["message"]
    assert [] == below(directory.path)


def test_a_signal_before_the_kernel_is_ready_ends_the_run(tmp_path: Path):
    process, directory = start(tmp_path, "waits_forever", 0)
    process.send_signal(signal.SIGINT)
    assert 130 == process.wait(20)
    assert directory.notebook.is_file()
    assert [] == below(directory.path)


def test_after_a_killed_runner_the_journal_has_every_cell_and_the_kernel_is_gone(tmp_path: Path):
    process, directory = start(tmp_path, "waits_forever", 2)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while below(directory.path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [] == below(directory.path)
    events = [event["event"] for event in directory.journal.events()]
    assert ["run.started", "cell.started", "cell.completed", "cell.started"] == events
