"""MkDocs hook: makes of mkdocs-jupyter's page of a notebook one that fits the site.

mkdocs-jupyter puts JupyterLab's style sheet and scripts into each page, 600 kB. Here a cell becomes
a block of code like any other of the site, with its colours and its button to copy, and left out
by the search; tables and pictures get names.
"""

import html
import re
from typing import Any

from mkdocs.plugins import event_priority
from mkdocs.structure.pages import Page

__all__ = ["lean", "on_page_content"]

NOTEBOOK = re.compile(r'<div class="jupyter-wrapper">.*</div> <!-- jupyter-wrapper -->', re.DOTALL)

CODE = re.compile(
    r'<div class="jp-CodeMirrorEditor [^>]*>(?:(?!<pre>).)*<pre>(?P<code>(?:(?!</pre>).)*)</pre>'
    r'</div>\s*<div class="clipboard-copy-txt"[^>]*>[^<]*</div>\s*</div>\s*</div>',
    re.DOTALL,
)
"""A cell's toolbar, button and code, and the text that the button copies."""

DOUBLED = re.compile(r'(<div class="jp-Cell jp-CodeCell jp-Notebook-cell[^">]*">)\s*\1?')

COLLAPSER = re.compile(r'<div class="jp-Collapser[^>]*>\s*</div>\s*')
FOCUSABLE = re.compile(
    r'(<div class="jp-(?:Cell-inputWrapper|[^"]*jp-OutputArea-output)"[^>]*?) tabindex="0"'
)
ANCHOR = re.compile(r'<a class="anchor-link" href="(#[^"]*)">¶</a>')
EMPTY_HEAD = re.compile(r"<thead><tr>(?:<th[^>]*></th>)+</tr></thead>")
TITLED = re.compile(r'<div style="overflow-x:auto">(?=<p><strong>([^<]*)</strong></p>)')
PARTS = re.compile(r"(<h[12][^>]*>)([^<]*)|alt=\"No description has been provided for this image\"")


def lean(page: str) -> str:
    """Return the page of a notebook, without styles and scripts, in the form of the site."""
    found = NOTEBOOK.search(page)
    if found is None:
        return page
    text = CODE.sub(
        r'<div class="highlight" data-search-exclude><pre><code>\g<code></code></pre></div>',
        found[0],
    )
    text = COLLAPSER.sub("", text)
    text = text.replace(' id="cell-id=', ' id="zelle-')  # buttons to copy need a plain id
    text = FOCUSABLE.sub(r"\1", text)
    text = ANCHOR.sub(
        r'<a class="headerlink" href="\1" title="Link auf diesen Abschnitt">#</a>', text
    )
    text = EMPTY_HEAD.sub("", text)
    text = TITLED.sub(
        r'<div style="overflow-x:auto" tabindex="0" role="group" aria-label="\1">', text
    )
    return _with_names(text)


@event_priority(90)  # before hooks that add to the page
def on_page_content(html: str, *, page: Page, **_: Any) -> str:
    """Make the page of a notebook lean."""
    return lean(html) if page.file.src_uri.endswith(".ipynb") else html


def _with_names(text: str) -> str:
    """Name each picture after the section it stands in."""
    section = ""

    def name(match: re.Match[str]) -> str:
        nonlocal section
        if match[1]:
            section = match[2]
            return match[0]
        return f'alt="Bild im Abschnitt {html.escape(html.unescape(section))}"'

    return PARTS.sub(name, text)
