"""Finds the run of a notebook that is executed by hand, or begins one; never two of them."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.audit.file_locks import is_held
from leitstand.audit.index import HOLD_FILE
from leitstand.audit.journal import FORMAT
from leitstand.audit.run_redactor import RunRedactor
from leitstand.configuration import load_environment
from leitstand.core.environment import Environment
from leitstand.core.parameters import as_literals, check_parameters
from leitstand.core.resuming import check_format, check_left
from leitstand.execution.history import History
from leitstand.notebook.cell_errors import show_errors
from leitstand.notebook.cell_recorder import CellRecorder
from leitstand.notebook.finishing import replaced
from leitstand.notebook.interactive import Interactive
from leitstand.notebook.interactive_claims import (
    Claim,
    Earlier,
    Next,
    claim_of,
    next_of,
    notebook_of,
)
from leitstand.notebook.interactive_errors import (
    OtherParameters,
    OtherTemplate,
    RunUnderWayElsewhere,
)
from leitstand.notebook.kernel_redaction import redact_kernel
from leitstand.notebook.left_runs import complete_left, half_done, keep_notebook, seal_left
from leitstand.notebook.operators import operator_of
from leitstand.notebook.origin import origin
from leitstand.notebook.outline import read_outline
from leitstand.notebook.provenance import provenance
from leitstand.notebook.run_directory import RunDirectory, create_run_directory
from leitstand.notebook.run_facts import check_place, started
from leitstand.notebook.template import Template
from leitstand.project import project_root, runs_directory

if TYPE_CHECKING:
    from leitstand.notebook.run import Run

__all__ = ["Here", "open_here"]

_PLACE = "_leitstand_here"


class Here:
    """What this kernel has of Leitstand; one for each kernel.

    Attributes:
        recorder: Of its cells.
        interactive: Its run, if it has one.
        run: The same as its cells know it, once its gates let it pass.
        environment: Of that run.
        parameters: Its checked values.
        said: What is to be said about the run that was found, as German sentences.
    """

    def __init__(self, shell: Any) -> None:
        redaction = redact_kernel(shell.kernel.session, RunRedactor(os.urandom(32)))
        self.recorder = CellRecorder(shell, redaction)
        self.interactive: Interactive | None = None
        self.run: Run | None = None
        self.environment: Environment
        self.parameters: Mapping[str, object]
        self.said = ""

    @property
    def current(self) -> Interactive | None:
        """The run that this kernel has and that is not over."""
        found = self.interactive
        return None if found is None or found.over else found


@dataclass(frozen=True)
class _Found:
    directory: RunDirectory
    earlier: Earlier
    differing: tuple[str, ...]


def open_here(shell: Any, template: Template, given: Mapping[str, object]) -> Here:
    """Open the run of a notebook that this kernel executes by hand.

    Goes on with the notebook's last run where nothing about it has changed, and begins a new one
    where that is over, or has changed nothing.

    Raises:
        InputError: a parameter or the environment file cannot be used.
        RunUnderWayElsewhere: another kernel or a command has the run.
        OtherParameters: the run has changed something with other values.
        OtherTemplate: the runbook was changed since the run changed something.
        LibraryChanged: this Leitstand would do something else with what is left.
        OtherProject: the environment belongs to another project now.
        OtherSandbox: the run has acted in another sandbox.
    """
    here = getattr(shell, _PLACE, None)
    if here is None:
        here = Here(shell)
        setattr(shell, _PLACE, here)
    show_errors(shell, read_outline(template.path).section_of)
    here.parameters = check_parameters(template.parameters, given)
    here.environment = load_environment(str(here.parameters["env"]))
    with claim_of(notebook_of(shell.user_ns, template.name)) as claim:
        found = _find(here, claim, template)
        if _go(here, claim, template, found):
            _forget(shell, here)
    assert here.interactive is not None
    redact_kernel(shell.kernel.session, here.interactive.redactor)
    shell.user_ns["_leitstand_journal"] = here.interactive.journal
    return here


def _find(here: Here, claim: Claim, template: Template) -> _Found | None:
    own = here.current
    name = own.directory.id if own is not None else claim.run()
    directory = RunDirectory(runs_directory() / name)
    events = directory.journal.events() if name else []
    began = next((event for event in events if event["event"] == "run.started"), None)
    if began is None:
        return None
    history = History.read(events)
    before = began.get("parameters")
    now = directory.redactor.data(as_literals(here.parameters))
    assert isinstance(now, dict)
    before = before if isinstance(before, dict) else {}
    differing = tuple(n for n in {**before, **now} if before.get(n) != now.get(n))
    same = began.get("runbook") == template.name
    held = False
    if own is None:
        with suppress(OSError):
            held = is_held(directory.path / HOLD_FILE)
    earlier = Earlier(
        ended=history.ended,
        begun=history.started,
        elsewhere=held,
        same_parameters=same and not differing,
        same_template=same and began.get("template_digest") == template.digest,
    )
    return _Found(directory, earlier, differing if same else ())


def _go(here: Here, claim: Claim, template: Template, found: _Found | None) -> bool:
    """Do what is to be done with the run that was found.

    Return whether cells must not use what earlier ones made: for a new run, and for one whose locks
    and approval were given up since.
    """
    what = next_of(None if found is None else found.earlier)
    here.said = ""
    if found is not None:
        run, own = found.directory.id, here.current is not None
        if what is Next.ELSEWHERE:
            raise RunUnderWayElsewhere(run)
        if what is Next.OTHER_PARAMETERS:
            raise OtherParameters(run, found.differing, here=own)
        if what is Next.OTHER_TEMPLATE:
            raise OtherTemplate(run, template.name, here=own)
        if what is Next.GO_ON:
            return _go_on(here, template, found.directory)
        if what is Next.IN_ITS_PLACE:
            here.said = (
                f"Der Lauf {run} hatte andere Werte und hat nichts geändert; er ist beendet."
                " Dies ist ein neuer Lauf."
            )
        else:
            here.said = f"Der Lauf {run} ist beendet. Dies ist ein neuer Lauf."
        _let_go(here, found)
    elif left := half_done(runs_directory(), template.name, here.environment.name):
        # As after a restart of JupyterLab, which opens another copy of the runbook.
        here.said = (
            f"Der Lauf {left} hat etwas begonnen und nicht beendet: leitstand resume {left} oder"
            f" leitstand revert {left}. Dies ist ein neuer Lauf."
        )
    _begin(here, template)
    assert here.interactive is not None
    claim.give(here.interactive.directory.id)
    return True


def _forget(shell: Any, here: Here) -> None:
    """Take from the kernel what cells made in an earlier run: a new one looks for itself."""
    assert here.interactive is not None
    running = here.interactive.executions[-1].index
    for cell in here.interactive.outline.cells:
        if not cell.parameters and cell.index != running:
            for name in cell.names:
                shell.user_ns.pop(name, None)


def _begin(here: Here, template: Template) -> None:
    environment = here.environment
    directory = create_run_directory(runs_directory(), template.name)
    with _holding(directory) as hold:
        directory.journal.append(
            "run.started",
            format=FORMAT,
            run=directory.id,
            runbook=template.name,
            env=environment.name,
            project=environment.project,
            **operator_of(environment.name).fields,
            ticket=here.parameters["ticket"],
            parameters=as_literals(here.parameters),
            template_digest=template.digest,
            kernel="new",
            **origin(),
            **provenance(project_root()),
        )
        begun = Interactive(directory, template, hold, here.recorder, environment.name)
    here.interactive, here.run = begun, None
    here.recorder.serve(begun)


def _go_on(here: Here, template: Template, directory: RunDirectory) -> bool:
    """Go on with a run; return whether it was let go of before, so that its gates come again."""
    new = here.current is None
    library = provenance(project_root())["library"]
    if new:
        from leitstand.core.commands.families import WRITERS

        with _holding(directory) as hold:
            check_format(directory.id, started(directory), FORMAT)
            check_place(directory)
            check_left(directory.id, directory.journal, library, WRITERS)
            complete_left(directory)
            keep_notebook(directory)
            held = Interactive(directory, template, hold, here.recorder, here.environment.name)
        here.interactive, here.run = held, None
    else:
        check_place(directory)
    assert here.interactive is not None
    here.interactive.journal.append(
        "run.resumed",
        **operator_of(here.environment.name).fields,
        template_digest=template.digest,
        kernel="new" if new else "same",
        host=socket.gethostname(),
        library=library,
    )
    if new:
        here.recorder.serve(here.interactive)
    here.said = (
        f"Der Lauf {directory.id} wird fortgesetzt. Was er getan hat, geschieht kein zweites Mal."
    )
    return new


@contextmanager
def _holding(directory: RunDirectory) -> Iterator[int]:
    """Hold a run, and let go of it again where the block fails."""
    from leitstand.core.errors import GateRefused
    from leitstand.notebook.managed_run import hold_run

    try:
        hold = hold_run(directory)
    except GateRefused as error:  # a command was faster
        raise RunUnderWayElsewhere(directory.id) from error
    try:
        yield hold
    except BaseException:
        os.close(hold)
        raise


def _let_go(here: Here, found: _Found) -> None:
    """End the notebook's earlier run, where it has no end yet, and seal it."""
    own = here.current
    if own is None:
        seal_left(found.directory, replace=not found.earlier.ended)
        return
    if here.run is not None:
        here.run.give_back()
    if not found.earlier.ended:
        end = replaced(own.journal.events())
        own.journal.append(end.event, **end.fields)
    own.end()
