"""Runbook templates: what a notebook is for and which parameters it takes. Read-only, JSON only."""

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leitstand.core.errors import InputError
from leitstand.core.parameters import Parameter, parse_parameters

__all__ = [
    "NotebookUnreadable",
    "Template",
    "UnknownRunbook",
    "find_template",
    "heading_below",
    "list_templates",
    "parameters_source",
    "read_template",
    "source_of",
]

_IMPORT: Final = re.compile(r"^from leitstand(?:\.\w+)+ import \w+(?:, \w+)*$", re.MULTILINE)


class UnknownRunbook(InputError):
    """There is no such runbook or notebook.

    Attributes:
        name: What was asked for.
        known: Names of the runbooks that exist.
    """

    def __init__(self, name: str, known: Sequence[str]) -> None:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        guess = f"Meinten Sie „{close[0]}“? " if close else ""
        listed = ", ".join(known) or "keine"
        super().__init__(
            f"Das Runbook „{name}“ gibt es nicht.", f"{guess}Vorhanden sind: {listed}."
        )
        self.name = name
        self.known = tuple(known)


class NotebookUnreadable(InputError):
    """The file is no notebook.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"„{path}“ ist kein lesbares Notebook.",
            "Stellen Sie die Datei wieder her, zum Beispiel mit git checkout.",
        )
        self.path = path


@dataclass(frozen=True)
class Template:
    """A notebook before it is executed.

    Attributes:
        path: The file.
        name: File name without its ending.
        title: Its H1, or the name.
        purpose: Text of the section *Zweck*, Markdown, empty when there is none.
        parameters: What the parameters cell declares, in its order.
        parameterised: Whether there is a parameters cell.
        digest: ``sha256:`` and the hexadecimal digest of the file.
        imports: Statements with which its cells import Leitstand.
    """

    path: Path
    name: str
    title: str
    purpose: str
    parameters: tuple[Parameter, ...]
    parameterised: bool
    digest: str
    imports: tuple[str, ...] = ()


def read_template(path: Path) -> Template:
    """Return what the notebook says about itself. Read-only.

    Raises:
        NotebookUnreadable: the file is no notebook of format 4.
        ParameterCellInvalid: its parameters cell is not typed.
    """
    try:
        content = path.read_bytes()
        cells = json.loads(content)["cells"]
        markdown = [source_of(cell) for cell in cells if cell["cell_type"] == "markdown"]
        code = [source_of(cell) for cell in cells if cell["cell_type"] == "code"]
        source = parameters_source(cells)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotebookUnreadable(path) from error
    lines = [line.rstrip() for text in markdown for line in [*text.splitlines(), ""]]
    titles = [line[2:].strip() for line in lines if line.startswith("# ")]
    return Template(
        path=path,
        name=path.stem,
        title=titles[0] if titles else path.stem,
        purpose=_section(lines, "Zweck"),
        parameters=parse_parameters(source) if source is not None else (),
        parameterised=source is not None,
        digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
        imports=tuple(line for text in code for line in _IMPORT.findall(text)),
    )


def parameters_source(cells: Sequence[dict[str, object]]) -> str | None:
    """Return the source of the cell tagged ``parameters``, or None when there is none."""
    for cell in cells:
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        if cell.get("cell_type") == "code" and "parameters" in (tags or ()):
            return source_of(cell)
    return None


def list_templates(directory: Path) -> list[Path]:
    """Return the notebooks of a directory in the order of their names. Read-only."""
    return sorted(path for path in directory.glob("*.ipynb") if path.is_file())


def find_template(name: str, directory: Path | None) -> Path:
    """Return the notebook for the name of a runbook or for a path.

    Args:
        name: Name of a runbook in the directory, or the path of any notebook.
        directory: Directory of the runbooks, or None outside a project.

    Raises:
        UnknownRunbook: neither exists.
    """
    known = [path.stem for path in list_templates(directory)] if directory else []
    if directory is not None and name in known:
        return directory / f"{name}.ipynb"
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path.resolve()
    raise UnknownRunbook(name, known)


def source_of(cell: Mapping[str, object]) -> str:
    """Return the source of a cell as one text."""
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def heading_below(source: str, before: str) -> str:
    """Return the heading that holds for what stands below a Markdown cell.

    Args:
        source: Of the cell.
        before: The heading that held above it.
    """
    headings = [line for line in source.splitlines() if line.startswith(("# ", "## ", "### "))]
    return headings[-1].lstrip("# ").strip() if headings else before


def _section(lines: Sequence[str], heading: str) -> str:
    try:
        start = lines.index(f"## {heading}") + 1
    except ValueError:
        return ""
    body = []
    for line in lines[start:]:
        if line.startswith(("# ", "## ")):
            break
        body.append(line)
    return "\n".join(body).strip()
