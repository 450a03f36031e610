"""How a run ended: exit code, one German sentence and one piece of advice, from its journal."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

from leitstand.core.errors import ExitCode
from leitstand.core.run_over import told
from leitstand.notebook.managed_run import Failure, ManagedRun
from leitstand.notebook.run_directory import write_private
from leitstand.notebook.scheduled import report_end

__all__ = ["Result", "conclude"]

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        run: Id of the run.
        runbook: Name of the runbook.
        env: Environment, empty when the notebook has none.
        status: ``completed``, ``finding``, ``refused``, ``failed``, ``paused``, ``rolled_back``
            or ``interrupted``.
        exit_code: See `leitstand.core.errors.ExitCode`.
        error: Name of the error's class, empty at success.
        message: What was wrong, one German sentence; empty at success.
        advice: What to do, one German sentence.
        duration: Seconds.
        directory: The run's directory.
        notebook: The executed notebook.
        broken_glass: The reasons for which plans were applied without a second person.
        html: Its copy as HTML, or empty.
        record: Number of its record in the chain; 0 while it has none.
        unsealed: Why it has none, as German sentences, or empty.
    """

    run: str
    runbook: str
    env: str
    status: str
    exit_code: int
    error: str
    message: str
    advice: str
    duration: float
    directory: str
    notebook: str
    broken_glass: tuple[str, ...] = ()
    html: str = ""
    record: int = 0
    unsealed: str = ""

    def as_data(self) -> dict[str, object]:
        """Return the result as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _End:
    exit_code: int
    error: str = ""
    message: str = ""
    advice: str = ""


def conclude(run: ManagedRun) -> Result:
    """Journal how the run ended, write its summary and return both as a result.

    Where the kernel is gone and changes are open, they are first taken back.
    """
    journal = run.directory.journal
    events = journal.events()
    end = _End(ExitCode.SUCCESS) if run.failure is None else _end(run, run.failure, events)
    if run.failure is not None and _needs_recovery(run.failure, events):
        end = _recovered(run, end)
        events = journal.events()
    status = _status(end, events)
    if status == "completed":
        journal.append("run.completed")
    elif status not in {"paused", "rolled_back"} or not told(events, f"run.{status}"):
        journal.append(
            "run.failed",
            error=end.error,
            message=f"{end.message} {end.advice}".strip(),
            exit_code=int(end.exit_code),
        )
    result = Result(
        run=run.directory.id,
        runbook=run.template.name,
        env=str(run.values.get("env", "")),
        status=status,
        exit_code=int(end.exit_code),
        error=end.error,
        message=end.message,
        advice=end.advice,
        duration=round(monotonic() - run.started, 3),
        directory=str(run.directory.path),
        notebook=str(run.directory.notebook),
        broken_glass=_emergencies(events),
    )
    if not run.directory.notebook.exists():  # stopped before papermill had read it
        write_private(run.directory.notebook, run.template.path.read_text(encoding="utf-8"))
    # What comes later cannot stand in a file that is sealed.
    later = {"html", "record", "unsealed"}
    summary = {name: value for name, value in result.as_data().items() if name not in later}
    run.directory.write_summary(summary)
    report_end(result.runbook, result.run, result.exit_code, result.message)
    return result


def _needs_recovery(failure: Failure, events: Sequence[Event]) -> bool:
    if failure.kind == "error":  # the kernel lived, and has put things right itself
        return False
    from leitstand.execution.history import History

    return History.read(events).open


def _end(run: ManagedRun, failure: Failure, events: Sequence[Event]) -> _End:
    said = _last_error(events)
    if said is not None and failure.kind in {"error", "interrupted"}:
        return said
    command = f"leitstand resume {run.directory.id}"
    resume = f"Setzen Sie ihn mit {command} fort."
    where = f" im Abschnitt „{failure.section}“" if failure.section else ""
    match failure.kind:
        case "died":
            message = f"Der Python-Kernel ist{where} abgestürzt; der Lauf ist unterbrochen."
            return _End(ExitCode.FAILED, "KernelDied", message, resume)
        case "killed_outside":
            message = (
                f"Der Python-Kernel ist{where} von außen beendet worden (SIGKILL), meist weil der "
                "Arbeitsspeicher nicht reichte; der Lauf ist unterbrochen."
            )
            advice = f"Sorgen Sie für mehr davon, und führen Sie {command} aus."
            return _End(ExitCode.FAILED, "KernelDied", message, advice)
        case "killed":
            message = f"Der Lauf wurde{where} hart beendet."
            return _End(ExitCode.FAILED, "KernelKilled", message, resume)
        case "interrupted":
            message = f"Der Lauf wurde{where} angehalten."
            advice = f"Starten Sie {run.template.name} erneut, wenn Sie so weit sind."
            return _End(ExitCode.INTERRUPTED, "Interrupted", message, advice)
    detail = failure.text.strip().splitlines()[:1] or ["ohne Meldung"]
    return _End(
        ExitCode.UNEXPECTED,
        failure.error,
        f"Unerwarteter Fehler{where}: {failure.error}: {detail[0]}.".replace("..", "."),
        f"Lesen Sie die Zelle im Notebook {run.directory.notebook}.",
    )


def _last_error(events: Sequence[Event]) -> _End | None:
    """Return what the kernel said about the error, unless a later cell succeeded."""
    for event in reversed(events):
        if event["event"] == "error":
            return _End(
                int(event.get("exit_code", ExitCode.UNEXPECTED)),
                str(event.get("class", "")),
                str(event.get("message", "")),
                str(event.get("advice", "")),
            )
        if event["event"] in {"run.started", "run.resumed"}:
            return None
        if event["event"] == "cell.completed" and event.get("status") == "completed":
            return None
    return None


def _recovered(run: ManagedRun, end: _End) -> _End:
    """Take back what the dead kernel left open, and return how the run ends by that."""
    from leitstand.notebook.aftercare import recover_run

    run.listener.notice("Der Kernel ist fort; der Leitstand nimmt zurück, was offen ist.")
    try:
        with _own_sandbox_ended():
            error = recover_run(run.directory.path, end.message)
    except Exception as problem:  # noqa: BLE001  # whatever it is, the run must be concluded
        message = f"{end.message} Das Zurücknehmen ist gescheitert: {problem}"
        advice = f"Prüfen Sie den Dienst, und führen Sie leitstand revert {run.directory.id} aus."
        return _End(ExitCode.FAILED, type(problem).__name__, message, advice)
    return _End(int(error.exit_code), type(error).__name__, error.message, error.advice)


@contextmanager
def _own_sandbox_ended() -> Iterator[None]:
    """Stop a sandbox that this process has started within the block."""
    try:
        yield
    finally:
        import psutil

        from leitstand.project import sandbox_directory
        from leitstand.sandbox import control

        with suppress(control.SandboxError, psutil.Error):
            sandbox = control.find(sandbox_directory())
            if sandbox is not None and psutil.Process(sandbox.pid).ppid() == os.getpid():
                sandbox.stop()


def _emergencies(events: Sequence[Event]) -> tuple[str, ...]:
    """Return the reasons of all emergencies, whether or not somebody approved later."""
    broken = (event for event in events if event["event"] == "approval.broken_glass")
    return tuple(str(event["reason"]) for event in broken)


def _status(end: _End, events: Sequence[Event]) -> str:
    if end.exit_code == ExitCode.SUCCESS:
        return "completed"
    if end.exit_code == ExitCode.ROLLED_BACK:
        return "rolled_back"
    if end.exit_code == ExitCode.INTERRUPTED:
        return "interrupted"
    if end.exit_code == ExitCode.FINDING:
        return "finding"
    if end.exit_code in {ExitCode.BAD_INPUT, ExitCode.REFUSED}:
        return "refused"
    if end.exit_code == ExitCode.FAILED and told(events, "run.paused"):
        return "paused"
    return "failed"
