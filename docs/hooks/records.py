"""MkDocs hook: the section of executed runs, from sealed records.

A record that does not verify, or holds what looks like a secret, is a warning, which a strict build
turns into a failure; it is left out in any case. The pages of records stand beside the site: they
are no pages of MkDocs, so neither its navigation nor its search knows them.
"""

import logging
from html import escape
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.pages import Page
from record_rows import Row, forget, published
from record_table import listing

__all__ = ["on_post_build", "on_post_page", "on_pre_build", "with_way_back"]

log = logging.getLogger("mkdocs.hooks.records")

PAGE = "nachweise/index.md"
PLACE = "<!-- nachweise: liste -->"
HEAD = (
    '<link rel="stylesheet" href="../skripte/nachweise.css">\n'
    '<script src="../skripte/nachweise.js" defer></script>\n</head>'
)
START = "<header>\n"
"""Where the page of a record begins; it is the first of its kind there."""


def on_pre_build(*, config: MkDocsConfig) -> None:
    """Forget the records of the build before."""
    forget(Path(config.config_file_path).resolve().parent)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Put the list into its page; so late, that the search does not take it up."""
    if page.file.src_uri != PAGE:
        return output
    if PLACE not in output:
        log.warning("%s has no place for the list of runs: %s", PAGE, PLACE)
    output = output.replace("</head>", HEAD, 1)
    return output.replace(PLACE, listing(published()), 1)


@event_priority(50)  # before the links are checked
def on_post_build(*, config: MkDocsConfig) -> None:
    """Write the pages of records into the site, and say what was kept out of it."""
    found = published()
    for fault in found.faults:
        log.warning(fault)
    site = Path(config.site_dir)
    runbooks = Path(config.config_file_path).resolve().parent / "runbooks"
    for row in found.rows:
        page = found.files[row.url].read_text("utf-8")
        known = (runbooks / f"{row.runbook}.ipynb").is_file()
        _write(site / row.url, with_way_back(page, row, known=known).encode())
        if row.notebook:
            _write(site / row.notebook, found.files[row.notebook].read_bytes())


def with_way_back(page: str, row: Row, *, known: bool) -> str:
    """Return the page of a record with links to the list, the runbook and the notebook.

    It still loads nothing: the links are all that leads out of it.

    Args:
        page: As it was made.
        row: Its line of the list.
        known: Whether the site has a page of the runbook.
    """
    links = ['<a href="../index.html">Alle ausgeführten Läufe</a>']
    if known:
        name = escape(row.runbook)
        links.append(f'<a href="../../runbooks/{name}.html">Runbook {name}</a>')
    if row.notebook:
        name = escape(row.notebook.rpartition("/")[2])
        links.append(f'<a href="{name}" download>Notebook herunterladen</a>')
    return page.replace(
        START, f'<nav aria-label="Leitstand">\n{" ".join(links)}\n</nav>\n{START}', 1
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
