"""What is done for pictures: the tour, a runbook in JupyterLab, and a drill from start to score."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from logging import Logger
from pathlib import Path

from picture_browser import Lab, chromium, lab, photograph, window
from picture_cache import digest_of, kept, replace
from picture_stage import PictureFailed, Stage, stage
from sandbox_template import SandboxTemplate

__all__ = ["PICTURES", "pictures_anew", "wanted"]

FAULT = "bad-release"
ATTEMPTS = (
    2  # on a machine that is busy with other things, a good release is not always judged good
)
SOONER = {"window": 2, "deadline": 10, "interval": 0.25, "min_requests": 20}
"""Each stage of a release takes half as long; there are more pictures to take meanwhile."""

Lane = Callable[[Stage], None]


def tour(stage: Stage) -> None:
    """What a runbook says of itself, and the two releases of the tour, which are judged sooner."""
    stage.draw("runbook-zeigen", "leitstand show release", stage.type("show", "release"))
    stage.shorten(SOONER)
    stage.draw("zwei-releases", "leitstand rehearse", stage.type("rehearse"))


def by_hand(stage: Stage) -> None:
    """The runbook release in JupyterLab: its plan, what it did, and its record."""
    browser = chromium()
    if browser is None:
        return
    stage.shorten(SOONER)
    with window(browser) as shown:
        with stage.sandbox(), lab(stage, "release") as address:
            notebook = Lab(shown)
            notebook.open(address)
            notebook.run_all()
            notebook.show("Der Plan nennt jede Änderung")
            photograph(shown, stage, "lab-plan")
            notebook.set_apply()
            notebook.run_all()
            notebook.show("Jetzt steigt der Verkehr")
            photograph(shown, stage, "lab-verkehr")
        page = stage.home / "beleg.html"
        stage.type("audit", "show", "2", "--html", str(page))
        shown.goto(page.as_uri())
        photograph(shown, stage, "beleg")


def drill(stage: Stage) -> None:
    """A faulty release that is found, treated and scored."""
    with stage.sandbox():
        try:
            shown = stage.type("drill", "start", FAULT)
            stage.draw("uebung-beginnt", f"leitstand drill start {FAULT}", shown)
            stage.type("run", "incident", "--html")
            _hypotheses(stage)
            stage.type("run", "rollback", "-p", "service=web", "--apply")
            shown = stage.type("drill", "score", "--wait", "300")
            stage.draw("uebung-bewertet", "leitstand drill score --wait 300", shown)
        finally:
            stage.type("drill", "stop", always=True)


def _hypotheses(stage: Stage) -> None:
    browser = chromium()
    if browser is None:
        return
    (page,) = (stage.home / "runs").glob("*-incident-*/notebook.html")
    with window(browser) as shown:
        shown.goto(page.as_uri())
        Lab(shown).show("Zuoberst steht die Ursache")
        photograph(shown, stage, "uebung-ursache")


LANES: Sequence[Lane] = (tour, by_hand, drill)
OF_TERMINAL = frozenset({"runbook-zeigen", "zwei-releases", "uebung-beginnt", "uebung-bewertet"})
PICTURES = OF_TERMINAL | {"beleg", "lab-plan", "lab-verkehr", "uebung-ursache"}
"""Names of all pictures."""


def wanted() -> frozenset[str]:
    """Return the names of those that this machine can take."""
    return OF_TERMINAL if chromium() is None else PICTURES


@contextmanager
def pictures_anew(
    root: Path, log: Logger, stopped: threading.Event, template: SandboxTemplate
) -> Iterator[Sequence[Callable[[], None]]]:
    """Give what takes all pictures, each in a place of its own; after the block, keep them.

    Nothing is given where the kept ones still show this repository.

    Args:
        root: The checkout.
        log: Told what was done.
        stopped: Set when everything is to end.
        template: What the sandboxes begin as.

    Raises:
        PictureFailed: the program did not do what a picture is to show, nor the second time.
    """
    if wanted() <= set(kept(root)):
        yield ()
        return
    if chromium() is None:
        log.info("Chromium is not installed; pictures of the browser are left out.")
    digest = digest_of(root)  # before they are taken: what changes meanwhile is not what they show
    failed: list[PictureFailed] = []
    with tempfile.TemporaryDirectory(prefix="leitstand-pictures-") as new:
        place = partial(stage, root, Path(new), stopped, template)
        yield [partial(_walk, lane, place, log, stopped, failed) for lane in LANES]
        if failed:
            raise failed[0]
        replace(root, Path(new), digest)


def _walk(
    lane: Lane,
    place: Callable[[], AbstractContextManager[Stage]],
    log: Logger,
    stopped: threading.Event,
    failed: list[PictureFailed],
) -> None:
    """Walk one lane, up to ATTEMPTS times; note how it failed in the end."""
    began = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with place() as made:
                lane(made)
        except PictureFailed as error:
            if attempt == ATTEMPTS or stopped.is_set():
                failed.append(error)
                return
            log.info("Once more: %s", error)
        else:
            log.info("Took the pictures of %s in %.0f s", lane.__name__, time.monotonic() - began)
            return
