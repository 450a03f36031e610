"""A gateway to the models that lets too few requests through."""

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.deploying import NotDeployed, deploy, restore, set_variable
from leitstand.drills.drill import Drill, Mix
from leitstand.drills.load import gateway_key
from leitstand.drills.probing import ask
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_SERVICE, _MODEL = "litellm", "gpt-4o"
_QUOTA = 12
_ASKED = 2 * _QUOTA + 1
"""More than two instances let through in a minute."""


def _inject(scene: Scene) -> None:
    variable = scene.environment.litellm.rate_limit_variable
    problem = deploy(scene, _SERVICE, set_variable(variable, str(_QUOTA)))
    if problem:
        raise NotDeployed(_SERVICE, problem)


def _recovered(scene: Scene) -> bool:
    """Whether the gateway takes more requests in a row than the quota of the drill allows."""
    body = {"model": _MODEL, "messages": [{"role": "user", "content": "Hallo"}]}
    headers = {"Authorization": f"Bearer {gateway_key(scene)}"}
    replies = ask(scene, _SERVICE, "/v1/chat/completions", _ASKED, body=body, headers=headers)
    return all(status == 200 for status, _ in replies)


def _clean(scene: Scene) -> None:
    restore(scene, _SERVICE)


DRILLS = (
    Drill(
        name="quota-exhausted",
        title="Der Assistent schweigt",
        story=(
            "Der Alarm meldet: Die meisten Antworten des Assistenten bleiben aus. Zu Beginn jeder"
            " Minute geht es kurz, dann nicht mehr. Die Seiten der Anwendung sind schnell."
        ),
        cause=Cause.QUOTA_EXHAUSTED,
        treatments=("litellm_quota",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
        mix=Mix(chat_rate=6.0),
    ),
)
