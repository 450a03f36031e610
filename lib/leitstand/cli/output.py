"""The consoles of the command, made on first use, and what all commands print alike."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "german_seconds", "line", "print_json", "problems", "table"]

_PIPE_WIDTH = 160


@cache
def console() -> "Console":
    """Return the console for results: standard output."""
    from rich.console import Console

    # A pipe has no width; rich would cut everything to 80 columns.
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


@cache
def problems() -> "Console":
    """Return the console for errors and notices: standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def line(text: str, style: str = "") -> None:
    """Print one line of plain text, never wrapped or read as markup."""
    from rich.text import Text

    console().print(Text(text, style=style), soft_wrap=True)


def print_json(value: Mapping[str, object] | Sequence[Mapping[str, object]]) -> None:
    """Print one JSON value on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; its first column is never folded."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, heading in enumerate(headings):
        shown.add_column(heading, overflow="fold", no_wrap=number == 0)
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    console().print(shown)


def german_seconds(seconds: float) -> str:
    """Return seconds as German text, for example ``3,2 s`` or ``2 min 5 s``."""
    if seconds < 100:
        return f"{seconds:.1f} s".replace(".", ",")
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
