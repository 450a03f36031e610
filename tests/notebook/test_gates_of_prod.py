"""“Run all” on prod, in a real kernel: it stops at the first gate and does nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leitstand.audit.journal import Journal
from tests.fixtures.approving import People
from tests.fixtures.command import ROOT, Command, new_project
from tests.fixtures.lab import Kernel, Shown, cells_of, kernel, small_production

RUNBOOKS = sorted(path.stem for path in (ROOT / "runbooks").glob("*.ipynb"))
HARMLESS = {
    "run.started", "run.resumed", "run.failed", "cell.started", "cell.completed", "cell.earlier",
    "kernel.ended", "error", "redaction",
}  # fmt: skip
TICKET = ("Ein Lauf auf prod braucht ein Ticket.", "Nennen Sie es mit --ticket")
PERSON = (
    "Auf prod wird ohne Freigabe einer zweiten Person nichts geändert.",
    "Tragen Sie in config/environments/prod.yaml unter approvals ein",
)
LOGIN = (
    "Für prod gibt es auf diesem Rechner keine Anmeldung bei Google Cloud.",
    "Melden Sie sich",
)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command in the project as the repository has it, on a machine without a login."""
    return Command(*new_project(tmp_path_factory.mktemp("prod")))


@pytest.fixture(scope="module")
def desk(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with kernel(command, tmp_path_factory.mktemp("tab") / "prod.ipynb") as made:
        yield made


def told(shown: list[Shown]) -> list[str]:
    """What the cell says with which everything stops, besides what became of the run before."""
    assert ["ok", "error"] == [one.status for one in shown[:2]]
    assert {"aborted"} == {one.status for one in shown[2:]}
    lines = [line.strip() for line in shown[1].text.splitlines() if line.strip()]
    return [line for line in lines if not line.endswith("Dies ist ein neuer Lauf.")]


@pytest.mark.parametrize(
    ("runbook", "ticket", "apply", "sentences"),
    [
        pytest.param(runbook, *case, marks=[] if runbook == "release" else pytest.mark.sweep)
        for runbook in RUNBOOKS
        for case in (
            ("", True, TICKET), ("", False, TICKET),
            ("OPS-1", True, PERSON), ("OPS-1", False, LOGIN),
        )
    ],
)  # fmt: skip
def test_run_all_on_prod_stops_at_the_first_gate_with_two_sentences_and_does_nothing(
    command: Command, desk: Kernel, runbook: str, ticket: str, apply: bool,
    sentences: tuple[str, str],
) -> None:  # fmt: skip
    cells = cells_of(runbook, env="prod", ticket=ticket, apply=apply)
    lines = told(desk.all(cells))
    assert 2 == len(lines), lines
    assert [True, True] == [
        line.startswith(begin) for line, begin in zip(lines, sentences, strict=True)
    ], lines
    events = [event for run in command.runs for event in Journal(run / "journal.jsonl")]
    assert set() == {str(event["event"]) for event in events} - HARMLESS
    assert not (command.home / "sandbox").exists()
    assert not (command.home / "locks").exists()


def test_with_a_login_run_all_stops_where_a_second_person_must_come(tmp_path: Path) -> None:
    with small_production(tmp_path / "as-prod") as command:
        policy = People.met(tmp_path).policy.model_copy(update={"deadline": 1})
        command.configure(
            requires_ticket=True, requires_second_person=True,
            approvals=policy.model_dump(mode="json"),
        )  # fmt: skip
        cells = cells_of("maintenance_mode", ticket="OPS-1", apply=True)
        with kernel(command, tmp_path / "maintenance_mode.ipynb") as desk:
            shown = desk.all(cells)
        assert ["ok"] * 5 + ["error"] + ["aborted"] * 3 == [one.status for one in shown]
        assert "ApprovalPending" == shown[5].error
        assert "Traceback" not in shown[5].text
        names = command.events()
        assert "plan.made" in names
        assert [] == [name for name in names if name.startswith(("action.", "approval.given"))]
        assert 0 == command("audit", "verify").code
