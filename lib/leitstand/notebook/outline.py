"""The code cells of a runbook: under which heading each stands, and which names it defines."""

import ast
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from leitstand.notebook.template import heading_below, source_of

__all__ = ["Outline", "OutlineCell", "read_outline"]


@dataclass(frozen=True)
class OutlineCell:
    """A code cell of a template.

    Attributes:
        id: Its id.
        index: Its place among all cells, from 0.
        section: The heading above it.
        source: Its code.
        parameters: Whether it declares the parameters.
        names: What it assigns or imports.
    """

    id: str
    index: int
    section: str
    source: str
    parameters: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class Outline:
    """The code cells of a template, in their order."""

    cells: tuple[OutlineCell, ...]

    @property
    def sections(self) -> tuple[str, ...]:
        """Return the headings under which code stands, in their order."""
        return tuple(dict.fromkeys(cell.section for cell in self.cells))

    def find(self, id: str, source: str) -> OutlineCell | None:
        """Return the cell that was executed, by its id, or else by its code.

        Whatever assigns all parameters is the parameters cell: its values are to be edited.
        """
        by_id = next((cell for cell in self.cells if id and cell.id == id), None)
        if by_id is not None:
            return by_id
        plain = source.strip()
        same = next((cell for cell in self.cells if cell.source.strip() == plain), None)
        if same is not None or not plain:
            return same
        declares = next((cell for cell in self.cells if cell.parameters and cell.names), None)
        names = set(names_in(source)) if declares is not None else set()
        return declares if declares is not None and set(declares.names) <= names else None

    def section_of(self, name: str) -> str | None:
        """Return the heading under which a name is first defined; None where it is not."""
        return next((cell.section for cell in self.cells if name in cell.names), None)


def read_outline(path: Path) -> Outline:
    """Return the outline of a notebook that was read as a template before. Read-only."""
    return Outline(tuple(_cells(json.loads(path.read_bytes())["cells"])))


def names_in(source: str) -> tuple[str, ...]:
    """Return the names that code assigns or imports at its top; empty where it is no Python."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return ()
    names: list[str] = []
    for statement in body:
        match statement:
            case ast.Assign(targets=targets):
                found: Iterable[ast.AST] = [n for t in targets for n in ast.walk(t)]
                names += [n.id for n in found if isinstance(n, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                names += [alias.asname or alias.name.partition(".")[0] for alias in imported]
    return tuple(dict.fromkeys(names))


def _cells(cells: list[dict[str, object]]) -> Iterable[OutlineCell]:
    section = ""
    for index, cell in enumerate(cells):
        source = source_of(cell)
        if cell.get("cell_type") == "markdown":
            section = heading_below(source, section)
        elif cell.get("cell_type") == "code" and source.strip():
            metadata = cell.get("metadata")
            tags = metadata.get("tags") if isinstance(metadata, dict) else None
            yield OutlineCell(
                id=str(cell.get("id", "")),
                index=index,
                section=section,
                source=source,
                parameters="parameters" in (tags or ()),
                names=names_in(source),
            )
