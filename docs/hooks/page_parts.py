"""What the hooks share: filling places of a page while the site is built, and Markdown."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from logging import Logger

__all__ = ["Texts", "cell", "fill", "listed", "table"]

Texts = Mapping[str, Callable[[], str]]
"""What a page may ask for, by name."""


def fill(markdown: str, word: str, texts: Texts, name: str, log: Logger) -> str:
    """Return a page with each comment ``<!-- word: NAME -->`` replaced by the text of that name.

    Args:
        markdown: The page.
        word: What the comments begin with.
        texts: The texts by name.
        name: Name of the page.
        log: Warned of each name that there is not; its place stays as it is.
    """

    def text(match: re.Match[str]) -> str:
        if match[1] not in texts:
            log.warning("%s asks for %s, which there is not", name, match[1])
            return match[0]
        return texts[match[1]]()

    return re.sub(rf"<!-- {word}: ([a-z-]+) -->", text, markdown)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """Return plain text so that it stands in the cell of a table as it is."""
    for sign, harmless in (("|", "&#124;"), ("<", "&lt;"), ("*", "&#42;")):
        text = text.replace(sign, harmless)
    return text


def listed(parts: Iterable[str]) -> str:
    """Return German words in a row: ``a, b und c``; a dash where there are none."""
    *most, last = list(parts) or ["–"]
    return f"{', '.join(most)} und {last}" if most else last
