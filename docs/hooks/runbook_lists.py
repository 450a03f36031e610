"""The lists of runbooks: by task for the overview, by symptom for who looks for help."""

import html
import shlex
from collections.abc import Callable, Mapping

from page_parts import cell, table
from rehearsal_table import option_text
from runbook_texts import Symptom, Texts

from leitstand.notebook.template import Template

__all__ = ["by_symptom", "by_task", "command_for", "lists"]

HYPHENS = {
    "Produktionsumgebung": "Produktions&shy;umgebung",
    "Vektorspeicher": "Vektor&shy;speicher",
    "Warteschlange": "Warte&shy;schlange",
    "Wartungsseite": "Wartungs&shy;seite",
    "Wiederherstellung": "Wieder&shy;herstellung",
}
"""Long words of titles, with the places where they may break on a phone."""


def lists(texts: Texts, templates: Mapping[str, Template]) -> dict[str, Callable[[], str]]:
    """Return what the pages may ask for, by name."""
    return {
        "aufgaben": lambda: by_task(texts, templates),
        "symptome": lambda: by_symptom(texts, templates),
    }


def by_task(texts: Texts, templates: Mapping[str, Template]) -> str:
    """Return all runbooks as a table, by what one wants to do."""
    rows = [
        (about.task, _link(templates[name]), about.changes or "nichts")
        for name, about in texts.runbooks.items()
        if name in templates
    ]
    return table(("Aufgabe", "Runbook", "ändert"), rows)


def by_symptom(texts: Texts, templates: Mapping[str, Template]) -> str:
    """Return all symptoms as a table, with the runbook that helps and its command."""
    rows = [
        (
            f"**{cell(symptom.see)}**<br><small>{cell(symptom.words)}</small>",
            _help(symptom, templates[symptom.runbook]),
        )
        for symptom in texts.symptoms
        if symptom.runbook in templates
    ]
    return table(("Was Sie sehen", "Was hilft"), rows)


def command_for(symptom: Symptom) -> str:
    """Return the command that plans a treatment; what stands in braces, the reader fills in."""
    return " ".join(_pieces(symptom))


def _pieces(symptom: Symptom) -> list[str]:
    """Return a command in pieces that stay on one line each."""
    pieces = [f"leitstand run {symptom.runbook}"]
    for name, value in symptom.parameters.items():
        text = option_text(value)
        given = f"{name}={text.strip('{}')}"
        pieces.append(f"-p {given if text.startswith('{') else shlex.quote(given)}")
    return pieces


def _help(symptom: Symptom, template: Template) -> str:
    note = f"<br>{symptom.note}" if symptom.note else ""
    pieces = (
        f'<span style="white-space: nowrap">{html.escape(piece)}</span>'
        for piece in _pieces(symptom)
    )
    return f"{_link(template)}<br><code>{' '.join(pieces)}</code>{note}"


def _link(template: Template) -> str:
    title = template.title
    for word, parted in HYPHENS.items():
        title = title.replace(word, parted)
    return f"[{title}]({template.name}.ipynb)"
