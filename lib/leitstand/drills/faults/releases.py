"""Releases that should not have been made."""

from collections.abc import Callable

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.deploying import NotDeployed, deploy, image_of, restore
from leitstand.drills.drill import Drill
from leitstand.drills.load import await_requests
from leitstand.drills.probing import Reply, ask
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_SERVICE = "web"
_ASKED = 20
"""Fresh requests: four times as many as come from one fault to the next."""
_FELT = 3
"""So many times what a share of errors needs to count at all; Monitoring is a second behind."""
_PATIENCE = 15.0
_SLOW_SECONDS = 0.35
_BAD = 2
"""One slow answer may be this machine's; two of twenty are the revision's."""


def _release(image: str, *, warm: bool = False) -> Callable[[Scene], None]:
    """Return what deploys an image and lets it be felt, as an alarm counts before it speaks.

    `warm` waits until the latency no longer counts as that of instances which have just started.
    """

    def inject(scene: Scene) -> None:
        problem = deploy(scene, _SERVICE, image_of(scene, image))
        if problem:
            raise NotDeployed(_SERVICE, problem)
        triage = scene.environment.triage
        rule = triage.recent_seconds + triage.slack_seconds if warm else 0.0
        await_requests(scene, _FELT * triage.min_requests, at_least=rule, at_most=rule + _PATIENCE)

    return inject


def _answers_well(bad: Callable[[Reply], bool], allowed: int) -> Callable[[Scene], bool]:
    def recovered(scene: Scene) -> bool:
        found = 0
        for reply in ask(scene, _SERVICE, "/", _ASKED):
            found += bad(reply)
            if found > allowed:
                return False
        return True

    return recovered


def _clean(scene: Scene) -> None:
    restore(scene, _SERVICE)


def _failed(reply: Reply) -> bool:
    return not 200 <= reply[0] < 500


def _slow(reply: Reply) -> bool:
    return _failed(reply) or reply[1] > _SLOW_SECONDS


DRILLS = (
    Drill(
        name="bad-release",
        title="Fehler auf allen Seiten",
        story=(
            "Der Alarm meldet: Jede fünfte Anfrage an die Anwendung endet mit einem Fehler 500."
            " Beim Kundendienst häufen sich die Anrufe. Wer neu lädt, kommt meist weiter."
        ),
        cause=Cause.BAD_RELEASE,
        treatments=("rollback",),
        inject=_release("web:1.2.0-errors"),
        recovered=_answers_well(_failed, 0),
        clean=_clean,
    ),
    Drill(
        name="slow-release",
        title="Zähe Seiten",
        story=(
            "Der Alarm meldet: Die Latenz p95 der Anwendung hat sich vervielfacht. Fehler gibt es"
            " keine. Kunden schreiben, die Seiten seien „mal flott, mal zäh“."
        ),
        cause=Cause.BAD_RELEASE,
        treatments=("rollback",),
        inject=_release("web:1.2.1-slow", warm=True),
        recovered=_answers_well(_slow, _BAD - 1),
        clean=_clean,
    ),
)
