"""Why a run cannot be sealed, or not yet."""

from pathlib import Path

from leitstand.core.errors import GateRefused, InputError, RunFailed

__all__ = [
    "ChainUnusable",
    "ChangedAfterSealing",
    "NotFinished",
    "NotSealable",
    "StoreUnreachable",
]


class NotFinished(InputError):
    """The journal of a run has no end."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} ist nicht zu Ende.",
            "Setzen Sie ihn fort, oder versiegeln Sie ihn als abgebrochen.",
        )


class NotSealable(InputError):
    """A directory holds no run."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path} lässt sich nicht versiegeln: {reason}.", "Prüfen Sie das Verzeichnis."
        )


class ChangedAfterSealing(GateRefused):
    """The files of a run are not those of its record, and nobody resumed it.

    Attributes:
        file: Name of the first file that differs.
        offset: First byte that can be wrong.
    """

    def __init__(self, run: str, file: str, offset: int) -> None:
        super().__init__(
            f"Der Lauf {run} ist versiegelt, aber {file} wurde ab Byte {offset} verändert.",
            "Holen Sie die Datei aus dem Archiv zurück, und klären Sie, wer sie verändert hat.",
        )
        self.file = file
        self.offset = offset


class ChainUnusable(GateRefused):
    """The last record of the chain is none; nothing can follow it."""

    def __init__(self, seq: int) -> None:
        super().__init__(
            f"Beleg {seq}, der letzte der Kette, ist nicht lesbar oder trägt eine andere Nummer.",
            "Prüfen Sie die Kette mit „leitstand audit verify“; der Lauf wird danach versiegelt.",
        )
        self.seq = seq


class StoreUnreachable(RunFailed):
    """The store did not answer; the signed record is kept beside the run."""

    def __init__(self, run: str, error: OSError) -> None:
        super().__init__(
            f"Das Archiv ist nicht erreichbar ({error}); der Beleg von {run} ist aufgehoben.",
            "Der nächste Lauf oder „leitstand audit seal“ reicht ihn nach.",
        )
