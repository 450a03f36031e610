"""An HTML copy of an executed notebook, in one file that needs no network."""

import re
from pathlib import Path

from leitstand.notebook.run_directory import write_private

__all__ = ["write_html"]

_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)


def write_html(notebook: Path, target: Path | None = None) -> Path:
    """Write the notebook as one HTML file beside it and return its path.

    Images and styles are embedded; scripts are left out.

    Args:
        notebook: The executed notebook.
        target: Where to; the notebook's name with the ending ``.html`` when left out.
    """
    from leitstand.notebook.imports import without_grammar

    with without_grammar():
        from nbconvert.exporters.html import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]  # nbconvert is untyped
        embed_images=True,
        language_code="de",
    )
    body, _ = exporter.from_filename(str(notebook))
    body = _SCRIPT.sub("", body)
    target = target or notebook.with_suffix(".html")
    write_private(target, body)
    return target
