"""MkDocs hook: puts pictures of the real program into pages.

A comment ``<!-- bild: NAME | Alternative text -->`` becomes the picture of that name. Kept ones are
used as long as they show this repository, byte for byte. With LEITSTAND_SITE=fresh they are taken
anew with the rehearsals (rehearsing.py), unless they do. Where there is no picture, its place stays
empty: on a machine without Chromium, for example. An unknown name is a warning.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from posixpath import relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from picture_cache import kept
from picture_scenes import PICTURES

__all__ = ["on_files", "on_page_markdown", "on_pre_build", "placed"]

log = logging.getLogger("mkdocs.hooks.pictures")

PLACE = re.compile(r"^<!-- bild: ([a-z-]+) \| ([^\n|]+) -->$", re.MULTILINE)
DIRECTORY = "bilder"

_found: dict[str, Path] = {}


@event_priority(50)  # after the rehearsals, with which they are taken
def on_pre_build(*, config: MkDocsConfig) -> None:
    """Find the pictures that show this repository."""
    root = Path(config.config_file_path).resolve().parent
    _found.clear()
    _found.update(kept(root))
    if missing := sorted(PICTURES - set(_found)):
        log.info("Without these pictures, which a fresh build takes: %s", ", ".join(missing))


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pictures to the files of the site."""
    for path in _found.values():
        files.append(File.generated(config, f"{DIRECTORY}/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill the places for pictures."""
    text, unknown = placed(markdown, page.file.src_uri, _found)
    for name in unknown:
        log.warning("%s asks for the picture %s, which nobody takes", page.file.src_uri, name)
    return text


def placed(markdown: str, page: str, found: Mapping[str, Path]) -> tuple[str, list[str]]:
    """Return a page with its pictures, and the names that no picture can ever have.

    Args:
        markdown: The page.
        page: Its path in docs/.
        found: The pictures there are, by name.
    """
    unknown = [name for name, _ in PLACE.findall(markdown) if name not in PICTURES]

    def picture(match: re.Match[str]) -> str:
        name, text = match.groups()
        if name not in found:
            return ""
        target = f"{DIRECTORY}/{found[name].name}"
        path = relpath(target, str(PurePosixPath(page).parent))
        return f"[![{text}]({path}){{ loading=lazy }}]({path})"

    return PLACE.sub(picture, markdown), unknown
