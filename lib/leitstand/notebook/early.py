"""What a kernel of ``leitstand lab`` does before any cell: it explains one executed too early."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from leitstand.core.errors import LeitstandError

__all__ = ["STARTUP", "watch"]

STARTUP: Final = "from leitstand.notebook.early import watch\nwatch()\n"
"""Code for the startup directory of an IPython profile."""


def watch() -> None:
    """Say which section comes first when a cell of this kernel's runbook lacks a name.

    Without begin() there is no run yet, after a restart too. In other notebooks it does nothing.
    """
    from IPython.core.getipython import get_ipython

    from leitstand.notebook.cell_errors import show_errors
    from leitstand.notebook.outline import read_outline
    from leitstand.notebook.template import find_template
    from leitstand.project import runbooks_directory

    shell = get_ipython()
    runbook = Path(os.environ.get("JPY_SESSION_NAME", "")).stem
    if shell is None or not runbook:
        return
    with suppress(LeitstandError, OSError, ValueError):  # it only helps, and must not be in the way
        outline = read_outline(find_template(runbook, runbooks_directory()))
        show_errors(shell, outline.section_of)
