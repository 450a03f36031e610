"""The tables of errors for the reference: every class, what it tells, its cause and its cure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml
from error_sources import ErrorClass, Sources, Text
from page_parts import cell, table

import leitstand
from leitstand.core.errors import ExitCode

__all__ = ["Entry", "entries", "errors_by_code", "written"]

TEXTS = Path(__file__).with_name("texts") / "errors.yaml"
HEADINGS = {
    ExitCode.BAD_INPUT: "Code 2: falsche Eingabe",
    ExitCode.REFUSED: "Code 3: ein Gate hat abgelehnt",
    ExitCode.FAILED: "Code 4: gescheitert, oder der Lauf wartet",
    ExitCode.ROLLED_BACK: "Code 5: zurückgenommen",
    ExitCode.FINDING: "Code 6: geprüft, mit Befund",
}
ALSO = (
    # What papermill's own command shows of a run; none of Leitstand's errors, but it ends a run.
    ErrorClass("notebook.papermill_errors", "RunNotCompleted", int(ExitCode.FAILED), ()),
    ErrorClass("core.errors", "RolledBack", int(ExitCode.ROLLED_BACK), ()),
)


class Entry:
    """What the reference says of a class of errors.

    Attributes:
        id: Name of the class; with its module, where two have the same.
        exit_code: What the command ends with.
        pairs: Meaning and cure, once for each thing that it can tell.
    """

    def __init__(self, error: ErrorClass, id_: str, words: Mapping[str, str]) -> None:
        self.id = id_
        self.exit_code = error.exit_code
        told = error.texts or (Text("", ""),)
        self.pairs = tuple(
            (words.get("ursache") or text.message, words.get("abhilfe") or text.advice)
            for text in told
        )


def written() -> Mapping[str, Mapping[str, str]]:
    """Return causes and cures that the code only puts together in a run, by id."""
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(TEXTS.read_text("utf-8"))
    return found


@cache
def _sources() -> Sources:
    return Sources(Path(leitstand.__file__).parent)


@cache
def entries() -> Sequence[Entry]:
    """Return one entry for each class of errors that a user can meet, by exit code and id."""
    classes = [*_sources().classes(), *ALSO]
    often = Counter(error.name for error in classes)
    words = written()

    def entry(error: ErrorClass) -> Entry:
        module = error.module.rpartition(".")[2]
        id_ = error.name if often[error.name] == 1 else f"{module}.{error.name}"
        return Entry(error, id_, words.get(id_, {}))

    return sorted(map(entry, classes), key=lambda entry: (entry.exit_code, entry.id))


def errors_by_code() -> str:
    """Return all errors, a section for each exit code; each has its id as the anchor."""
    parts = []
    for code, heading in HEADINGS.items():
        rows = [row for entry in entries() if entry.exit_code == code for row in _rows(entry)]
        rows += [
            ("–", cell(text.message), cell(text.advice))
            for text in _sources().without_class().get(int(code), ())
            if text.advice
        ]
        parts += [f"## {heading}", table(("Fehler", "Was los ist", "Was Sie tun"), rows)]
    return "\n\n".join(parts)


def _rows(entry: Entry) -> list[tuple[str, str, str]]:
    name = f'<span id="{entry.id}"></span>`{entry.id}`'
    return [
        (name if number == 0 else "", cell(meaning), cell(cure))
        for number, (meaning, cure) in enumerate(entry.pairs)
    ]
