"""Puts the page together."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leitstand.audit.record_page.event_words import GROUPS
from leitstand.audit.record_page.notebook import cells_of
from leitstand.audit.record_page.outcome import outcomes_of
from leitstand.audit.record_page.sealing import Checked, seal_of, shown_files
from leitstand.audit.record_page.sections import (
    approvals_of,
    calls_of,
    journal_oddities,
    masked_of,
    parameters_of,
    plan_table,
    refused_approvals,
    remarks_of,
    verdict_table,
    who_when_what,
)
from leitstand.audit.record_page.timeline import timeline_of
from leitstand.audit.record_page.verdicts import ending_of, what_it_means
from leitstand.audit.record_page.words import visible
from leitstand.core.records.journal_text import JournalText, read_journal
from leitstand.core.records.statement import Statement

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["record_page"]

_JOURNAL: Final = "journal.jsonl"
_NOTEBOOK: Final = "notebook.ipynb"


def record_page(
    statement: Statement,
    notebook: bytes | None,
    journal: bytes,
    *,
    record: bytes | None = None,
    checked: Checked | None = None,
) -> str:
    """Return the record of a run as one HTML page: it loads nothing, runs nothing, leads nowhere.

    The same input gives the same page; all times are in UTC.

    Args:
        statement: What the record says.
        notebook: The executed notebook; None when there is none.
        journal: The journal; empty when there is none.
        record: The record's bytes as stored, for its digest and the ids of its keys.
        checked: What a verification came to; the page says so when nobody verified.

    Raises:
        KeyError: the facts of the record are not those of a run.
        TypeError: the facts have a form that this version does not know.
    """
    run = statement.run
    text = _read(journal)
    files, others = shown_files(statement, {_JOURNAL: journal or None, _NOTEBOOK: notebook})
    sealed = () if _JOURNAL in others else text.events
    plans = outcomes_of(run, sealed)
    seal = seal_of(statement, record, checked)
    context: Mapping[str, Any] = {
        "statement": statement,
        "run": run,
        "seal": seal,
        "ending": ending_of(run),
        "meaning": what_it_means(run, plans),
        "remarks": remarks_of(statement, plans, seal, others),
        "who": who_when_what(statement),
        "parameters": parameters_of(run),
        "verdicts": verdict_table(run),
        "files": files,
        "others": others,
        "plans": [(plan, plan_table(plan)) for plan in plans],
        "approvals": approvals_of(run, plans),
        "broken_glass": [approval for approval in run.approvals if approval.broken_glass],
        "refused": refused_approvals(sealed),
        "calls": calls_of(run),
        "timeline": timeline_of(text.events),
        "groups": GROUPS,
        "masked": masked_of(run),
        "oddities": journal_oddities(run),
        "cells": cells_of(notebook) if notebook is not None else None,
        "has_notebook": notebook is not None,
    }
    return _template().render(context)


def _read(journal: bytes) -> JournalText:
    try:
        return read_journal(journal)
    except RecursionError:
        return JournalText((), (0,))


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    return environment.get_template("page.html.j2")


def _finalize(value: object) -> object:
    """Show what would otherwise hide; ours is marked as safe and stays."""
    return visible(value) if type(value) is str else value
