"""MkDocs hook: the runbooks lie outside docs/, and the site shows them as runbooks/<name>."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

MERMAID = re.compile(r'<script type="module">(?:(?!</script>).)*mermaid.*?</script>', re.DOTALL)
"""nbconvert's loader for diagrams; it would fetch a library from a foreign host."""

NOTEBOOK = re.compile(r'(?<=href=")(?![a-z]+:|/)([^"#]+)\.ipynb(?=["#])')
"""A link from one runbook to another: JupyterLab follows it, but the site has pages instead."""


@event_priority(100)  # before mkdocs-jupyter looks for notebooks
def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add every runbook to the files of the site."""
    for path in sorted(_runbooks(config).glob("*.ipynb")):
        files.append(
            File(
                f"runbooks/{path.name}",
                src_dir=str(path.parents[1]),
                dest_dir=config.site_dir,
                use_directory_urls=config.use_directory_urls,
            )
        )
    return files


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let a notebook's page load nothing from elsewhere, and link to pages."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    return NOTEBOOK.sub(r"\1.html", MERMAID.sub("", html))


def on_serve(server: object, *, config: MkDocsConfig, builder: object) -> object:
    """Rebuild when a runbook changes."""
    watch = getattr(server, "watch", None)
    if callable(watch):
        watch(str(_runbooks(config)))
    return server


def _runbooks(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).resolve().parent / "runbooks"
