"""Rehearsals at build: what the table allows, what is kept, and what fails the build."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from mkdocs.exceptions import PluginError

from leitstand.audit.signing import trusted_keys
from leitstand.audit.store_directory import DirectoryStore
from leitstand.audit.verification import verify_store
from leitstand.notebook.template import Template, list_templates, read_template
from tests.docs.referenced import HOOKS, ROOT, hook
from tests.docs.rehearsed_project import kept, notebook_of, project_with

table, results = hook("rehearsal_table"), hook("rehearsal_results")
lanes, rehearsing = hook("rehearsal_lanes"), hook("rehearsing")

LOG = logging.getLogger(__name__)
BUILD = """
import sys
from pathlib import Path

sys.path.append(sys.argv[1])
import rehearsing

rehearsing.fresh_rehearsals(Path(sys.argv[2]))
"""

TEMPLATES = {path.stem: read_template(path) for path in list_templates(ROOT / "runbooks")}
RELEASE = {"release": TEMPLATES["release"]}


def lanes_of(path: Path, text: str) -> object:
    (path / "rehearsals.yaml").write_text(text, "utf-8")
    return table.read_table(path / "rehearsals.yaml")


def processes_in(directory: Path) -> list[str]:
    """Return the command lines of all processes that name a directory, or work in it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # ended, or another's
            line = " ".join(process.cmdline())
            if str(directory) in f"{line} {process.cwd()}":
                found.append(line)
    return found


def test_our_table_rehearses_every_runbook_once_and_with_parameters_it_takes():
    assert [] == rehearsing.check(ROOT)


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ("[]", "the runbook release has no entry in docs/rehearsals.yaml"),
        ("[{runbook: release}, {runbook: release}]", "rehearses release twice"),
        ("[{runbook: release}, {runbook: gone}]", "names the runbook gone, which there is not"),
        ("[{runbook: release, parameters: {gone: 1}}]", "does not fit release"),
        ("[{runbook: release, parameters: {env: mars}}]", "does not fit release"),
        ("[{runbook: release, prepare: [rm -r x]}]", "prepares release with “rm -r x”"),
        ("[{runbook: release, after: [rm -r x]}]", "prepares release with “rm -r x”"),
        ("[{runbook: release, screens: {one: drill stop}}]", "makes one of “drill stop”"),
    ],
)
def test_a_table_that_does_not_fit_is_told(tmp_path: Path, entries: str, fault: str):
    found = lanes_of(tmp_path, f"lanes: {{one: {entries}}}")
    assert any(fault in told for told in table.faults_of(found, RELEASE))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lanes: 3",
        "lanes: {one: release}",
        "lanes: {one: [{apply: true}]}",
        "lanes: {one: [{runbook: release, aply: true}]}",
        "lanes: {one: [{runbook: release, attempts: often}]}",
        "lanes: {one: [",
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path: Path, text: str):
    with pytest.raises(table.BadTable):
        lanes_of(tmp_path, text)


def test_a_rehearsal_names_the_command_that_repeats_it():
    rehearsal = table.Rehearsal("release", {"image": "web:1.1.0", "fast": True}, apply=True)
    assert "leitstand run release -p image=web:1.1.0 -p fast=true --apply" == table.command_of(
        rehearsal
    )


def test_a_runbook_without_its_parameters_cell_is_named_before_anything_starts(tmp_path: Path):
    root = project_with(tmp_path, ["gut"])
    (root / "runbooks" / "gut.ipynb").write_text(notebook_of("Gut", "1", tagged=False), "utf-8")
    assert ["the runbook gut has no cell tagged parameters"] == rehearsing.check(root)


def test_a_runbook_that_is_no_notebook_is_named(tmp_path: Path):
    root = project_with(tmp_path, ["gut"])
    (root / "runbooks" / "gut.ipynb").write_text("{", "utf-8")
    assert ["gut"] == [fault.split()[2] for fault in rehearsing.check(root)]


@pytest.mark.parametrize(
    "changed", ["runbooks/gut.ipynb", "config/schedules.yaml", "lib/requirements.lock"]
)
def test_results_count_only_while_nothing_they_came_from_has_changed(tmp_path: Path, changed: str):
    root = project_with(tmp_path, ["gut"])
    (root / "lib").mkdir()
    (root / "lib" / "requirements.lock").write_text("one\n")
    rehearsal = kept(root)
    assert results.fitting(root, rehearsal) is not None
    (root / changed).write_text((root / changed).read_text("utf-8") + "\n", "utf-8")
    results.forget()
    assert None is results.fitting(root, rehearsal)


def test_results_count_only_for_the_parameters_they_came_from(tmp_path: Path):
    root = project_with(tmp_path, ["gut"])
    kept(root)
    assert None is results.fitting(root, table.Rehearsal("gut", apply=True))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"runbook": "gut"}'])
def test_results_that_are_not_whole_do_not_count(tmp_path: Path, text: str):
    root = project_with(tmp_path, ["gut"])
    rehearsal = kept(root)
    (root / results.REHEARSALS / "gut" / "rehearsal.json").write_text(text)
    assert None is results.fitting(root, rehearsal)


