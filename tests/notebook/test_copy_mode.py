"""Copy mode of a run: from its journal, so without secrets, and without what is done."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from leitstand.audit.journal_fields import SecretInPlan
from leitstand.audit.run_files import files_of
from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.plan import Action, Approved, Plan
from leitstand.notebook.copy_mode import NoPlan, commands_of, write_commands
from leitstand.notebook.run import Run
from leitstand.notebook.run_directory import RunDirectory, create_run_directory
from leitstand.notebook.template import find_template, read_template

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
SERVICE = "projects/leitstand-sandbox/locations/europe-west3/services/web"
LATER = datetime(2030, 1, 1, tzinfo=UTC)
OPERATION = "projects/leitstand-sandbox/locations/europe-west3/operations/op-7"


def scale(name: str, most: int) -> Action:
    return Action(name, "set_scaling", SERVICE, {"scaling": {"max_instance_count": most}})


PLAN = Plan("scale", "sandbox", SERVICE, {}, (scale("first", 11), scale("second", 12)),
            (scale("back", 10),))  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    (tmp_path / "runs").mkdir()
    made = create_run_directory(tmp_path / "runs", "scale")
    made.journal.append("run.started", run=made.id, runbook="scale", env="sandbox", ticket="OPS-7")
    return made


def plan(run: RunDirectory, made: Plan, *, approve: bool = True) -> None:
    run.journal.append("plan.made", plan=made.as_data(), digest=made.digest)
    if approve:
        run.journal.append("approval.given", digest=made.digest, by="b", expires_at=LATER)


def test_without_a_plan_there_is_nothing_to_show(run: RunDirectory) -> None:
    with pytest.raises(NoPlan):
        commands_of(run)


def test_what_is_done_is_gone_and_what_is_under_way_is_waited_for(run: RunDirectory) -> None:
    plan(run, PLAN)
    run.journal.append("action.intent", id="first", kind="set_scaling")
    run.journal.append("action.outcome", id="first", status="done", evidence={})
    run.journal.append("action.intent", id="second", kind="set_scaling")
    run.journal.append("action.operation", id="second", operation=OPERATION)
    shown = commands_of(run)
    assert "✓ 1/2 first: schon getan." in shown
    assert f"/v2/{OPERATION}" in shown
    assert '"maxInstanceCount": 11' not in shown
    assert '"maxInstanceCount": 12' not in shown
    assert '"maxInstanceCount": 10' in shown
    assert "Ticket OPS-7" in shown
    assert "freigegeben von b" in shown


def test_a_run_that_only_showed_its_plan_leaves_all_of_it_to_do(run: RunDirectory) -> None:
    plan(run, PLAN, approve=False)
    run.journal.append("run.completed")
    shown = commands_of(run)
    assert '"maxInstanceCount": 11' in shown
    assert "nicht freigegeben" in shown


def test_a_run_that_did_all_leaves_nothing(run: RunDirectory) -> None:
    plan(run, PLAN)
    for action in PLAN.actions:
        run.journal.append("action.intent", id=action.id, kind=action.kind)
        run.journal.append("action.outcome", id=action.id, status="done", evidence={})
    run.journal.append("run.completed")
    assert "maxInstanceCount" not in commands_of(run)


def test_a_plan_that_was_begun_stays_though_another_was_made_after_it(run: RunDirectory) -> None:
    plan(run, PLAN)
    run.journal.append("action.intent", id="first", kind="set_scaling")
    plan(run, Plan("scale", "sandbox", SERVICE, {}, (scale("other", 99),)), approve=False)
    shown = commands_of(run)
    assert PLAN.digest[:12] in shown
    assert '"maxInstanceCount": 99' not in shown


def test_several_plans_stand_in_their_order_and_their_ways_back_the_other_way_round(
    run: RunDirectory,
) -> None:
    plan(run, PLAN)
    plan(run, Plan("scale/after", "sandbox", SERVICE, {}, (scale("third", 13),)))
    shown = commands_of(run)
    titles = ["Plan scale (", "Plan scale/after (", "Rückweg von scale/after",
              "Rückweg von scale ══"]  # fmt: skip
    places = [shown.index(title) for title in titles]
    assert sorted(places) == places


def test_the_file_is_private_and_sealed_with_the_run(run: RunDirectory) -> None:
    plan(run, PLAN)
    path = write_commands(run, load_environment("sandbox"))
    assert 0o600 == path.stat().st_mode & 0o777
    assert "commands.sh" in files_of(run.path)[0]
    # What reads a token when it is run is not masked as if it was one.
    assert "[geheim" not in path.read_text("utf-8")


def test_a_plan_with_a_secret_is_refused_before_it_is_put_as_commands(run: RunDirectory) -> None:
    secret = "s3hr-geheimes-Kennwort-4711"
    run.redactor.learn([secret])
    body = {"kind": "compute.networks", "id": "n", "wanted": {"description": f"mit {secret}"}}
    create = Action("n", "create_resource", "projects/p/global/networks/n", body)
    with pytest.raises(SecretInPlan):
        plan(run, Plan("provision", "sandbox", "p", {}, (create,)))
    with pytest.raises(NoPlan):
        write_commands(run, load_environment("sandbox"))
    assert not (run.path / "commands.sh").exists()


def test_of_a_sandbox_that_does_not_run_no_call_goes_to_google(run: RunDirectory) -> None:
    plan(run, PLAN)
    shown = commands_of(run)
    assert "http://sandbox.invalid/run/v2/" in shown
    assert "googleapis.com" not in shown
    assert "leitstand sandbox up" in shown


def notebook_run(run: RunDirectory) -> Run:
    environment = load_environment("sandbox")
    template = read_template(find_template("release", RUNBOOKS))
    connection = Connection(environment, "127.0.0.1:9", "http://127.0.0.1:9")
    parameters = {"apply": True, "ticket": "OPS-7"}
    return Run(run, template, environment, parameters, connection, "b")


def act(made: Run) -> None:
    """Do the first action in a step that fails after it."""
    with made.step("first", "Erster Schritt"):
        made.journal.append("action.intent", id="first", kind="set_scaling")
        made.journal.append("action.outcome", id="first", status="done", evidence={})
        raise KeyError


def test_the_file_is_as_new_as_the_last_step(run: RunDirectory) -> None:
    made, file = notebook_run(run), run.path / "commands.sh"
    with made.step("observe", "Beobachten"):
        pass
    assert not file.exists()
    made.planned(PLAN)
    assert "nicht freigegeben" in file.read_text("utf-8")
    assert isinstance(made.approve(PLAN), Approved)
    assert "freigegeben von b" in file.read_text("utf-8")
    with pytest.raises(KeyError):
        act(made)
    assert "✓ 1/2 first: schon getan." in file.read_text("utf-8")
    made.finish()


def test_a_file_that_cannot_be_written_ends_no_run(run: RunDirectory) -> None:
    made = notebook_run(run)
    (run.path / "commands.sh" / "in the way").mkdir(parents=True)
    made.planned(PLAN)
    with made.step("first", "Erster Schritt"):
        pass
    ends = [event["event"] for event in run.journal][-3:]
    assert ["plan.made", "step.started", "step.completed"] == ends
