"""The notebook of an interactive run, from its runbook and from what was executed. Pure.

Nobody has to save anything: the text comes from the runbook, code and outputs from the run. Every
execution stands there, also of cells that were changed or deleted later, in its order below the
cell of the runbook that it belongs to.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leitstand.notebook.cell_executions import Execution
from leitstand.notebook.outline import Outline
from leitstand.notebook.run_state import MIME_TYPE, StateView

__all__ = ["executed_notebook"]

Cell = dict[str, Any]


def executed_notebook(
    template: Mapping[str, Any],
    outline: Outline,
    executions: Sequence[Execution],
    state: StateView,
) -> dict[str, Any]:
    """Return the notebook (nbformat 4.5).

    Args:
        template: The runbook as JSON data.
        outline: Of the same.
        executions: In the order in which they happened.
        state: Shown in the place of its earlier versions.
    """
    below = _by_cell(outline, executions)
    code = {cell.index: cell for cell in outline.cells}
    cells: list[Cell] = []
    for index, cell in enumerate(template["cells"]):
        if index not in code:
            cells.append(dict(cell))
            continue
        if not any(one.index == index for one in below.get(index, ())):
            cells += [_mark("Nicht ausgeführt.", f"{code[index].id}-open"), _unexecuted(cell)]
        seen: list[str] = []
        for one in below.get(index, ()):
            own = one.index == index
            cells += _marks(one, code[index].source, code[index].parameters, own, seen)
            cells.append(_executed(one, cell if own and not seen else None, state))
            if own:
                seen.append(one.source)
    metadata = {**template.get("metadata", {}), "leitstand": {"run": state.run}}
    return {**template, "cells": cells, "metadata": metadata}


def _by_cell(outline: Outline, executions: Iterable[Execution]) -> dict[int, list[Execution]]:
    """Group executions by the cell of the runbook under which they stand.

    A cell of one's own stands under the one that was executed before it.
    """
    first = next((cell.index for cell in outline.cells), 0)
    below: dict[int, list[Execution]] = {}
    last = next((cell.index for cell in outline.cells if cell.parameters), first)
    for one in executions:
        last = last if one.index is None else one.index
        below.setdefault(last, []).append(one)
    return below


def _marks(
    one: Execution, source: str, parameters: bool, own: bool, seen: Sequence[str]
) -> list[Cell]:
    """Return a line that says what is special about an execution, if anything is."""
    said = []
    if one.before:
        said.append("Vor begin() ausgeführt; die Ausgaben sind nicht aufgezeichnet.")
    if not own:
        said.append("Eigene Zelle, nicht aus der Vorlage.")
    elif not parameters and one.source.strip() != source.strip():
        said.append("Geändert gegenüber der Vorlage.")
    if own and seen:
        again = "Geändert und n" if parameters and one.source != seen[-1] else "N"
        said.append(f"{again}och einmal ausgeführt.")
    if not one.status:
        said.append("Nicht zu Ende: Der Kernel endete währenddessen.")
    elif one.status == "interrupted":
        said.append("Angehalten.")
    return [_mark(" ".join(said), f"mark-{one.seq}", one.at)] if said else []


def _mark(text: str, id: str, at: str = "") -> Cell:
    when = f" ({at[:19].replace('T', ' ')} UTC)" if at else ""
    return {
        "cell_type": "markdown",
        "id": id[:64],
        "metadata": {"tags": ["leitstand-mark"]},
        "source": f"*{text}{when}*",
    }


def _unexecuted(cell: Mapping[str, Any]) -> Cell:
    return {**cell, "outputs": [], "execution_count": None}


def _executed(one: Execution, place: Mapping[str, Any] | None, state: StateView) -> Cell:
    about = {"seq": one.seq, "at": one.at, "status": one.status, "duration": one.duration}
    metadata = dict(place["metadata"]) if place is not None else {}
    return {
        "cell_type": "code",
        "id": str(place["id"]) if place is not None and "id" in place else f"cell-{one.seq}",
        "metadata": {**metadata, "leitstand": about},
        "source": one.source,
        "execution_count": one.count,
        "outputs": [_output(output, state) for output in one.outputs],
    }


def _output(output: Mapping[str, Any], state: StateView) -> dict[str, Any]:
    """Return an output as a notebook may hold it; the state as it is now."""
    kind = output.get("output_type")
    if kind in {"stream", "error"}:
        shown = {name: value for name, value in output.items() if name != "cut"}
        return {"traceback": [], **shown} if kind == "error" else shown
    data = dict(output.get("data") or {})
    if MIME_TYPE in data:
        data = state.bundle()
    shown = {
        "output_type": "execute_result" if kind == "execute_result" else "display_data",
        "data": data,
        "metadata": dict(output.get("metadata") or {}),
    }
    if kind == "execute_result":
        shown["execution_count"] = output.get("execution_count")
    return shown
