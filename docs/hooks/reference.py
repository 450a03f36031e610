"""MkDocs hook: fills the reference with what the code knows.

A comment ``<!-- tabelle: NAME -->`` becomes all kinds of resources, all rules of hardening, all
errors, all parameters of runbooks, the keys of a configuration file, or what the sandbox serves. An
unknown name is a warning, which a strict build turns into a failure.
"""

import logging
import re
from functools import partial
from itertools import groupby
from pathlib import Path

from kept_files import forget_unused
from kept_tables import KEPT, kept
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from page_parts import Texts, fill, table
from reference_errors import errors_by_code
from reference_keys import environment_keys, meanings, schedule_keys, sections
from reference_parameters import parameters, runbooks
from reference_sandbox import faults, grpc_table, rest_table

from leitstand.core.hardening import RULES, Rule, Severity
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import STEP_TITLES, Kind

__all__ = ["kinds", "on_page_markdown", "rules"]

log = logging.getLogger("mkdocs.hooks.reference")
AREAS = {
    "network": "Netz und Zugang",
    "database": "Cloud SQL",
    "redis": "Memorystore",
    "secrets": "Secrets",
    "services": "Dienste und Jobs",
    "litellm": "LiteLLM",
    "identity": "Rechte",
    "logging": "Logs",
    "langfuse": "Langfuse",
}
"""Headings of the modules that hold the rules."""

SEVERITIES: dict[Severity, str] = {"error": "Fehler", "warning": "Warnung", "note": "Hinweis"}


def texts(root: Path) -> Texts:
    """Everything that a page may ask for, by name; what takes long is kept below ``root``."""
    keys = {
        f"schluessel-{section.replace('_', '-') or 'allgemein'}": partial(environment_keys, section)
        for section in sections()
    }
    return {
        "arten": kinds,
        "fehler": partial(kept, "fehler", errors_by_code, root / KEPT),
        "grpc": partial(kept, "grpc", grpc_table, root / KEPT),
        "parameter": parameters,
        "regeln": rules,
        "rest": partial(kept, "rest", rest_table, root / KEPT),
        "stoerungen": faults,
        "zahl-der-regeln": lambda: str(len(RULES)),
        **keys,
        "schluessel-zeitplaene": schedule_keys,
    }


def kinds() -> str:
    """Return all kinds of resources, under the steps of the production page."""
    parts = []
    for step, members in groupby(sorted(KINDS.values(), key=lambda k: k.step), lambda k: k.step):
        rows = [(f"{kind.title}<br>`{kind.name}`", _fixed(kind)) for kind in members]
        parts += [f"### Schritt {step.value}: {STEP_TITLES[step]}", table(("Art", "fest"), rows)]
    return "\n\n".join(parts)


def rules() -> str:
    """Return all rules of hardening, by area; each has its id as the anchor."""
    parts = []
    for area, members in groupby(RULES, _area):
        rows = [_rule(rule) for rule in members]
        parts += [f"### {AREAS[area]}", table(("Regel", "Warum, und woher"), rows)]
    return "\n\n".join(parts)


def on_pre_build(*, config: MkDocsConfig) -> None:
    """Read runbooks and texts again: of a site that is served, they may have changed."""
    for read in (runbooks, meanings):
        read.cache_clear()
    forget_unused(_root(config) / KEPT)


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill the places of a page."""
    return fill(markdown, "tabelle", texts(_root(config)), page.file.src_path, log)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).resolve().parent


def _fixed(kind: Kind) -> str:
    """Return what cannot be changed in place, as environment files write it."""
    paths = ", ".join(f"`{_snake_case(path)}`" for path in kind.immutable)
    fixed = paths if kind.update else "alles"
    return f"{fixed}; hält Daten" if fixed and kind.holds_data else fixed or "–"


def _snake_case(path: str) -> str:
    """Return a dotted path in snake case; what begins with a capital letter stays."""
    return ".".join(
        part if part[:1].isupper() else re.sub(r"(?<=[a-z0-9])[A-Z]", _lower, part)
        for part in path.split(".")
    )


def _lower(match: re.Match[str]) -> str:
    return f"_{match[0].lower()}"


def _area(rule: Rule) -> str:
    return rule.look.__module__.rpartition(".")[2]


def _rule(rule: Rule) -> tuple[str, str]:
    title = f'<span id="{rule.id}"></span>**{rule.title}**'
    what = f"{title}<br>{SEVERITIES[rule.severity]}: `{rule.id}`"
    return what, f"{rule.why}<br><small>{rule.source}</small>"
