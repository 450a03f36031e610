"""What a drill is."""

from collections.abc import Callable
from dataclasses import dataclass, field

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.scene import Scene

__all__ = ["Drill", "Mix"]


@dataclass(frozen=True)
class Mix:
    """The load of a drill, in requests per second.

    Attributes:
        rate: To the application: pages, documents read and written, searches.
        chat_rate: To LiteLLM.
    """

    rate: float = 20.0
    chat_rate: float = 2.0


@dataclass(frozen=True)
class Drill:
    """One fault that is practised.

    Attributes:
        name: In kebab-case.
        title: German headline; it does not give the cause away.
        story: German; what the engineer is told: symptoms as an alert would say, never the cause.
        cause: What the incident runbook must rank first.
        treatments: Names of the runbooks that treat it.
        inject: Does the real harm; what ``clean`` will need it notes in ``scene.state`` first.
        recovered: Looks at the world and says whether the harm is gone; changes nothing.
        clean: Removes what the drill left, whether it was treated or not; repeatable, and it
            must also do after an ``inject`` that was cut off half-way or never began.
        mix: Its load.
    """

    name: str
    title: str
    story: str
    cause: Cause
    treatments: tuple[str, ...]
    inject: Callable[[Scene], None]
    recovered: Callable[[Scene], bool]
    clean: Callable[[Scene], None]
    mix: Mix = field(default_factory=Mix)
