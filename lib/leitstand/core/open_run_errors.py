"""Errors of runs that other machines may go on with.

::

    GateRefused
    ├── EndedElsewhere        the run was finished on another machine
    ├── JournalTooNew         a newer Leitstand has written the journal
    ├── LibraryChanged        this Leitstand would do something else with what is left
    ├── OtherProject          the environment belongs to another project than when the run began
    └── OtherSandbox          the sandbox is not the one in which the run began
    RunFailed
    ├── ContinuedElsewhere    another machine has gone on with the run
    ├── OpenStateDamaged      what the store holds of the run does not fit together
    └── OpenStoreUnusable     the store of open runs does not answer, or refuses
        └── OpenStoreMissing  its bucket is not there
"""

from leitstand.core.errors import GateRefused, RunFailed

__all__ = [
    "ContinuedElsewhere",
    "EndedElsewhere",
    "JournalTooNew",
    "LibraryChanged",
    "OpenStateDamaged",
    "OpenStoreMissing",
    "OpenStoreUnusable",
    "OtherProject",
    "OtherSandbox",
]


class ContinuedElsewhere(RunFailed):
    """Another machine has gone on with the run; this one does nothing more for it.

    Attributes:
        run: Its id.
    """

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} ist auf einem anderen Rechner weitergegangen.",
            "Hier ändert er nichts mehr. Sprechen Sie sich ab; den neuen Stand holt"
            f" leitstand resume {run}.",
        )
        self.run = run


class EndedElsewhere(GateRefused):
    """The run was finished on another machine; there is nothing to go on with.

    Attributes:
        run: Its id.
        host: Name of that machine.
    """

    def __init__(self, run: str, host: str, at: str) -> None:
        when = f" ({at[:16].replace('T', ' ')} UTC)" if at else ""
        super().__init__(
            f"Der Lauf {run} ist auf {host or 'einem anderen Rechner'} beendet worden{when}.",
            "Es gibt nichts fortzusetzen. Seinen Beleg zeigt leitstand audit show.",
        )
        self.run = run
        self.host = host


class JournalTooNew(GateRefused):
    """A newer Leitstand has written the journal; this one could misread it.

    Attributes:
        run: Id of the run.
        format: What the journal says it is.
    """

    def __init__(self, run: str, format: object, known: int) -> None:
        super().__init__(
            f"Das Journal des Laufs {run} hat das Format {format}; dieser Leitstand kennt es nur"
            f" bis {known}.",
            "Aktualisieren Sie den Leitstand auf diesem Rechner, oder setzen Sie den Lauf dort"
            " fort, wo er begann.",
        )
        self.run = run
        self.format = format


class LibraryChanged(GateRefused):
    """The library has changed, and with it what is left of the plan.

    Attributes:
        run: Id of the run.
    """

    def __init__(self, run: str, before: str, now: str, what: str) -> None:
        super().__init__(
            f"Der Leitstand ist nicht mehr der, mit dem der Lauf {run} begann ({before}, jetzt"
            f" {now}): {what}",
            f"Nehmen Sie den Stand von {before}, oder führen Sie den Rest von Hand aus:"
            f" leitstand show {run} --commands.",
        )
        self.run = run


class OpenStateDamaged(RunFailed):
    """What a store holds of a run does not fit together.

    Attributes:
        run: Its id.
    """

    def __init__(self, run: str, url: str, cause: str) -> None:
        super().__init__(
            f"Der offene Stand des Laufs {run} in {url} ist beschädigt: {cause}.",
            "Setzen Sie den Lauf auf dem Rechner fort, auf dem er begann, oder prüfen Sie von"
            " Hand, was geschehen ist.",
        )
        self.run = run


class OpenStoreUnusable(RunFailed):
    """The store of open runs does not answer, refuses, or is not there.

    Attributes:
        url: Its address.
    """

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(
            f"Der Speicher der offenen Läufe {url} ist nicht erreichbar: {cause}",
            "Ohne ihn weiß niemand, ob der Lauf anderswo weitergeht; er beginnt keine Änderung."
            " Prüfen Sie Verbindung und Rechte, und setzen Sie ihn fort.",
        )
        self.url = url


class OpenStoreMissing(OpenStoreUnusable):
    """The bucket of open runs is not there."""


class OtherProject(GateRefused):
    """The environment belongs to another project than when the run began.

    Attributes:
        before: The project then.
        now: The project of the environment file.
    """

    def __init__(self, run: str, environment: str, before: str, now: str) -> None:
        super().__init__(
            f"Der Lauf {run} begann im Projekt {before}; {environment} ist hier {now}.",
            "Setzen Sie ihn mit der Umgebungsdatei und den Zugangsdaten fort, mit denen er begann.",
        )
        self.before = before
        self.now = now


class OtherSandbox(GateRefused):
    """The sandbox is not the one in which the run began; what it did is not there.

    Attributes:
        run: Its id.
    """

    def __init__(self, run: str) -> None:
        super().__init__(
            f"Der Lauf {run} begann in einer anderen Sandbox; was er tat, gibt es hier nicht.",
            "Starten Sie das Runbook neu, oder nennen Sie mit LEITSTAND_SANDBOX die Sandbox, in der"
            " er begann.",
        )
        self.run = run
