"""The sandbox that runs, for the commands that need one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leitstand import project
from leitstand.core.errors import GateRefused

if TYPE_CHECKING:
    from leitstand.sandbox.control import Sandbox

__all__ = ["SandboxNotRunning", "running_sandbox", "sandbox_explained"]


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


@contextmanager
def sandbox_explained() -> Iterator[None]:
    """Turn errors of the sandbox into German ones; imports what knows them on first use."""
    from leitstand.notebook import sandboxes

    with sandboxes.sandbox_explained():
        yield
