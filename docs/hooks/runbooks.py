"""MkDocs hook: shows the runbooks, which lie outside docs/, as runbooks/<name>.

A page is made of the notebook as its rehearsal left it, if that still fits this state of the
repository; else of the notebook as it is, and the page says so. A head stands before its content.
mkdocs-jupyter makes its HTML, but is no plugin in mkdocs.yml: MkDocs would import it and nbconvert
in every build, where most convert no notebook.
Pages of the section get the lists of runbooks: ``<!-- runbooks: NAME -->``.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import markdown as python_markdown  # type: ignore[import-untyped]  # it has no types
from kept_files import forget_unused
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import get_toc
from notebook_conversion import Converted, kept_or_converted, nested
from page_parts import fill
from record_rows import last_runs
from rehearsal_results import CACHE, Rehearsed, fitting
from rehearsal_table import TABLE, Rehearsal, read_table
from runbook_head import Facts, head
from runbook_lists import lists
from runbook_texts import TEXTS, Texts, read_texts, texts_faults

from leitstand.core.schedule.checking import Checked
from leitstand.notebook.schedules_file import load_schedules
from leitstand.notebook.template import Template, list_templates, read_template

__all__ = ["Notebook", "Runbooks", "on_files", "on_page_content", "on_page_markdown", "on_pre_page"]

log = logging.getLogger("mkdocs.hooks.runbooks")

KEPT = CACHE / "notebooks"

LINK = re.compile(r'(?<=href=")(?![a-z]+:|/)([^"#]+)\.(?:ipynb|md)(?=["#])')
"""A link to another runbook, or from a head to a page: the site has HTML instead."""

SECOND_CELL = re.compile(r'(?=<div class="jp-Cell [^>]*>)')


@dataclass(frozen=True)
class Runbooks:
    """All runbooks of a checkout, and what is known about them.

    Attributes:
        root: The checkout.
        templates: The notebooks by name.
        texts: What pages say about them.
        rehearsals: Their entries in the table.
        schedules: When which of them run by themselves.
    """

    root: Path
    templates: Mapping[str, Template]
    texts: Texts
    rehearsals: Mapping[str, Rehearsal]
    schedules: Sequence[Checked] = ()

    @classmethod
    def read(cls, root: Path) -> "Runbooks":
        """Return what lies in a checkout. Read-only."""
        templates = {path.stem: read_template(path) for path in list_templates(root / "runbooks")}
        lanes = read_table(root / TABLE)
        entries = {entry.runbook: entry for lane in lanes for entry in lane.rehearsals}
        schedules = load_schedules(root).entries
        return cls(root, templates, read_texts(root / TEXTS), entries, schedules)

    def executed(self, name: str) -> tuple[Path, Rehearsed] | None:
        """Return the notebook that a rehearsal left, where it still fits."""
        return fitting(self.root, self.rehearsals.get(name))

    def source(self, name: str) -> Path:
        """Return the notebook that the page shows."""
        executed = self.executed(name)
        return executed[0] if executed else self.templates[name].path

    def facts(self, name: str) -> Facts:
        """Return what the head of a page is made of."""
        executed = self.executed(name)
        return Facts(
            template=self.templates[name],
            about=self.texts.runbooks[name],
            rehearsal=self.rehearsals[name],
            rehearsed=executed[1] if executed else None,
            symptoms=[symptom for symptom in self.texts.symptoms if symptom.runbook == name],
            schedules=[one for one in self.schedules if one.entry.runbook == name],
            last_runs=last_runs(name),
        )


class Notebook(File):
    """A notebook that is a page of the site."""

    def is_documentation_page(self) -> bool:
        """Return that it is a page."""
        return True


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add every runbook to the files of the site."""
    _read.cache_clear()
    runbooks = _read(_root(config))
    forget_unused(runbooks.root / KEPT)
    for fault in texts_faults(runbooks.texts, runbooks.templates):
        log.warning(fault)
    for name, template in runbooks.templates.items():
        files.append(
            Notebook(
                f"runbooks/{name}.ipynb",
                src_dir=str(template.path.parents[1]),
                dest_dir=config.site_dir,
                use_directory_urls=config.use_directory_urls,
            )
        )
    return files


def on_pre_page(page: Page, *, config: MkDocsConfig, files: Files) -> Page:
    """Let a notebook be converted once for each content."""
    if _is_runbook(page):

        def render(config: MkDocsConfig, files: Files) -> None:
            converted = _converted(page, config)
            page.content, page.title = converted.html, converted.title or page.file.name

        page.render = render  # type: ignore[method-assign]  # MkDocs has no event for it
    return page


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill the lists of runbooks in."""
    if not page.file.src_uri.endswith(".md"):
        return markdown
    runbooks = _read(_root(config))
    texts = lists(runbooks.texts, runbooks.templates)
    return fill(markdown, "runbooks", texts, page.file.src_uri, log)


@event_priority(50)  # after the page was made lean
def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the head after the title, and let links lead to pages."""
    if not _is_runbook(page):
        return html
    name = Path(page.file.src_uri).stem
    runbooks = _read(_root(config))
    tokens: list[Any] = nested(_converted(page, config).headings)
    if name in runbooks.texts.runbooks and name in runbooks.rehearsals:
        first, rest = _parted(html)
        made, more = _rendered(head(runbooks.facts(name)), config)
        html = f'{first}<div class="runbook-head">{made}</div>{rest}'
        tokens[0]["children"][:0] = more
    page.toc = get_toc(tokens)
    return LINK.sub(r"\1.html", html)


def on_serve(server: object, *, config: MkDocsConfig, builder: object) -> object:
    """Rebuild when a runbook changes."""
    watch = getattr(server, "watch", None)
    if callable(watch):
        watch(str(_root(config) / "runbooks"))
    return server


def _is_runbook(page: Page) -> bool:
    return page.file.src_uri.startswith("runbooks/") and page.file.src_uri.endswith(".ipynb")


def _converted(page: Page, config: MkDocsConfig) -> Converted:
    runbooks = _read(_root(config))
    return kept_or_converted(runbooks.source(Path(page.file.src_uri).stem), runbooks.root / KEPT)


def _parted(html: str) -> tuple[str, str]:
    """Return a page up to the end of its first cell, which holds the title, and the rest."""
    cells = SECOND_CELL.split(html)
    return "".join(cells[:2]), "".join(cells[2:])


def _rendered(text: str, config: MkDocsConfig) -> tuple[str, list[dict[str, Any]]]:
    """Return Markdown as HTML, and its headings."""
    made = python_markdown.Markdown(
        extensions=config.markdown_extensions, extension_configs=config.mdx_configs
    )
    html = made.convert(text)
    return html, list(getattr(made, "toc_tokens", []))


@cache
def _read(root: Path) -> Runbooks:
    return Runbooks.read(root)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).resolve().parent
