"""Runs that a person executes by hand, cell by cell, in real kernels."""

import json
from collections.abc import Iterator

import pytest

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.configuration import load_environment
from leitstand.core.reconfiguring import variable
from leitstand.notebook.maintenance_mode import VARIABLE
from leitstand.sandbox import control
from tests.fixtures.by_hand import (
    RUNBOOK,
    Sheet,
    acted,
    events,
    journal,
    last,
    notebook,
    summary,
    texts,
    turned,
)
from tests.fixtures.command import Command
from tests.fixtures.lab import Cell, Kernel, kernel, small_production
from tests.fixtures.provisioning import eventually

SECRET = "ghp_Zr8Kq2Lm5Np7Tv9Wx3Yb1Cd4Ef6Gh0Ij2Kl3"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with small_production(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture(scope="module")
def desk(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that the tests of the module share: restarted rather than started."""
    with kernel(command, tmp_path_factory.mktemp("tab") / f"{RUNBOOK}.ipynb") as made:
        yield made


def test_a_run_by_hand_leaves_the_record_of_a_headless_one_and_nobody_saves(
    command: Command, desk: Kernel
) -> None:
    desk.restart()
    sheet = Sheet(on=turned(command), apply=True)
    own = f"print('{SECRET}')"
    shown = desk.all([*sheet.opening, Cell("mine", own), *sheet.all[2:]])
    assert {"ok"} == {one.status for one in shown}
    assert "Der Lauf ist versiegelt" in shown[-1].text
    # Each cell, its output and its number stand in the journal, without the secret.
    cells, ends = events(command, "cell.started"), events(command, "cell.completed")
    assert ["maintenance-04", "mine", *[c.id for c in sheet.all[2:]]] == [c["cell"] for c in cells]
    assert [*range(2, 2 + len(cells))] == [c["count"] for c in cells]
    assert {"completed"} == {end["status"] for end in ends}
    assert all(end["duration"] >= 0 for end in ends)
    assert "ist freigegeben" in json.dumps(ends[5]["outputs"])
    assert ["Parameter"] == [e["section"] for e in events(command, "cell.earlier")]
    assert SECRET not in texts(command, "journal.jsonl") + texts(command)
    executed = {c["id"]: c for c in notebook(command) if c["cell_type"] == "code"}
    assert sheet.parameters.source == "".join(executed["maintenance-03"]["source"])
    assert executed["maintenance-14"]["outputs"]
    marks = [c["source"] for c in notebook(command) if c["metadata"].get("tags")]
    assert ["*Eigene Zelle, nicht aus der Vorlage." in mark for mark in marks].count(True) == 1
    assert "– beendet" in texts(command)
    assert "completed" == summary(command)["status"]
    assert 0 == command("audit", "verify").code


def test_what_the_run_has_ended_with_is_not_added_to_and_begin_opens_another(
    command: Command, desk: Kernel
) -> None:
    sheet = Sheet(on=turned(command), apply=True)
    desk.all(sheet.all)
    before, size = last(command).name, len(journal(command))
    for cell in (sheet.change, sheet.observe, sheet.plan, sheet.approve, sheet.finish):
        assert "RunOver" == desk(cell).error
    assert size == len(journal(command))
    begun = desk(sheet.begin)
    assert f"Der Lauf {before} ist beendet. Dies ist ein neuer Lauf." in begun.text
    assert before != last(command).name
    # What cells made in the earlier run is gone, so that nothing is planned from it.
    stale = desk(sheet.plan)
    assert "„checked“ gibt es in diesem Kernel noch nicht" in stale.text
    assert "bis einschließlich „Vorprüfung“" in stale.text
    assert "CellOutOfOrder" == events(command, "error")[-1]["class"]
    kept = desk("print(*get_ipython().history_manager.exceptions.popitem()[1]['traceback'])")
    assert stale.text.split() == kept.text.split()
    # Nothing was begun: finish gives the run up.
    assert "ohne etwas geändert zu haben" in desk(sheet.finish).text
    assert "interrupted" == summary(command)["status"]


def test_steps_done_are_frozen_and_say_when_and_by_whom(command: Command, desk: Kernel) -> None:
    sheet = Sheet(on=turned(command), apply=True)
    desk.all([*sheet.until_approval, sheet.change])
    state = desk(sheet.begin).text
    assert "wird fortgesetzt" in state
    assert "✓ Ausführen" in state
    assert "✓ Revision anlegen; ✓ Verkehr umstellen" in state
    again = desk.all([sheet.observe, sheet.check, sheet.plan, sheet.approve, sheet.change])
    assert "ok" == again[-1].status
    assert "Revision anlegen: schon getan am" in again[-1].text
    assert "Es geschieht kein zweites Mal." in again[-1].text
    assert ["revision", "traffic"] == acted(command)
    early = desk(sheet.finish)
    assert "NotAtItsEnd" == early.error
    assert "offen ist: Nachprüfung" in early.text
    assert not events(command, "run.completed")
    desk(sheet.verify)
    assert "ok" == desk(sheet.finish).status
    assert ["new", "same"] == [
        e["kernel"] for e in journal(command) if e["event"] in {"run.started", "run.resumed"}
    ]


@pytest.mark.parametrize(
    "by_hand",
    [
        "approved = plan",
        "import types; approved = types.SimpleNamespace(plan=plan, approval=None)",
        """from datetime import UTC, datetime; from leitstand.core.plan import Approval, Approved
approved = Approved(plan, Approval(plan.digest, 'ich', datetime(2100, 1, 1, tzinfo=UTC)))""",
    ],
)
def test_what_no_gate_has_approved_is_refused(command: Command, desk: Kernel, by_hand: str) -> None:
    sheet = Sheet(on=turned(command), apply=True)
    desk.all(sheet.until_approval[:-1])
    assert "ok" == desk(by_hand).status
    refused = desk(sheet.change)
    assert "hat kein Gate dieses Laufs freigegeben" in refused.text
    assert "Traceback" not in refused.text
    assert [] == acted(command)
    # With its gate the run goes on.
    desk.all([sheet.approve, sheet.change, sheet.verify, sheet.finish])
    assert "completed" == summary(command)["status"]


def test_other_values_begin_another_run_only_as_long_as_nothing_is_begun(
    command: Command, desk: Kernel
) -> None:
    on = turned(command)
    sheet, other = Sheet(on=on, apply=True), Sheet(on=not on, apply=True)
    desk.all(sheet.opening)
    first = last(command)
    assert "hatte andere Werte und hat nichts geändert" in desk.all(other.opening)[-1].text
    assert [130] == [
        e["exit_code"] for e in Journal(first / "journal.jsonl") if e["event"] == "run.failed"
    ]
    desk.all([*sheet.until_approval, sheet.change])
    run = last(command).name
    refused = desk.all(other.opening)[-1]
    assert "OtherParameters" == refused.error
    assert "es unterscheiden sich: on" in refused.text
    assert f"leitstand revert {run}" in refused.text
    assert run == last(command).name
    assert "ok" == desk.all([*sheet.opening, sheet.verify, sheet.finish])[-1].status


def test_a_second_kernel_on_the_notebook_is_refused_and_so_is_resume(
    command: Command, desk: Kernel
) -> None:
    sheet = Sheet(on=turned(command), apply=True)
    desk.all([*sheet.until_approval])
    run = last(command).name
    with kernel(command, desk.notebook) as second:
        refused = second.all(sheet.opening)[-1]
        assert "RunUnderWayElsewhere" == refused.error
        assert "gehört gerade einem anderen Kernel" in refused.text
    assert run == last(command).name
    assert "noch im Gang" in command("resume", run).problems
    assert "ok" == desk.all([sheet.change, sheet.verify, sheet.finish])[-1].status


def test_after_a_restart_the_run_goes_on_and_nothing_is_done_twice(
    command: Command, desk: Kernel
) -> None:
    sheet = Sheet(on=turned(command), apply=True)
    desk.all([*sheet.until_approval, sheet.change])
    run = last(command).name
    desk.restart()
    # The kernel ended in order: its record is whole so far, without any saving.
    assert "kernel.ended" == journal(command)[-1]["event"]
    assert (last(command) / "record.json").exists()
    assert "maintenance-14" in texts(command)
    # Before begin() too, a cell that comes too early says what comes first.
    early = desk(sheet.change)
    assert "bis einschließlich „Parameter“" in early.text
    begun = desk.all(sheet.opening)[-1]
    assert f"Der Lauf {run} wird fortgesetzt." in begun.text
    assert "✓ Ausführen" in begun.text
    assert "„approved“ gibt es in diesem Kernel noch nicht" in desk(sheet.change).text
    rest = desk.all(sheet.all[2:])
    assert {"ok"} == {one.status for one in rest}
    assert ["revision", "traffic"] == acted(command)
    assert run == last(command).name
    assert (last(command) / "notebook-1.ipynb").exists()
    assert 0 == command("audit", "verify").code


def test_a_kernel_killed_in_an_action_is_taken_up_where_it_was(
    command: Command, desk: Kernel
) -> None:
    sheet = Sheet(on=turned(command), apply=True)
    desk.all([*sheet.until_approval, Cell("", "print('lost', 'words')")])
    desk("import os; os.environ['LEITSTAND_CRASH_AFTER'] = str(len(run.journal.events()) + 5)")
    assert "died" == desk.result(desk.send(sheet.change)).status
    assert ["revision"] == acted(command)
    assert not events(command, "action.outcome")
    assert "abgerissen" in command("runs").output
    desk.revive()
    assert "wird fortgesetzt" in desk.all(sheet.opening)[-1].text
    # What the killed kernel showed was made up from the journal.
    kept = texts(command, "notebook-1.ipynb")
    assert "lost words" in kept
    assert "Nicht zu Ende: Der Kernel endete währenddessen." in kept
    assert {"ok"} == {one.status for one in desk.all(sheet.all[2:])}
    done = [e["id"] for e in events(command, "action.outcome") if e["status"] != "failed"]
    assert ["revision", "traffic"] == done
    assert 0 == command("audit", "verify").code


def test_cells_changed_or_deleted_later_stay_in_the_record(command: Command, desk: Kernel) -> None:
    sheet = Sheet(apply=False)
    changed = Cell(sheet.check.id, f"print('{SECRET}'); {sheet.check.source}")
    failing = Cell("scratch", "1 / 0")
    desk.all([*sheet.opening, sheet.observe, changed])
    desk(failing)
    desk.all([sheet.check, *sheet.all[4:]])
    cells = notebook(command)
    sources = [cell["source"] for cell in cells]
    assert SECRET not in texts(command)
    assert any("Geändert gegenüber der Vorlage." in source for source in sources)
    assert any(source.startswith("print('[") for source in sources)
    assert any("Noch einmal ausgeführt." in source for source in sources)
    (scratch,) = [cell for cell in cells if cell["source"] == "1 / 0"]
    assert "ZeroDivisionError" == scratch["outputs"][0]["ename"]
    assert "completed" == summary(command)["status"]


def test_a_killed_run_that_nobody_goes_on_with_is_sealed_with_its_notebook(
    command: Command, desk: Kernel
) -> None:
    desk.all([*Sheet(apply=False).opening, Cell("", "print('last words')")])
    desk.kill()
    run = last(command)
    assert not (run / "notebook.ipynb").exists()
    assert 0 == command("audit", "seal", run.name, "--crashed").code
    assert "last words" in texts(command)
    assert (run / "record.json").exists()
    desk.revive()


def test_a_gate_that_refuses_stops_run_all_and_ends_as_refused(
    command: Command, desk: Kernel
) -> None:
    # As on prod: a second person is needed, and nobody comes.
    path = command.project / "config" / "environments" / "sandbox.yaml"
    before = path.read_text("utf-8")
    command.configure(requires_ticket=True)
    try:
        shown = desk.all(Sheet(apply=True).all)
    finally:
        path.write_text(before, "utf-8")
    assert ["ok", "error", *["aborted"] * 7] == [one.status for one in shown]
    assert not acted(command)
    assert not events(command, "plan.made")


def test_what_someone_else_changed_before_the_first_action_stays_and_nothing_is_taken_back(
    command: Command, desk: Kernel
) -> None:
    running = control.find(command.home / "sandbox")
    assert running is not None
    directory = command.project / "config" / "environments"
    environment = load_environment("sandbox", directory)
    cloud = CloudRun(Connection(environment, running.grpc))
    web = cloud.service(environment.service_name("web"))
    shown_now = variable(cloud.revision(web.name, web.latest_ready_revision).template, VARIABLE)
    sheet = Sheet(on=not shown_now, apply=True)
    desk.all(sheet.until_approval)
    operation = cloud.start_scaling(web.name, web.etag, {"min_instance_count": 1})
    assert eventually(lambda: cloud.operation(operation).done)
    theirs = cloud.service(web.name)
    refused = desk(sheet.change)
    assert "ChangedMeanwhile" == refused.error
    assert "seit der Plan entstand" in refused.text
    assert [] == events(command, "action.operation")
    assert theirs == cloud.service(web.name)
    assert ["rollout.left"] == [e["event"] for e in journal(command) if "rollout" in e["event"]]
