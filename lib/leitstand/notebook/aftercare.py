"""What can be done with a run that has ended early: recover, revert."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from leitstand.audit.journal import FORMAT
from leitstand.audit.redaction.marks import MARK
from leitstand.core.commands.families import WRITERS
from leitstand.core.errors import GateRefused, InputError, LeitstandError
from leitstand.core.lock_errors import LockLost
from leitstand.core.resuming import check_format, check_left
from leitstand.execution.history import History
from leitstand.notebook.provenance import provenance
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.run_facts import check_place, environment_of, started
from leitstand.notebook.sealed import seal_ended
from leitstand.notebook.template import Template, find_template, read_template
from leitstand.project import project_root, runbooks_directory, runs_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from leitstand.audit.journal import Journal
    from leitstand.cloud.connection import Connection
    from leitstand.core.plan import Approved

__all__ = [
    "ParametersMasked",
    "RunEnded",
    "RunUnderWay",
    "RunbookChanged",
    "UnknownRun",
    "find_run",
    "recover_run",
    "resumable",
    "revert_run",
    "stopped",
]


class UnknownRun(InputError):
    """There is no run with this id, here or among the open ones of other machines."""

    def __init__(self, run: str, unasked: Sequence[str] = ()) -> None:
        rest = f" Nicht gefragt werden konnte der Speicher von {', '.join(unasked)}."
        super().__init__(
            f"Den Lauf „{run}“ gibt es weder auf diesem Rechner noch offen im Speicher."
            f"{rest if unasked else ''}",
            "Sehen Sie mit „leitstand runs“ nach, welche es gibt, mit --env auch im Speicher.",
        )
        self.run = run


class RunUnderWay(GateRefused):
    """The run is still being executed."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} ist noch im Gang.",
            "Warten Sie, bis er endet, oder halten Sie ihn dort an, wo er läuft.",
        )
        self.run = run


class RunEnded(GateRefused):
    """The run is over; there is nothing to go on with."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} ist beendet; es gibt nichts fortzusetzen.",
            "Starten Sie das Runbook neu.",
        )
        self.run = run


class RunbookChanged(GateRefused):
    """The runbook was changed since the run began."""

    def __init__(self, run: str, runbook: str) -> None:
        super().__init__(
            f"Das Runbook {runbook} wurde geändert, seit der Lauf {run} begann.",
            f"Stellen Sie den alten Stand wieder her, oder nehmen Sie den Lauf zurück:"
            f" leitstand revert {run}.",
        )
        self.run = run


class ParametersMasked(GateRefused):
    """A parameter of the run is not known any more: what it held was masked."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Ein Parameter des Laufs {run} war vertraulich und steht nicht im Journal.",
            f"Starten Sie das Runbook neu, oder nehmen Sie den Lauf zurück:"
            f" leitstand revert {run}.",
        )
        self.run = run


def find_run(run: str) -> RunDirectory:
    """Return the directory of a run by its id, or by a beginning that only one run has.

    Raises:
        UnknownRun: no run, or more than one, fits.
    """
    exact = runs_directory() / run
    if run and "/" not in run and (exact / "journal.jsonl").is_file():
        return RunDirectory(exact)
    fitting = [
        path
        for path in runs_directory().iterdir()
        if run and path.name.startswith(run) and (path / "journal.jsonl").is_file()
    ]
    if len(fitting) != 1:
        raise UnknownRun(run)
    return RunDirectory(fitting[0])


def resumable(run: RunDirectory) -> tuple[Template, dict[str, object]]:
    """Return the runbook and the parameters with which a run goes on; read-only.

    Raises:
        JournalTooNew: a newer Leitstand has written its journal.
        OtherProject: its environment belongs to another project now.
        OtherSandbox: it began in another sandbox.
        LibraryChanged: this Leitstand would do something else with what is left.
        RunEnded: the run is completed, taken back, or given up.
        RunbookChanged: the runbook is not the one that the run was started from.
        ParametersMasked: a parameter held a secret or an address, which the journal does not.
    """
    begin = started(run)
    check_format(run.id, begin, FORMAT)
    if not begin or History.read(run.journal).ended:
        raise RunEnded(run.id)
    template = read_template(find_template(str(begin["runbook"]), runbooks_directory()))
    if template.digest != begin["template_digest"]:
        raise RunbookChanged(run.id, template.name)
    check_place(run)
    check_left(run.id, run.journal, provenance(project_root())["library"], WRITERS)
    parameters = begin["parameters"]
    if MARK.search(json.dumps(parameters)):
        raise ParametersMasked(run.id)
    return template, dict(parameters) if isinstance(parameters, dict) else {}


