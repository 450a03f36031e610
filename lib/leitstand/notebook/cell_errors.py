"""What a notebook shows when a cell fails: two German sentences instead of a traceback."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from leitstand.core.errors import LeitstandError
from leitstand.notebook.interactive_errors import CellOutOfOrder

__all__ = ["show_errors"]


def show_errors(shell: Any, section_of: Callable[[str], str | None] = lambda _: None) -> None:
    """Show errors of Leitstand as two sentences, without a traceback, and journal them.

    Args:
        shell: IPython's shell in the kernel.
        section_of: Returns the heading under which the runbook defines a name, if it does; a cell
            that lacks the name then says what is to be executed first.
    """

    def handle(
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
        tb_offset: int | None = None,
    ) -> list[str] | None:
        told = error
        if isinstance(error, NameError):
            name = error.name or ""
            section = section_of(name) if _in_cell(shell, traceback) else None
            if section is None:
                shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
                return None
            told = CellOutOfOrder(name, section)
        assert isinstance(told, LeitstandError)
        journal = shell.user_ns.get("_leitstand_journal")
        if journal is not None and not journal.closed:
            journal.append(
                "error",
                **{"class": type(told).__name__},
                exit_code=int(told.exit_code),
                message=told.message,
                advice=told.advice,
            )
        lines = [line for line in (told.message, told.advice) if line]
        shell._showtraceback(type(told), told, lines)
        # IPython keeps how each error looks; without this it works out a traceback nobody sees.
        error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]  # IPython's hook
        return lines

    shell.set_custom_exc((LeitstandError, NameError), handle)


def _in_cell(shell: Any, traceback: TracebackType | None) -> bool:
    """Return whether the cell itself lacks the name, and not code that it calls."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_globals is shell.user_global_ns
