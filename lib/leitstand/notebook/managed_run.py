"""A run that the runner or the papermill engine owns, from its directory to its kernel."""

import fcntl
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from leitstand.audit.index import HOLD_FILE
from leitstand.audit.journal import FORMAT
from leitstand.core.parameters import as_literals, check_parameters
from leitstand.notebook.kernel import Kernel, start_kernel
from leitstand.notebook.listener import Listener, SilentListener
from leitstand.notebook.operators import operator_of
from leitstand.notebook.origin import origin, project_of
from leitstand.notebook.provenance import provenance
from leitstand.notebook.run_directory import RunDirectory, create_run_directory, journal_masked
from leitstand.notebook.template import Template

__all__ = ["Failure", "FailureKind", "ManagedRun", "hold_run", "keep_notebook", "open_run"]


FailureKind = Literal["error", "interrupted", "died", "killed_outside", "killed"]


@dataclass(frozen=True)
class Failure:
    """Why the cells of a run did not all succeed.

    Attributes:
        kind: ``error`` in a cell; ``interrupted`` by the operator; the kernel ``died`` by itself;
            it was ``killed_outside``, as the system does when memory runs out;
            or it was ``killed`` by a second Ctrl-C or because it did not stop in time.
        section: The heading above the cell.
        error: Name of the exception's class, empty when there is none.
        text: Text of the exception.
    """

    kind: FailureKind
    section: str
    error: str = ""
    text: str = ""


@dataclass
class ManagedRun:
    """One execution of a notebook.

    Attributes:
        directory: What the run leaves behind.
        template: The notebook before execution.
        values: All parameters as literals.
        kernel: Its kernel process.
        hold: Descriptor of the lock that says that the run is under way; -1 when it is over.
        listener: Who hears of it.
        started: Monotonic time of the start, seconds.
        failure: Why it failed; None while it has not.
    """

    directory: RunDirectory
    template: Template
    values: Mapping[str, object]
    kernel: Kernel
    hold: int
    listener: Listener = field(default_factory=SilentListener)
    started: float = field(default_factory=time.monotonic)
    failure: Failure | None = None

    def close(self) -> None:
        """End the kernel and everything below it, and let go of the run; once is enough."""
        if self.hold < 0:
            return
        self.kernel.close()
        with suppress(OSError):  # a full disk must not hide how the run ended
            journal_masked(self.directory)
        os.close(self.hold)
        self.hold = -1


def open_run(
    template: Template,
    given: Mapping[str, object],
    runs: Path,
    *,
    project: Path | None,
    listener: Listener | None = None,
    resumed: RunDirectory | None = None,
) -> ManagedRun:
    """Check the parameters, make the run directory, start the kernel and journal the start.

    Args:
        template: The notebook.
        given: Parameters besides the defaults.
        runs: Directory of all runs.
        project: Root of the project, the kernel's working directory for a runbook.
        listener: Who hears of the run.
        resumed: The run to go on with, instead of a new one.

    Raises:
        ParameterError: the parameters do not fit; nothing was made or started.
        RunUnderWay: the run to go on with is not over.
    """
    values = as_literals(check_parameters(template.parameters, given))
    directory = resumed or create_run_directory(runs, template.name)
    hold = hold_run(directory)
    if resumed is not None:
        from leitstand.notebook.left_runs import complete_left

        complete_left(directory)
        keep_notebook(directory)
    acts_in = project_of(str(values.get("env", "")))  # what it parses, the kernel need not
    kernel = start_kernel(
        directory,
        _working_directory(template.path, project),
        {"LEITSTAND_PROJECT": str(project)} if project else {},
        template.imports,
    )
    try:  # while the kernel starts
        if resumed is None:
            _journal_start(directory, template, values, acts_in, project)
        else:
            _journal_resumption(directory, template, values, project)
    except BaseException:
        kernel.close()
        raise
    return ManagedRun(directory, template, values, kernel, hold, listener or SilentListener())


def _journal_start(
    directory: RunDirectory,
    template: Template,
    values: Mapping[str, object],
    acts_in: Mapping[str, str],
    project: Path | None,
) -> None:
    env = str(values.get("env", ""))
    directory.journal.append(
        "run.started",
        format=FORMAT,
        run=directory.id,
        runbook=template.name,
        env=env,
        **acts_in,
        **operator_of(env).fields,
        ticket=values.get("ticket", ""),
        parameters=values,
        template_digest=template.digest,
        **origin(),
        **provenance(project),
    )


def _journal_resumption(
    directory: RunDirectory,
    template: Template,
    values: Mapping[str, object],
    project: Path | None,
) -> None:
    directory.journal.append(
        "run.resumed",
        **operator_of(str(values.get("env", ""))).fields,
        template_digest=template.digest,
        host=socket.gethostname(),
        library=provenance(project)["library"],
    )


def hold_run(directory: RunDirectory) -> int:
    """Return a descriptor whose lock says that the run is under way, until it is closed.

    Raises:
        RunUnderWay: another process holds it.
    """
    path = directory.path / HOLD_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        from leitstand.notebook.aftercare import RunUnderWay

        raise RunUnderWay(directory.id) from error
    return descriptor


def keep_notebook(directory: RunDirectory) -> None:
    """Keep the notebook of the earlier execution under a number."""
    if directory.notebook.exists():
        number = 1
        while (kept := directory.path / f"notebook-{number}.ipynb").exists():
            number += 1
        directory.notebook.rename(kept)


def _working_directory(notebook: Path, project: Path | None) -> Path:
    if project is not None and notebook.is_relative_to(project):
        return project
    return notebook.resolve().parent
