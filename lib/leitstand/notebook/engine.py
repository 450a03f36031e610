"""The papermill engine ``leitstand``: every cell journalled, the notebook saved now and then.

``papermill runbooks/deviations.ipynb out.ipynb`` works as the runner does, with or without
``--engine leitstand``: parameters are checked before a kernel starts, the journal lies in a run
directory, and the exit code tells success, finding and failure apart.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import write_ipynb

from leitstand import project
from leitstand.core.errors import LeitstandError
from leitstand.core.parameters import parse_parameters
from leitstand.notebook.client import RunClient
from leitstand.notebook.conclusion import conclude
from leitstand.notebook.managed_run import ManagedRun, open_run
from leitstand.notebook.manager import RunManager
from leitstand.notebook.papermill_errors import RunNotCompleted
from leitstand.notebook.scheduled import report_end
from leitstand.notebook.template import Template, parameters_source, read_template

__all__ = ["DefaultEngine", "LeitstandEngine"]

_BEGINS = "from leitstand.notebook import begin"
"""Stands in every runbook."""


class LeitstandEngine(NBClientEngine):  # type: ignore[misc]  # papermill is untyped
    """Executes a notebook as a run."""

    @classmethod
    def execute_notebook(
        cls,
        nb: NotebookNode,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        leitstand_run: ManagedRun | None = None,
        **options: Any,
    ) -> NotebookNode:
        """Execute the notebook and return it with its outputs.

        Args:
            nb: The notebook, parameterised by papermill.
            kernel_name: Ignored; a run uses the interpreter of its runner.
            output_path: Where papermill writes; saved there as well.
            progress_bar: As in papermill.
            log_output: As in papermill.
            autosave_cell_every: Ignored; see `RunManager`.
            leitstand_run: The run when the runner owns it; otherwise one is made here.
            options: Further options of papermill.

        Raises:
            RunNotCompleted: the run of the plain command was refused, failed, was stopped or
                found something; what there is of it is saved.
        """
        wanted_at = nb.metadata.get("papermill", {}).get("output_path")
        run = leitstand_run or _open(nb, options.get("input_path"))
        manager = RunManager(
            nb, run, output_path=output_path, log_output=log_output, progress_bar=progress_bar
        )
        try:
            manager.notebook_start()
            client = RunClient(
                manager,
                run,
                startup_timeout=options.get("start_timeout") or 60,
                timeout=options.get("execution_timeout"),
                log_output=log_output,
                stdout_file=options.get("stdout_file"),
                stderr_file=options.get("stderr_file"),
            )
            client.execute()
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
            run.close()
        if leitstand_run is None:
            result = conclude(run)

            from leitstand.notebook.sealed import seal_ended

            seal_ended(run.directory.path, result.env)
            if result.exit_code:
                _save(manager.shown(), wanted_at)
                raise RunNotCompleted(result.exit_code, result.message, result.advice)
        executed: NotebookNode = manager.shown()
        return executed

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """Return ``python3``: the kernel is always the runner's own interpreter."""
        return name or "python3"

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """Return ``python``."""
        return language or "python"


class DefaultEngine(NBClientEngine):  # type: ignore[misc]  # papermill is untyped
    """What papermill does when no engine is named: runbooks are runs, all else is as before."""

    @classmethod
    def execute_notebook(cls, nb: NotebookNode, kernel_name: str, **options: Any) -> NotebookNode:
        """Execute the notebook; see `LeitstandEngine.execute_notebook`."""
        executed: NotebookNode = _engine(nb).execute_notebook(nb, kernel_name, **options)
        return executed

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """Return the kernel that executes the notebook."""
        return str(_engine(nb).nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """Return the notebook's language."""
        return str(_engine(nb).nb_language(nb, language))


def _engine(nb: NotebookNode) -> Any:
    begins = any(cell.cell_type == "code" and _BEGINS in cell.source for cell in nb.cells)
    return LeitstandEngine if begins else NBClientEngine


def _open(nb: NotebookNode, input_path: str | None) -> ManagedRun:
    """Open a run for the plain papermill command."""
    try:
        root: Path | None = project.project_root()
    except LeitstandError:
        root = None
    given: Mapping[str, object] = nb.metadata.get("papermill", {}).get("parameters", {})
    try:
        return open_run(_template(nb, input_path), given, project.runs_directory(), project=root)
    except LeitstandError as error:
        report_end(Path(input_path or "").stem, "", error.exit_code, error.message)
        raise RunNotCompleted(error.exit_code, error.message, error.advice) from error


def _save(nb: NotebookNode, path: str | None) -> None:
    """Write the notebook as papermill does before it raises: marked where it stopped."""
    from papermill.execute import raise_for_execution_errors

    try:
        raise_for_execution_errors(nb, path)
    except PapermillExecutionError:
        return
    write_ipynb(nb, path)


def _template(nb: NotebookNode, input_path: str | None) -> Template:
    path = Path(input_path or "notebook.ipynb").absolute()
    if path.is_file():
        return read_template(path)
    source = parameters_source(nb.cells)
    parameters = parse_parameters(source) if source is not None else ()
    return Template(path, path.stem, path.stem, "", parameters, source is not None, "")


# By its name it is an entry point, too; but the runner does not look for those.
papermill_engines.register("leitstand", LeitstandEngine)
# An entry point always has a name, and papermill's command picks this engine when none is named.
papermill_engines.register(None, DefaultEngine)
