"""Why an interactive run does not go on, each with what to do."""

from collections.abc import Sequence

from leitstand.core.errors import GateRefused, InputError

__all__ = [
    "CellOutOfOrder",
    "NotAtItsEnd",
    "OtherParameters",
    "OtherTemplate",
    "RunUnderWayElsewhere",
]


class RunUnderWayElsewhere(GateRefused):
    """Another kernel, or a command, has the run of this notebook."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} dieses Notebooks gehört gerade einem anderen Kernel oder Befehl.",
            "Arbeiten Sie dort weiter, oder beenden Sie ihn dort (in JupyterLab im Menü „Kernel“),"
            " und führen Sie diese Zelle noch einmal aus.",
        )
        self.run = run


class OtherParameters(GateRefused):
    """The parameters are not those with which the run has changed something.

    Attributes:
        names: Those that differ.
    """

    def __init__(self, run: str, names: Sequence[str], *, here: bool) -> None:
        differing = ", ".join(names) or "das Runbook"
        super().__init__(
            f"Der Lauf {run} hat mit anderen Werten schon etwas geändert; es unterscheiden sich:"
            f" {differing}. Hier geschieht nichts.",
            f"Stellen Sie die Werte wieder her, und führen Sie diese Zelle noch einmal aus."
            f" Oder {_let_go(here)}führen Sie ihn mit leitstand resume {run} zu Ende, oder nehmen"
            f" Sie ihn mit leitstand revert {run} zurück.",
        )
        self.names = tuple(names)


class OtherTemplate(GateRefused):
    """The runbook was changed since the run changed something."""

    def __init__(self, run: str, runbook: str, *, here: bool) -> None:
        super().__init__(
            f"Das Runbook {runbook} wurde geändert, seit der Lauf {run} etwas geändert hat.",
            f"Stellen Sie den alten Stand wieder her. Oder {_let_go(here)}nehmen Sie den Lauf"
            f" zurück: leitstand revert {run}.",
        )


class NotAtItsEnd(GateRefused):
    """A run that has changed something is to be finished before it has done all of its plan.

    Attributes:
        sections: Headings of the cells that are left.
    """

    def __init__(self, run: str, sections: Sequence[str]) -> None:
        super().__init__(
            f"Der Lauf {run} ist noch nicht am Ziel; offen ist: {', '.join(sections)}.",
            "Führen Sie zuerst die Zellen dort aus. Oder beenden Sie diesen Kernel, und nehmen Sie"
            f" den Lauf zurück: leitstand revert {run}.",
        )
        self.sections = tuple(sections)


class CellOutOfOrder(InputError):
    """A cell uses what an earlier cell of the runbook makes."""

    def __init__(self, name: str, section: str) -> None:
        super().__init__(
            f"„{name}“ gibt es in diesem Kernel noch nicht.",
            f"Führen Sie zuerst die Zellen bis einschließlich „{section}“ aus; was schon getan"
            " ist, geschieht dabei kein zweites Mal.",
        )
        self.name = name
        self.section = section


def _let_go(here: bool) -> str:
    return "beenden Sie diesen Kernel, und " if here else ""
