"""How a notebook shows things: tables and notices, as HTML and as plain text.

What is shown depends on the values alone, so that a recorded output can be compared.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Notice", "Row", "Table", "Tone", "show"]


class Tone(StrEnum):
    """What a row or a notice means for the reader."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WAIT = "wait"


_MARKS = {Tone.PLAIN: "", Tone.GOOD: "✓", Tone.BAD: "✗", Tone.WAIT: "…"}
_COLOURS = {
    Tone.PLAIN: "#607d8b",
    Tone.GOOD: "#2e7d32",
    Tone.BAD: "#c62828",
    Tone.WAIT: "#b26a00",
}


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    cells: tuple[str, ...]
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Table:
    """A titled table; a row's tone shows as a mark before its first cell.

    Attributes:
        title: One line above the table.
        columns: Heads of the columns.
        rows: Lines; each has as many cells as there are columns.
        empty: What stands there when there is no row.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    empty: str = "Nichts."

    def __repr__(self) -> str:
        if not self.rows:
            return f"{self.title}\n  {self.empty}"
        lines = [
            tuple(
                f"{_MARKS[r.tone]} {cell}".strip() if i == 0 else cell.replace("\n", "; ")
                for i, cell in enumerate(r.cells)
            )
            for r in self.rows
        ]
        widths = [
            max(len(line[i]) for line in (self.columns, *lines)) for i in range(len(self.columns))
        ]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in (self.columns, *lines)
        ]
        return "\n".join([self.title, *(f"  {line}" for line in text)])

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align:left">{html.escape(c)}</th>' for c in self.columns)
        body = (
            "".join(
                f'<tr style="border-left:4px solid {_COLOURS[row.tone]}">'
                + "".join(
                    f'<td style="text-align:left;vertical-align:top;overflow-wrap:anywhere">'
                    f"{_mark(row.tone) if index == 0 else ''}{_lines(cell)}</td>"
                    for index, cell in enumerate(row.cells)
                )
                + "</tr>"
                for row in self.rows
            )
            or f'<tr><td colspan="{len(self.columns)}">{html.escape(self.empty)}</td></tr>'
        )
        return (
            f'<div style="overflow-x:auto"><p><strong>{html.escape(self.title)}</strong></p>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


@dataclass(frozen=True)
class Notice:
    """One sentence that the reader must not miss."""

    text: str
    tone: Tone = Tone.PLAIN

    def __repr__(self) -> str:
        return f"{_MARKS[self.tone]} {self.text}".strip()

    def _repr_html_(self) -> str:
        colour = _COLOURS[self.tone]
        return (
            f'<div role="status" style="border-left:4px solid {colour};padding:.4em .8em">'
            f"{_mark(self.tone)}{_lines(self.text)}</div>"
        )


def show(*values: object) -> None:
    """Show values in the cell that runs."""
    from IPython.display import display

    for value in values:
        display(value)


def _mark(tone: Tone) -> str:
    mark = _MARKS[tone]
    return f'<span style="color:{_COLOURS[tone]}"><strong>{mark}</strong></span> ' if mark else ""


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
