"""Makes HTML of a notebook with mkdocs-jupyter's template, once for each content.

mkdocs-jupyter sets nbconvert up anew for each notebook and wraps each page in JupyterLab's style
sheet; here one exporter serves all, without it. What came out is kept under ``.cache``, named by
everything that it depends on.
"""

import hashlib
import html
import json
import os
import re
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from kept_files import write_whole

from leitstand.notebook.imports import without_grammar

__all__ = ["Converted", "Heading", "convert", "kept_or_converted", "nested"]

DISTRIBUTIONS = ("jinja2", "mistune", "mkdocs-jupyter", "nbconvert", "pygments")

TEMPLATE = """{%- extends "mkdocs_html/notebook.html.j2" -%}{%- block header -%}{%- endblock -%}
{%- block output_group -%}
<runbook-output data-search-exclude>{{ super() }}</runbook-output>
{%- endblock -%}"""
"""The search leaves out an element up to the next end of one of its kind; this kind never nests."""

HEADING = re.compile(
    r'<h([1-6]) id="([^"]+)">(.*?)<a class="anchor-link" href="#[^"]*">¶</a></h\1>', re.DOTALL
)
"""A heading of the prose; those in outputs have no such link."""

TAG = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Heading:
    """A heading of a notebook.

    Attributes:
        level: From 1 to 6.
        id: Its place in the page.
        name: Its text.
    """

    level: int
    id: str
    name: str


@dataclass(frozen=True)
class Converted:
    """A notebook as HTML.

    Attributes:
        html: The page's content, without styles and scripts.
        headings: All headings of its prose, in their order.
    """

    html: str
    headings: tuple[Heading, ...]

    @property
    def title(self) -> str | None:
        """The first H1; None without one."""
        return next((heading.name for heading in self.headings if heading.level == 1), None)


def kept_or_converted(notebook: Path, kept: Path) -> Converted:
    """Return the notebook as HTML, which is kept for the next time.

    Args:
        notebook: The notebook.
        kept: Directory of what was converted; made when it is missing.

    Raises:
        OSError: the notebook cannot be read, or the directory not be written.
        ValueError: it is no notebook.
    """
    content = notebook.read_bytes()
    path = kept / f"{hashlib.sha256(content + _versions()).hexdigest()[:32]}.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        os.utime(path)
        return Converted(data["html"], tuple(Heading(**each) for each in data["headings"]))
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not whole
        converted = convert(content.decode("utf-8"))
        write_whole(path, json.dumps(asdict(converted), ensure_ascii=False))
        return converted


def convert(content: str) -> Converted:
    """Return the text of a notebook as HTML.

    Raises:
        ValueError: it is no notebook.
    """
    with without_grammar():
        import nbformat
        from mkdocs_jupyter import nbconvert2  # type: ignore[import-untyped]  # it has no types

        exporter = _exporter()
    nbconvert2.cell_id = 0  # the plugin numbers the cells of a page with it
    notebook = nbformat.reads(content, as_version=4)  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(notebook, resources={"mkdocs": {}})
    return Converted(body, headings_of(body))


def headings_of(body: str) -> tuple[Heading, ...]:
    """Return the headings of the prose, in their order."""
    return tuple(
        Heading(int(level), html.unescape(place), html.unescape(TAG.sub("", name)).strip())
        for level, place, name in HEADING.findall(body)
    )


def nested(headings: tuple[Heading, ...]) -> list[dict[str, Any]]:
    """Return the headings as Python-Markdown's ``toc_tokens``, which MkDocs reads."""
    roots: list[dict[str, Any]] = []
    open_ones: list[dict[str, Any]] = []
    for heading in headings:
        token = {**asdict(heading), "children": []}
        while open_ones and open_ones[-1]["level"] >= heading.level:
            open_ones.pop()
        (open_ones[-1]["children"] if open_ones else roots).append(token)
        open_ones.append(token)
    return roots


@cache
def _exporter() -> Any:
    """Return mkdocs-jupyter's exporter; its templates are compiled once."""
    from jinja2 import DictLoader
    from mkdocs_jupyter import convert  # its import gives headings the places MkDocs links to
    from mkdocs_jupyter.config import settings  # type: ignore[import-untyped]
    from mkdocs_jupyter.preprocessors import SubCell  # type: ignore[import-untyped]
    from nbconvert.exporters.html import HTMLExporter

    app = convert.get_nbconvert_app(allow_errors=False, no_prompt=True)
    highlight = convert.mk_custom_highlight_code()
    return HTMLExporter(  # type: ignore[no-untyped-call]
        config=app.config,
        extra_loaders=[DictLoader({"runbook.html.j2": TEMPLATE})],
        template_file="runbook.html.j2",
        extra_template_paths=[settings.templates_dir],
        preprocessors=[SubCell],
        filters={"highlight_code": highlight},
        theme="light",
    )


@cache
def _versions() -> bytes:
    """Return what decides on the page besides the notebook."""
    versions = "".join(f"{name} {metadata.version(name)};" for name in DISTRIBUTIONS)
    return versions.encode() + Path(__file__).read_bytes()
