"""The papermill engine ``leitstand``: every cell journalled, the notebook saved now and then.

``papermill --engine leitstand runbooks/release.ipynb out.ipynb`` works as the runner does:
parameters are checked before a kernel starts, and the journal lies in a run directory.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from papermill.engines import NBClientEngine

from leitstand import project
from leitstand.core.errors import LeitstandError
from leitstand.core.parameters import parse_parameters
from leitstand.notebook.client import RunClient
from leitstand.notebook.conclusion import conclude
from leitstand.notebook.managed_run import ManagedRun, open_run
from leitstand.notebook.manager import RunManager
from leitstand.notebook.template import Template, parameters_source, read_template

__all__ = ["LeitstandEngine"]


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
            ParameterError: the parameters do not fit; no kernel was started.
            KeyboardInterrupt: the operator stopped the run, which is saved.
        """
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
            conclude(run)
            if run.failure and run.failure.kind in {"interrupted", "killed"}:
                raise KeyboardInterrupt
        executed: NotebookNode = manager.nb
        return executed

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """Return ``python3``: the kernel is always the runner's own interpreter."""
        return name or "python3"

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """Return ``python``."""
        return language or "python"


def _open(nb: NotebookNode, input_path: str | None) -> ManagedRun:
    """Open a run for the plain papermill command."""
    try:
        root: Path | None = project.project_root()
    except LeitstandError:
        root = None
    given: Mapping[str, object] = nb.metadata.get("papermill", {}).get("parameters", {})
    return open_run(_template(nb, input_path), given, project.runs_directory(), project=root)


def _template(nb: NotebookNode, input_path: str | None) -> Template:
    path = Path(input_path or "notebook.ipynb").absolute()
    if path.is_file():
        return read_template(path)
    source = parameters_source(nb.cells)
    parameters = parse_parameters(source) if source is not None else ()
    return Template(path, path.stem, path.stem, "", parameters, source is not None, "")
