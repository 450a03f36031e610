"""MkDocs hook: rehearses every runbook before the site is built, with LEITSTAND_SITE=fresh.

Without it, nothing is started. Where the kept pictures show another repository, they are taken anew
meanwhile. A rehearsal that ends otherwise than the table says fails the build, and so does a
picture that cannot be taken; the results of earlier ones stay as they are.
"""

import logging
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import freshness
from lanes import at_once
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from picture_cache import digest_of, kept, replace
from picture_scenes import of_rehearsals, scenes, wanted
from picture_stage import PictureFailed
from rehearsal_lanes import rehearse
from rehearsal_results import CACHE, forget
from rehearsal_table import TABLE, BadTable, faults_of, read_table

from leitstand.core.errors import LeitstandError
from leitstand.notebook.template import Template, list_templates, read_template

__all__ = ["fresh_rehearsals", "on_pre_build", "on_startup"]

log = logging.getLogger("mkdocs.hooks.rehearsing")

PARTS = ("rehearsals", "records", "records.pub")


def on_startup(*, command: str, dirty: bool) -> None:
    """Note whether pages are only served while somebody writes them."""
    freshness.serving = command == "serve"


@event_priority(100)  # before other hooks read what the rehearsals left
def on_pre_build(*, config: MkDocsConfig) -> None:
    """Check the table; rehearse, when the build is to be fresh.

    Raises:
        PluginError: the table does not fit the runbooks, or a rehearsal failed.
    """
    forget()
    root = Path(config.config_file_path).resolve().parent
    faults = check(root)
    if faults:
        raise PluginError("; ".join(faults))
    if freshness.is_fresh():
        fresh_rehearsals(root, pictures=not wanted() <= set(kept(root)))


def check(root: Path) -> list[str]:
    """Return one sentence for everything that keeps runbooks from being rehearsed. Read-only."""
    templates: dict[str, Template] = {}
    faults = []
    for path in list_templates(root / "runbooks"):
        try:
            templates[path.stem] = read_template(path)
        except LeitstandError as error:
            faults.append(f"the runbook {path.stem} cannot be read: {error.message}")
    faults += [
        f"the runbook {name} has no cell tagged parameters"
        for name, template in templates.items()
        if not template.parameterised
    ]
    if faults:
        return faults
    try:
        return faults_of(read_table(root / TABLE), templates)
    except BadTable as error:
        return [str(error)]


def fresh_rehearsals(root: Path, *, pictures: bool = False) -> None:
    """Rehearse everything, and put the results in the place of the earlier ones.

    Args:
        root: The checkout.
        pictures: Whether all pictures are taken, too.

    Raises:
        PluginError: a rehearsal failed, or the program did not do what a picture is to show; the
            earlier results stay.
    """
    cache = root / CACHE
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=cache))
    try:
        lanes, digest, taken = read_table(root / TABLE), digest_of(root), new / "pictures"
        taken.mkdir()
        early, late = ([job] for job in scenes(root, taken, log)) if pictures else ((), ())
        failed = rehearse(lanes, root, new, _commit(root), log, early, late)
        if failed:
            _replace(new / "failed", cache / "failed")
            raise PluginError("; ".join(map(str, failed)))
        if pictures:
            stopped = threading.Event()
            at_once([lambda: of_rehearsals(lanes, root, new, taken, stopped)], stopped)
            replace(root, taken, digest)
        for part in PARTS:
            _replace(new / part, cache / part)
    except PictureFailed as error:
        raise PluginError(str(error)) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _replace(new: Path, place: Path) -> None:
    """Put what is new, if anything, in the place of what was there."""
    if place.exists():
        place.rename(new.with_name(f"old-{place.name}"))
    if new.exists():
        new.rename(place)


def _commit(root: Path) -> str:
    """Return the hash of the checkout's commit; empty where git does not tell."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "rev-parse", "HEAD"],
            cwd=root, check=True, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
