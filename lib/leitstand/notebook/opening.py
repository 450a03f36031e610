"""Opens a run inside a notebook: parameters, environment, gates, connection, journal."""

import atexit
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from leitstand.configuration import load_environment
from leitstand.core.environment import Environment
from leitstand.core.errors import InputError, LeitstandError
from leitstand.core.gates import check_approval, check_ticket
from leitstand.core.parameters import as_literals, check_parameters
from leitstand.notebook.kernel_redaction import redact_kernel
from leitstand.notebook.operators import Operator, operator_at
from leitstand.notebook.origin import origin
from leitstand.notebook.run import Run
from leitstand.notebook.run_directory import (
    RUN_VARIABLE,
    RunDirectory,
    create_run_directory,
    journal_masked,
)
from leitstand.notebook.sandboxes import connect
from leitstand.notebook.template import Template, find_template, read_template
from leitstand.project import runbooks_directory, runs_directory

__all__ = ["NoNotebook", "begin"]


class NoNotebook(InputError):
    """``begin`` was called outside a notebook kernel."""

    def __init__(self) -> None:
        super().__init__(
            "begin() läuft nur in einem Notebook.",
            "Öffnen Sie das Runbook mit „leitstand lab“, oder starten Sie „leitstand run“.",
        )


def begin(runbook: str) -> Run:
    """Open the run of ``runbook`` with the parameters that stand in this notebook.

    Reads the parameters from the notebook's variables, checks them and the gates that need no
    observation, connects to the environment (the sandbox is started on demand) and opens the
    journal: that of the run which started this kernel, or of a new run.

    Raises:
        InputError: a parameter or the environment file cannot be used.
        GateRefused: the environment needs a ticket or a second person.
    """
    shell = _shell()
    _show_our_errors(shell)
    template = read_template(find_template(runbook, runbooks_directory()))
    given = {p.name: shell.user_ns[p.name] for p in template.parameters if p.name in shell.user_ns}
    directory, owned = _directory(runbook)
    redact_kernel(shell.kernel.session, directory.redactor)
    shell.user_ns["_leitstand_journal"] = directory.journal
    parameters = check_parameters(template.parameters, given)
    environment = load_environment(str(parameters["env"]))
    check_ticket(environment, str(parameters["ticket"]))
    check_approval(environment, bool(parameters["apply"]))
    connection = connect(environment, directory.redactor.learn)
    operator = operator_at(connection)
    if not owned:
        _journal_start(directory, template, environment, operator, parameters)
        atexit.register(journal_masked, directory)
    run = Run(directory, template, environment, parameters, connection, operator.name, owned=owned)
    run.journal.carry(connection.calls.take)
    run.show_head()
    return run


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        raise NoNotebook
    return shell


def _directory(runbook: str) -> tuple[RunDirectory, bool]:
    """Return the run directory, and whether the process that started this kernel made it."""
    named = os.environ.get(RUN_VARIABLE)
    if named:
        return RunDirectory(Path(named)), True
    return create_run_directory(runs_directory(), runbook), False


def _journal_start(
    directory: RunDirectory,
    template: Template,
    environment: Environment,
    operator: Operator,
    parameters: Mapping[str, object],
) -> None:
    directory.journal.append(
        "run.started",
        run=directory.id,
        runbook=template.name,
        env=environment.name,
        **operator.fields,
        ticket=parameters["ticket"],
        parameters=as_literals(parameters),
        template_digest=template.digest,
        **origin(),
    )


def _show_our_errors(shell: Any) -> None:
    """Show errors of Leitstand as two sentences, without a traceback, and journal them."""

    def handle(
        shell: Any,
        kind: type[LeitstandError],
        error: LeitstandError,
        traceback: TracebackType | None,
        tb_offset: int | None = None,
    ) -> list[str]:
        journal = shell.user_ns.get("_leitstand_journal")
        if journal is not None:
            journal.append(
                "error",
                **{"class": kind.__name__},
                exit_code=int(error.exit_code),
                message=error.message,
                advice=error.advice,
            )
        lines = [line for line in (error.message, error.advice) if line]
        shell._showtraceback(kind, error, lines)
        return lines

    shell.set_custom_exc((LeitstandError,), handle)
