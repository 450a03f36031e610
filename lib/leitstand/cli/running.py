"""The sandbox that runs, for the commands that need one."""

from typing import TYPE_CHECKING

from leitstand import project
from leitstand.core.errors import GateRefused

if TYPE_CHECKING:
    from leitstand.sandbox.control import Sandbox

__all__ = ["SandboxNotRunning", "running_sandbox"]


class SandboxNotRunning(GateRefused):
    """No sandbox runs."""

    def __init__(self) -> None:
        super().__init__("Die Sandbox läuft nicht.", "Starten Sie sie mit leitstand sandbox up.")


def running_sandbox() -> "Sandbox":
    """The sandbox of this project.

    Raises:
        SandboxNotRunning: None runs.
    """
    from leitstand.sandbox import control

    found = control.find(project.sandbox_directory())
    if found is None:
        raise SandboxNotRunning
    return found
