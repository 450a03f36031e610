"""Opens a run inside a notebook: parameters, environment, gates, connection, journal."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitstand.configuration import load_environment
from leitstand.core.environment import Environment
from leitstand.core.errors import InputError
from leitstand.core.gates import check_approval, check_ticket
from leitstand.core.parameters import check_parameters
from leitstand.notebook.cell_errors import show_errors
from leitstand.notebook.kernel_redaction import redact_kernel
from leitstand.notebook.operators import operator_at
from leitstand.notebook.run import Run
from leitstand.notebook.run_directory import RUN_VARIABLE, RunDirectory
from leitstand.notebook.sandboxes import connect
from leitstand.notebook.template import Template, find_template, read_template
from leitstand.notebook.views import Notice, Tone, show
from leitstand.project import runbooks_directory

if TYPE_CHECKING:
    from leitstand.notebook.interactive import Interactive

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
    journal: that of the run which started this kernel, of the notebook's run that is not over, or
    of a new run. It may be executed again at any time, also in a new kernel.

    Raises:
        InputError: a parameter or the environment file cannot be used.
        GateRefused: the environment needs a ticket or a second person, or the notebook's run can
            neither be gone on with nor left.
    """
    shell = _shell()
    show_errors(shell)
    template = read_template(find_template(runbook, runbooks_directory()))
    given = {p.name: shell.user_ns[p.name] for p in template.parameters if p.name in shell.user_ns}
    named = os.environ.get(RUN_VARIABLE)
    return _owned(shell, template, given, Path(named)) if named else _own(shell, template, given)


def _owned(shell: Any, template: Template, given: Mapping[str, object], path: Path) -> Run:
    """Open the run of the process that started this kernel."""
    directory = RunDirectory(path)
    redact_kernel(shell.kernel.session, directory.redactor)
    shell.user_ns["_leitstand_journal"] = directory.journal
    parameters = check_parameters(template.parameters, given)
    environment = load_environment(str(parameters["env"]))
    run = _let_pass(directory, template, environment, parameters, None)
    run.show_head()
    return run


def _own(shell: Any, template: Template, given: Mapping[str, object]) -> Run:
    """Open the run of a notebook that this kernel executes by hand."""
    from leitstand.notebook.interactive_opening import open_here

    here = open_here(shell, template, given)
    interactive, before = here.interactive, here.run
    assert interactive is not None
    if here.said:
        show(Notice(here.said, Tone.WAIT))
    run = _let_pass(interactive.directory, template, here.environment, here.parameters, interactive)
    if before is not None:
        run.follow(before)
    here.run = run
    interactive.release_with(run.give_back)
    run.show_head()
    interactive.show_state()
    return run


def _let_pass(
    directory: RunDirectory,
    template: Template,
    environment: Environment,
    parameters: Mapping[str, object],
    interactive: "Interactive | None",
) -> Run:
    """Check the gates that need no observation, and connect to the environment."""
    check_ticket(environment, str(parameters["ticket"]))
    check_approval(environment, bool(parameters["apply"]))
    connection = connect(environment, directory.redactor.learn)
    operator = operator_at(connection).name
    run = Run(
        directory, template, environment, parameters, connection, operator, interactive=interactive
    )
    run.journal.carry(connection.calls.take)
    return run


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        raise NoNotebook
    return shell
