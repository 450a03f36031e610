"""Why a drill is not started, scored or stopped.

::

    GateRefused
    ├── NoDrill            none is under way, or another one
    ├── NotProvisioned     the sandbox is empty
    ├── OnlyInTheSandbox   another environment was named
    ├── SandboxReset       the sandbox was reset since the drill began
    └── StartCutOff        the fault was never there
"""

from leitstand.core.errors import GateRefused

__all__ = ["NoDrill", "NotProvisioned", "OnlyInTheSandbox", "SandboxReset", "StartCutOff"]


class OnlyInTheSandbox(GateRefused):
    """A drill does real harm; it is refused everywhere but in the sandbox."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"In {environment} gibt es keine Übungen: Sie richten echten Schaden an.",
            "Üben Sie in der Sandbox, also ohne --env.",
        )


class NotProvisioned(GateRefused):
    """The sandbox is empty."""

    def __init__(self) -> None:
        super().__init__(
            "In der Sandbox ist nichts bereitgestellt, woran sich üben ließe.",
            "Stellen Sie es mit leitstand run provision -p apply=true bereit, oder beginnen Sie mit"
            " leitstand sandbox reset neu.",
        )


class NoDrill(GateRefused):
    """No drill is under way, or another one."""

    def __init__(self, name: str = "") -> None:
        super().__init__(
            f"Die Übung {name} läuft nicht." if name else "Es läuft keine Übung.",
            "leitstand drill list zeigt alle Übungen und welche läuft.",
        )


class StartCutOff(GateRefused):
    """The start of the drill was cut off before its fault was there.

    Attributes:
        name: Of it; empty where it must not be told.
    """

    def __init__(self, name: str = "") -> None:
        drill = f"Übung {name}" if name else "Übung"
        super().__init__(
            f"Der Start der {drill} wurde abgebrochen; zu bewerten gibt es nichts.",
            "Räumen Sie mit leitstand drill stop auf.",
        )
        self.name = name


class SandboxReset(GateRefused):
    """The sandbox was reset since the drill began, and its fault is gone with that."""

    def __init__(self) -> None:
        super().__init__(
            "Die Sandbox wurde seit dem Beginn der Übung zurückgesetzt; zu bewerten gibt es nichts"
            " mehr.",
            "Beenden Sie die Übung mit leitstand drill stop.",
        )
