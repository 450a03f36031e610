"""What is done for pictures: the tour, a runbook in JupyterLab; the rest is seen at rehearsals."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from logging import Logger
from pathlib import Path

from picture_browser import Lab, chromium, lab, photograph, window
from picture_stage import PictureFailed, Stage, names_of, replaced, stage
from rehearsal_lanes import Job
from rehearsal_results import Rehearsed, read_rehearsed
from rehearsal_table import Lane

__all__ = ["PICTURES", "of_rehearsals", "scenes", "wanted"]

ATTEMPTS = (
    2  # on a machine that is busy with other things, a good release is not always judged good
)
SOONER = {"window": 2, "deadline": 10, "interval": 0.25, "min_requests": 10}
"""Each stage of a release takes half as long; there are more pictures to take meanwhile."""


def tour(stage: Stage) -> None:
    """What a runbook says of itself, and the two releases of the tour, which are judged sooner."""
    stage.draw("runbook-zeigen", "leitstand show release", stage.type("show", "release"))
    stage.shorten(SOONER)
    stage.draw("zwei-releases", "leitstand rehearse", stage.type("rehearse"))


def by_hand(stage: Stage) -> None:
    """The runbook release in JupyterLab: its plan, and what it did."""
    browser = chromium()
    if browser is None:
        return
    stage.shorten(SOONER)
    with window(browser) as shown, stage.sandbox(), lab(stage, "release") as address:
        notebook = Lab(shown)
        notebook.open(address)
        notebook.run_all()
        notebook.show("Der Plan nennt jede Änderung")
        photograph(shown, stage, "lab-plan")
        notebook.set_apply()
        notebook.run_all()
        notebook.show("Jetzt steigt der Verkehr")
        photograph(shown, stage, "lab-verkehr")


OF_TERMINAL = frozenset({"runbook-zeigen", "zwei-releases", "uebung-beginnt", "uebung-bewertet"})
PICTURES = OF_TERMINAL | {"beleg", "lab-plan", "lab-verkehr", "uebung-ursache"}
"""Names of all pictures."""


def wanted() -> frozenset[str]:
    """Return the names of those that this machine can take."""
    return OF_TERMINAL if chromium() is None else PICTURES


def scenes(root: Path, target: Path, log: Logger) -> tuple[Job, Job]:
    """Return what is done for pictures alone; each job in a place of its own.

    The first makes a sandbox of its own, the second copies one.

    Args:
        root: The checkout.
        target: An empty directory for the pictures.
        log: Told what was done.
    """
    if chromium() is None:
        log.info("Chromium is not installed; pictures of the browser are left out.")

    def walk(
        scene: Callable[[Stage], None], copies: bool, sandbox: Path, stopped: threading.Event
    ) -> PictureFailed | None:
        failed: PictureFailed | None = None
        for _ in range(ATTEMPTS):
            began = time.monotonic()
            try:
                with stage(root, target, stopped, sandbox if copies else None) as place:
                    scene(place)
            except PictureFailed as error:
                failed = error
                if stopped.is_set():
                    break
                log.info("Once more: %s", error)
            else:
                log.info("Took pictures of %s in %.0f s", scene.__name__, time.monotonic() - began)
                return None
        return failed

    return partial(walk, tour, False), partial(walk, by_hand, True)


def of_rehearsals(
    lanes: Sequence[Lane], root: Path, results: Path, target: Path, stopped: threading.Event
) -> None:
    """Take the pictures of what the rehearsals of this build did.

    Args:
        lanes: What was rehearsed.
        root: The checkout.
        results: The directory with what they left, ``rehearsals/`` and ``records/``.
        target: The directory for the pictures.
        stopped: Set when everything is to end.

    Raises:
        PictureFailed: a picture cannot be taken, or would say something about this machine.
    """
    with stage(root, target, stopped) as place:
        for rehearsal in (one for lane in lanes for one in lane.rehearsals):
            for name, command in rehearsal.screens.items():
                shown = results / "rehearsals" / rehearsal.runbook / f"{name}.txt"
                place.draw(name, f"leitstand {command}", shown.read_text("utf-8"))
        browser = chromium()
        if browser is None:
            return
        with window(browser) as page:
            page.goto(_record(place, results).as_uri())
            photograph(page, place, "beleg")
            page.goto(_incident(place, results).as_uri())
            Lab(page).show("Zuoberst steht die Ursache")
            photograph(page, place, "uebung-ursache")


def _record(place: Stage, results: Path) -> Path:
    """Write the page of the record of the rehearsed release."""
    page = place.home / "beleg.html"
    run = _rehearsed(results, "release").run
    store, key = results / "records", results / "records.pub"
    place.type("audit", "show", run, "--store", str(store), "--key", str(key), "--html", str(page))
    return page


def _incident(place: Stage, results: Path) -> Path:
    """Write the page of the rehearsed incident's notebook, without the place where it ran."""
    from leitstand.notebook.html import write_html

    notebook = results / "rehearsals" / "incident" / "notebook.ipynb"
    text = notebook.read_text("utf-8")
    run = re.escape(_rehearsed(results, "incident").run)
    homes = {Path(home) for home in re.findall(rf"(/[^\s\"'<>\\]+)/runs/{run}", text)}
    copy = place.home / "incident.ipynb"
    copy.write_text(replaced(text, names_of(*homes)), "utf-8")
    return write_html(copy)


def _rehearsed(results: Path, runbook: str) -> Rehearsed:
    found = read_rehearsed(results / "rehearsals" / runbook)
    if found is None:
        raise PictureFailed(f"The runbook {runbook} was not rehearsed.")
    return found
