"""What is done for pictures: the tour, a runbook in JupyterLab, and a drill from start to score."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from logging import Logger
from pathlib import Path

from lanes import at_once
from picture_browser import Lab, chromium, lab, photograph, window
from picture_stage import PictureFailed, Stage, stage

__all__ = ["PICTURES", "take", "wanted"]

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


def take(root: Path, target: Path, log: Logger) -> None:
    """Take all pictures; each lane in a place of its own, all at once.

    Args:
        root: The checkout.
        target: An empty directory for the pictures.
        log: Told what was done.

    Raises:
        PictureFailed: the program did not do what a picture is to show, nor the second time.
        KeyboardInterrupt: on Ctrl-C, SIGTERM or SIGHUP, once everything has ended.
    """
    began = time.monotonic()
    if chromium() is None:
        log.info("Chromium is not installed; pictures of the browser are left out.")
    failed = list(filter(None, _walked(LANES, root, target, log)))
    if failed:
        raise failed[0]
    log.info("Took the pictures in %.0f s", time.monotonic() - began)


def _walked(
    lanes: Sequence[Lane], root: Path, target: Path, log: Logger
) -> list[PictureFailed | None]:
    """Walk all lanes at once, and return for each how it failed, or None."""
    stopped = threading.Event()

    def walk(lane: Lane) -> PictureFailed | None:
        failed: PictureFailed | None = None
        for _ in range(ATTEMPTS):
            try:
                with stage(root, target, stopped) as place:
                    lane(place)
            except PictureFailed as error:
                failed = error
                if stopped.is_set():
                    break
                log.info("%s", error)
            else:
                return None
        return failed

    return at_once([partial(walk, lane) for lane in lanes], stopped)
