"""A drill from its start over its score to its end."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitstand.core.drilling.score import run_facts, score
from leitstand.core.drilling.types import DrillFacts, LoadFigures, RunFacts, Score
from leitstand.core.errors import LeitstandError
from leitstand.drills.catalogue import drills, find_drill
from leitstand.drills.drill import Drill
from leitstand.drills.load import BASELINE_SECONDS, begin_load, wait_until_calm
from leitstand.drills.loss import count_lost
from leitstand.drills.processes import end_helper
from leitstand.drills.refusals import (
    NoDrill,
    NotProvisioned,
    OnlyInTheSandbox,
    SandboxReset,
    StartCutOff,
)
from leitstand.drills.scene import Scene
from leitstand.drills.state import DrillState
from leitstand.project import runs_directory, sandbox_directory, state_directory

if TYPE_CHECKING:
    from leitstand.sandbox.control import Sandbox

__all__ = ["current_drill", "score_drill", "start_drill", "state_file", "stop_drill"]

_LOOK_SECONDS = 1.0
Watch = Callable[[str], None]


def state_file() -> Path:
    """Return where the state of the drill that is under way lies."""
    return state_directory() / "drill.json"


def current_drill() -> DrillState | None:
    """Return the state of the drill that is under way; None without one."""
    return DrillState.read(state_file())


def start_drill(
    name: str,
    *,
    environment: str = "sandbox",
    load: bool = True,
    baseline: float = BASELINE_SECONDS,
    watch: Watch = lambda _: None,
) -> Drill:
    """Do real harm to the sandbox, and return what was done.

    Starts the sandbox where it does not run, and the load; waits until all is well for a while;
    then injects the fault. Each act is written down before it is done. What fails is taken back.

    Args:
        name: Of the drill; any by chance when empty.
        environment: Must be ``sandbox``.
        load: Whether visitors come.
        baseline: Seconds without any error before the fault.
        watch: Told what is being done.

    Raises:
        OnlyInTheSandbox: another environment was named.
        DrillUnknown: there is no such drill.
        DrillUnderWay: another has not been stopped.
        DrillOver: it was stopped while it was being started.
        NotProvisioned: the sandbox is empty.
        NotHealthy: the application fails already without the fault.
    """
    if environment != "sandbox":
        raise OnlyInTheSandbox(environment)
    drill = find_drill(name or random.choice(list(drills())))
    watch("Sandbox bereitstellen")
    sandbox = _sandbox()
    state = DrillState.begin(state_file(), drill.name, surprise=not name)
    scene = _scene(sandbox, state)
    try:
        _check_provisioned(scene)
        _mark(sandbox.directory).touch()
        if load:
            watch("Last beginnen und abwarten, dass alles gelingt")
            sandbox.stop_visits()
            begin_load(scene, drill.mix)
            state.keep_load_before(wait_until_calm(sandbox.visits, seconds=baseline))
        watch("Störung einbauen")
        state.mark("injecting")
        drill.inject(scene)
        state.mark("injected")
    except BaseException:
        with suppress(Exception):  # then the state is left, and drill stop tries again
            _take_back(scene, drill)
        raise
    return drill


def score_drill(name: str = "", *, wait: float = 0.0, watch: Watch = lambda _: None) -> Score:
    """Look how the drill stands; write down when the harm was first seen to be gone.

    Args:
        name: Of the drill; any that is under way when left out.
        wait: Seconds to wait for the recovery; 0 looks once.
        watch: Told what is waited for.

    Raises:
        NoDrill: it is not under way.
        StartCutOff: its fault was never there.
        SandboxReset: the sandbox was reset since.
        DrillOver: it was stopped while it was looked at.
    """
    state = current_drill()
    if state is None or (name and state.name != name):
        raise NoDrill(name)
    injected = state.moment("injected")
    if injected is None:
        raise StartCutOff(state.public_name)
    _check_there(state)
    drill = find_drill(state.name)
    scene = _scene(_sandbox(), state)
    _watch_recovery(scene, drill, wait, watch)
    report = _figures(scene)
    lost = None
    with suppress(LeitstandError):  # a database that is away cannot be asked what is missing
        lost = count_lost(scene, report)
    return score(
        DrillFacts(
            cause=drill.cause.value,
            injected_at=injected,
            seen_recovered_at=state.moment("recovered"),
            runs=_runs_since(scene.environment.name, state.started_at, injected),
            before=LoadFigures.of(state.load_before) if report else None,
            after=LoadFigures.of(report) if report else None,
            data_lost=lost,
        )
    )


def stop_drill(watch: Watch = lambda _: None) -> str:
    """Take away what the drill did and its load, forget it, and return its name.

    After a command that was cut off at any point too; again it changes nothing more.

    Raises:
        NoDrill: none is under way.
        DrillOver: it was stopped by another command meanwhile.
        LeitstandError: something could not be taken away; then the drill is still under way.
    """
    state = current_drill()
    if state is None:
        raise NoDrill
    state.close()
    for helper in state.helpers:
        end_helper(helper)
    mark = _mark(sandbox_directory())
    # A sandbox without the mark was reset since, or nothing was begun in it.
    if mark.exists():
        watch("Störung ausbauen")
        _take_back(_scene(_sandbox(), state), find_drill(state.name))
    else:
        state.remove(mark)
    return state.name


def _take_back(scene: Scene, drill: Drill) -> None:
    for helper in scene.state.helpers:
        end_helper(helper)
    if scene.state.moment("injecting") is not None:
        drill.clean(scene)
    if not scene.state.superseded():
        scene.sandbox.stop_visits()
    scene.state.remove(_mark(scene.sandbox.directory))


def _check_there(state: DrillState) -> None:
    """Refuse a drill that was stopped, or whose sandbox was reset since."""
    state.check()
    if not _mark(sandbox_directory()).exists():
        state.check()  # the mark goes together with the state
        raise SandboxReset


def _mark(sandbox: Path) -> Path:
    """Return the file that says that a drill began in the sandbox; it goes when that is reset."""
    return sandbox / "drill"


def _sandbox() -> "Sandbox":
    """Return the sandbox, provisioned; one that is started here outlives this process."""
    from leitstand.notebook.sandboxes import attach_sandbox, sandbox_explained, start_sandbox
    from leitstand.sandbox import control

    with sandbox_explained():
        if control.find(sandbox_directory()) is None:
            with suppress(control.AlreadyRunning):
                return start_sandbox(lifeline=False)
        return attach_sandbox()


def _scene(sandbox: "Sandbox", state: DrillState) -> Scene:
    from leitstand.cloud.connection import Connection
    from leitstand.configuration import load_environment

    connection = Connection(load_environment("sandbox"), sandbox.grpc, sandbox.rest)
    return Scene(connection, sandbox, state)


def _check_provisioned(scene: Scene) -> None:
    from leitstand.cloud.errors import NotFound

    try:
        for service in scene.environment.services:
            scene.run.service(scene.environment.service_name(service))
    except NotFound as error:
        raise NotProvisioned from error


def _watch_recovery(scene: Scene, drill: Drill, wait: float, watch: Watch) -> None:
    if scene.state.moment("recovered") is not None:
        return
    deadline = time.monotonic() + wait
    watch("Erholung abwarten" if wait else "Erholung prüfen")
    while True:
        recovered = False
        try:
            with suppress(LeitstandError):  # what does not answer has not recovered
                recovered = drill.recovered(scene)
        finally:
            # What was taken away by a stop or a reset has not recovered either, and any look may
            # break off in the middle of that.
            _check_there(scene.state)
        if recovered:
            scene.state.mark("recovered")
            return
        if time.monotonic() >= deadline:
            return
        time.sleep(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic())))


def _figures(scene: Scene) -> dict[str, Any]:
    """Return the newest figures of the load, and keep them; the sandbox forgets them at its end."""
    report = scene.sandbox.visits()
    kept = scene.state.load or scene.state.load_before
    if report.get("kinds") and report.get("token") == kept.get("token", report.get("token")):
        scene.state.keep_load(report)
        return report
    return dict(kept)


def _runs_since(
    environment: str, started_at: datetime, injected_at: datetime
) -> tuple[RunFacts, ...]:
    from leitstand.audit.index import list_runs
    from leitstand.audit.journal import Journal

    begun = started_at.isoformat().replace("+00:00", "Z")
    return tuple(
        run_facts(Journal(entry.path / "journal.jsonl"), injected_at)
        for entry in list_runs(runs_directory())
        if entry.env == environment and entry.started_at >= begun
    )
