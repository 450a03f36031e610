"""The refusal to do anything more in a run that has ended."""

from leitstand.core.errors import GateRefused

__all__ = ["RunOver"]


class RunOver(GateRefused):
    """The run has ended; nothing more is done or written in it.

    Attributes:
        run: Its id.
    """

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} ist beendet; in ihm geschieht nichts mehr.",
            "Beginnen Sie einen neuen: In JupyterLab führen Sie die Zelle mit begin() noch einmal"
            " aus.",
        )
        self.run = run
