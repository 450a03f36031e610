"""What a runbook imports: ``begin`` opens the run, everything else hangs on it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leitstand.notebook.opening import begin

__all__ = ["begin"]


def __getattr__(name: str) -> Any:
    """Import ``begin`` on first use, so that light callers stay light."""
    if name == "begin":
        from leitstand.notebook.opening import begin

        return begin
    raise AttributeError(name)