@contextmanager
def stopped(run: RunDirectory) -> Iterator[None]:
    """Make sure that nobody executes the run while the block runs.

    Raises:
        RunUnderWay: somebody does.
    """
    descriptor = os.open(run.path / "under-way", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunUnderWay(run.id) from error
        yield
    finally:
        os.close(descriptor)


def recover_run(path: Path, reason: str) -> LeitstandError:
    """Bring a run whose kernel is gone to a safe end; return the error that ends it.

    Where somebody has taken its locks over, it changes nothing: going back or on is for a person to
    decide then, by revert or resume, even when the locks can be had again.
    """
    from leitstand.execution.recovery import recover

    run = RunDirectory(path)
    try:
        _check_not_taken_over(run)
        connection = _connection(run)
        with _locked(run, connection) as journal:
            check = _proof(run, connection, ask=False)
            journal.carry(connection.calls.take)
            return recover(run.id, journal, connection, reason, check)
    except LeitstandError as error:
        return error


def revert_run(run: RunDirectory) -> LeitstandError:
    """Apply the way back of a run that nobody executes; return the error that ends it.

    The run is sealed again, as a further part.

    Raises:
        RunUnderWay: somebody executes it.
        JournalTooNew: a newer Leitstand has written its journal.
        OtherProject: its environment belongs to another project now.
        OtherSandbox: it began in another sandbox.
        ContinuedElsewhere: another machine has gone on with it.
        Locked: another run works on one of its targets.
        NothingToTakeBack: nothing is open.
        TakenOver: someone else has moved the traffic since.
        ApprovalUnproven: no second person has approved the plan, and one is needed; it now waits.
    """
    from leitstand.execution.recovery import revert
    from leitstand.notebook.left_runs import complete_left

    reason = "Der Lauf wurde zurückgenommen."
    check_format(run.id, started(run), FORMAT)
    check_place(run)
    with stopped(run):
        complete_left(run)
        connection = _connection(run)
        with _locked(run, connection) as journal:
            check = _proof(run, connection, ask=True)
            journal.carry(connection.calls.take)
            ended = revert(run.id, journal, connection, reason, check)
    seal_ended(run.path, connection.environment.name)
    return ended


def _check_not_taken_over(run: RunDirectory) -> None:
    """Raise LockLost where the run's locks were taken over since a person last started it."""
    from leitstand.core.locks import Takeover
    from leitstand.execution.recovery import approved_plan
    from leitstand.notebook.locking import taken_over

    journal = run.journal
    for event in reversed(journal.events()):
        if event["event"] in {"run.started", "run.resumed"}:
            break
        if event["event"] == "lock.lost":
            by, other, reason = (str(event.get(key, "")) for key in ("by", "run", "reason"))
            over = Takeover(by, other, reason) if by else None
            raise LockLost(run.id, over, datetime.fromisoformat(str(event["at"])))
    # Where nothing is open there was nothing to lock.
    if approved_plan(journal) is None or not History.read(journal).open:
        return
    if (lost := taken_over(run.id, environment_of(run))) is not None:
        raise lost


def _proof(
    run: RunDirectory, connection: "Connection", *, ask: bool
) -> "Callable[[Approved], None]":
    from leitstand.notebook.proving import check_proven

    return partial(check_proven, run.id, run.journal, connection, ask=ask)


@contextmanager
def _locked(run: RunDirectory, connection: "Connection") -> "Iterator[Journal]":
    """Hold the locks on what the run's plan changes; yield the journal that they guard.

    Where nothing is open there is nothing to lock.
    """
    from leitstand.execution.recovery import approved_plan
    from leitstand.notebook.locking import Locking, holder_here
    from leitstand.notebook.mirroring import Mirroring
    from leitstand.notebook.operators import operator_at

    journal = run.journal
    approved = approved_plan(journal)
    if approved is None or not History.read(journal).open:
        yield journal
        return
    begin = started(run)
    said = {key: str(begin.get(key, "")) for key in ("runbook", "ticket")}
    locks = Locking(
        connection, journal, holder_here(operator_at(connection).name, run=run.id, **said)
    )
    locks.acquire(approved.plan)
    try:
        Mirroring(run, connection, journal).claim(approved.plan)
        yield journal
    finally:
        locks.release()


def _connection(run: RunDirectory) -> "Connection":
    from leitstand.notebook.sandboxes import connect

    return connect(environment_of(run), run.redactor.learn)