def test_each_rehearsal_leaves_its_notebook_and_a_record_and_a_failing_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = project_with(tmp_path, ["gut", "kaputt"])
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    target = root / results.CACHE
    (failed,) = lanes.rehearse(table.read_table(root / table.TABLE), root, target, "abc", LOG)
    assert ("the runbook kaputt", 1) == (failed.what, failed.exit_code)
    assert "die Probe misslingt" in str(failed)
    assert "(see .cache/site/failed/kaputt.ipynb)" in str(failed)
    assert "die Probe misslingt" in (target / "failed" / "kaputt.ipynb").read_text("utf-8")
    found = results.fitting(root, table.Rehearsal("gut"))
    assert found is not None
    notebook, rehearsed = found
    assert ("gut", 0, "success", "abc", "leitstand run gut") == (
        rehearsed.runbook, rehearsed.exit_code, rehearsed.verdict, rehearsed.commit,
        rehearsed.command,
    )  # fmt: skip
    assert [[["42"]]] == [
        [output["data"]["text/plain"] for output in cell["outputs"]]
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]
        if cell.get("outputs")
    ]
    key = trusted_keys([(target / "records.pub").read_text("utf-8")])
    report = verify_store(DirectoryStore(target / "records"), key)
    assert (True, 2) == (report.intact, report.head.seq)
    assert [] == list(place.iterdir())
    assert [] == processes_in(place)


FURTHER = """
lanes:
  eine:
    - runbook: gut
      after: [sandbox status]
      screens: {stand: sandbox status}
"""


def test_further_work_gets_a_sandbox_that_stands_still_and_screens_are_kept(tmp_path: Path):
    root = project_with(tmp_path, ["gut"], FURTHER)
    target, given = root / results.CACHE, []

    def fails(sandbox: Path, stopped: threading.Event) -> Exception:
        there = {path.name for path in sandbox.iterdir()}
        given.append({"state.json", "furnished", "sandbox.json"} & there)
        return ValueError("nothing to see")

    def never(sandbox: Path, stopped: threading.Event) -> None:
        given.append(None)

    found = lanes.rehearse(
        table.read_table(root / table.TABLE), root, target, "", LOG, late=[fails, never]
    )
    assert (["nothing to see"], [{"state.json", "furnished"}]) == ([*map(str, found)], given)
    screen = (target / "rehearsals" / "gut" / "stand.txt").read_text("utf-8")
    assert "127.0.0.1" in screen
    assert "leitstand-docs-" not in screen


TWO = """
lanes:
  eine:
    - runbook: gut
  andere:
    - runbook: auch
"""


def test_work_that_needs_no_sandbox_is_done_while_one_is_provisioned(tmp_path: Path):
    root, done = project_with(tmp_path, ["gut", "auch"], TWO), []

    def early(sandbox: Path, stopped: threading.Event) -> None:
        done.append(("early", (sandbox / "furnished").exists()))

    def late(sandbox: Path, stopped: threading.Event) -> None:
        done.append(("late", (sandbox / "furnished").exists()))

    read = table.read_table(root / table.TABLE)
    assert [] == lanes.rehearse(read, root, root / results.CACHE, "", LOG, [early], [late])
    assert [("early", False), ("late", True)] == done
    assert ["auch", "gut"] == sorted(p.name for p in (root / results.REHEARSALS).iterdir())


def test_a_failed_rehearsal_fails_the_build_and_earlier_results_stay(tmp_path: Path):
    root = project_with(tmp_path, ["gut"])
    kept(root)
    before = (root / results.REHEARSALS / "gut" / "rehearsal.json").read_bytes()
    (root / "config" / "environments" / "sandbox.yaml").write_text("project: [")
    with pytest.raises(PluginError, match="leitstand sandbox up ended with"):
        rehearsing.fresh_rehearsals(root)
    assert before == (root / results.REHEARSALS / "gut" / "rehearsal.json").read_bytes()
    assert ["rehearsals"] == [path.name for path in (root / results.CACHE).iterdir()]


def test_a_build_that_is_ended_ends_its_sandboxes(tmp_path: Path):
    root = project_with(tmp_path, ["gut"])
    place = tmp_path / "temporary"
    place.mkdir()
    build = subprocess.Popen(
        [sys.executable, "-c", BUILD, HOOKS, str(root)],
        env={**os.environ, "TMPDIR": str(place)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not list(place.glob("*/0/sandbox/sandbox.json")) and time.monotonic() < end:
        time.sleep(0.05)
    build.send_signal(signal.SIGTERM)
    _, problems = build.communicate(timeout=60)
    assert "KeyboardInterrupt" in problems
    assert [] == list(place.iterdir())
    assert [] == processes_in(place)
    assert not (root / results.REHEARSALS).exists()


def test_every_runbook_says_what_its_rehearsal_shows():
    found = table.read_table(ROOT / table.TABLE)
    without = [entry.runbook for lane in found for entry in lane.rehearsals if not entry.scene]
    assert [] == without


def test_a_template_knows_whether_it_has_parameters(tmp_path: Path):
    path = tmp_path / "leer.ipynb"
    path.write_text(notebook_of("Leer", "1", tagged=False), "utf-8")
    template: Template = read_template(path)
    assert ["the runbook leer has no cell tagged parameters"] == table.faults_of(
        [table.Lane("eine", (table.Rehearsal("leer"),))], {"leer": template}
    )
