"""MkDocs hook: puts pictures of the real program into pages.

A comment ``<!-- bild: NAME | Alternative text -->`` becomes the picture of that name. Kept ones are
used as long as they show this repository, byte for byte. With LEITSTAND_SITE=fresh they are taken
anew before the site is built, unless they do. Where there is no picture, its place stays empty: on
a machine without Chromium, for example. An unknown name is a warning.
"""

import logging
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from posixpath import relpath

import freshness
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from picture_cache import digest_of, kept, replace
from picture_scenes import PICTURES, take, wanted
from picture_stage import PictureFailed

__all__ = ["on_files", "on_page_markdown", "on_pre_build", "placed"]

log = logging.getLogger("mkdocs.hooks.pictures")

PLACE = re.compile(r"^<!-- bild: ([a-z-]+) \| ([^\n|]+) -->$", re.MULTILINE)
DIRECTORY = "bilder"

_found: dict[str, Path] = {}


@event_priority(50)  # after the rehearsals, which need both processors
def on_pre_build(*, config: MkDocsConfig) -> None:
    """Take the pictures, when the build is to be fresh and what they show has changed.

    Raises:
        PluginError: the program did not do what a picture is to show.
    """
    root = Path(config.config_file_path).resolve().parent
    if freshness.is_fresh() and wanted() - set(kept(root)):
        digest = digest_of(root)
        with tempfile.TemporaryDirectory(prefix="leitstand-pictures-") as new:
            try:
                take(root, Path(new), log)
            except PictureFailed as error:
                raise PluginError(str(error)) from error
            replace(root, Path(new), digest)
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
