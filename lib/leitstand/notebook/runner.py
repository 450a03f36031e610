"""Execute a notebook as a run: check, make the run directory, papermill, result.

The kernel starts first, and papermill is imported while it does.
"""

import logging
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Self

from leitstand.core.errors import ExitCode, LeitstandError
from leitstand.notebook.conclusion import Result, conclude
from leitstand.notebook.imports import import_papermill
from leitstand.notebook.listener import Listener
from leitstand.notebook.managed_run import Failure, ManagedRun, open_run
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.scheduled import report_end
from leitstand.notebook.template import Template

__all__ = ["run_notebook"]


def run_notebook(
    template: Template,
    given: Mapping[str, object],
    runs: Path,
    *,
    project: Path | None = None,
    listener: Listener | None = None,
    resumed: RunDirectory | None = None,
    html: bool = False,
) -> Result:
    """Execute a notebook through papermill and return how it ended.

    The executed notebook and the journal lie in a new directory below ``runs``, also after a
    failure. No process is left running.

    Args:
        template: The notebook.
        given: Parameters besides the defaults.
        runs: Directory of all runs.
        project: Root of the project.
        listener: Who hears of the run while it goes on.
        resumed: The run to go on with, instead of a new one.
        html: Also write the executed notebook as an HTML file.

    Raises:
        ParameterError: the parameters do not fit; nothing was made or started.
        RunUnderWay: the run to go on with is not over.
    """
    with _Signals() as signals:
        run = open_run(template, given, runs, project=project, listener=listener, resumed=resumed)
        try:
            signals.release()
            _execute(run, given)
        except KeyboardInterrupt:
            run.failure = run.failure or Failure("interrupted", "", "KeyboardInterrupt")
        except LeitstandError as error:
            run.failure = _told(run, error)
        except BaseException as error:
            _give_up(run, error)
            raise
        finally:
            signals.hold()  # what is put right now is not to be broken off
            run.close()
        return _sealed(conclude(run), html=html)


def _sealed(result: Result, *, html: bool) -> Result:
    from leitstand.notebook.html import write_html
    from leitstand.notebook.locking import give_back_left
    from leitstand.notebook.sealed import seal_ended

    give_back_left(result.run, result.env)
    copy = str(write_html(Path(result.notebook))) if html else ""
    kept = seal_ended(Path(result.directory), result.env)
    return replace(result, html=copy, record=kept.seq, unsealed=kept.problem)


def _execute(run: ManagedRun, given: Mapping[str, object]) -> None:
    import_papermill()
    import papermill
    from papermill.exceptions import PapermillExecutionError

    # Its warnings are our refusals.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        papermill.execute_notebook(
            _verbatim(run.template.path),
            None,
            parameters=dict(given),
            engine_name="leitstand",
            progress_bar=False,
            leitstand_run=run,
        )
    except PapermillExecutionError as error:
        run.failure = run.failure or Failure("error", "", error.ename, error.evalue)


def _verbatim(path: Path) -> str:
    """Return the path so that papermill's formatting of paths leaves it as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _told(run: ManagedRun, error: LeitstandError) -> Failure:
    """Journal an error of the runner itself as the kernel journals its own."""
    run.directory.journal.append(
        "error",
        **{"class": type(error).__name__},
        exit_code=int(error.exit_code),
        message=error.message,
        advice=error.advice,
    )
    return Failure("error", "", type(error).__name__, str(error))


def _give_up(run: ManagedRun, error: BaseException) -> None:
    with suppress(OSError):  # a full disk must not hide what went wrong first
        run.directory.journal.append(
            "run.failed",
            error=type(error).__name__,
            message=str(error),
            exit_code=int(ExitCode.UNEXPECTED),
        )
    report_end(run.template.name, run.directory.id, ExitCode.UNEXPECTED, str(error))


class _Signals:
    """Turns SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt from `release` to `hold`.

    While cells run, the client handles them instead. Outside the main thread it does nothing.
    """

    def __init__(self) -> None:
        self._held, self._pending = True, False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with suppress(ValueError):  # not the main thread
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def release(self) -> None:
        """Raise KeyboardInterrupt from now on, and at once when a signal was held back."""
        self._held = False
        if self._pending:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """Ignore signals from now on."""
        self._held = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            raise KeyboardInterrupt
