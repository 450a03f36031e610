"""Keeps the open state of a run where other machines see it, from its approval on."""

from contextlib import suppress
from typing import TYPE_CHECKING

from leitstand.core.errors import LeitstandError
from leitstand.core.open_run_errors import OpenStoreMissing
from leitstand.core.plan import Plan, concerns_bucket
from leitstand.core.records.settings import records_in
from leitstand.notebook.open_runs import write_ahead_of
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.views import Notice, Tone, show

if TYPE_CHECKING:
    from leitstand.audit.journal import Journal
    from leitstand.cloud.connection import Connection

__all__ = ["Mirroring"]


class Mirroring:
    """Sends the journal of a run to its environment's place of open runs, if it names one.

    Args:
        directory: Of the run.
        connection: Where the run acts.
        journal: Of the run, to which its actions are written.
    """

    def __init__(
        self, directory: RunDirectory, connection: "Connection", journal: "Journal"
    ) -> None:
        self._environment = connection.environment
        self._journal = journal
        self._ahead = write_ahead_of(directory, self._environment, connection)

    def announce(self) -> None:
        """Send what there is of a run that only waits, so that its wait survives this machine.

        A run that was resumed sends nothing until it holds its locks: whoever has them goes on.
        """
        if self._ahead is None:
            return
        resumed = any(event["event"] == "run.resumed" for event in self._journal)
        if not resumed:
            with suppress(LeitstandError):
                self._ahead.claim()

    def claim(self, plan: Plan) -> None:
        """Go on with the run here, and nowhere else; its locks are held.

        Raises:
            ContinuedElsewhere: another machine has gone on with it.
            EndedElsewhere: another machine has finished it.
            OpenStoreUnusable: the place does not answer; it is not known who goes on.
        """
        if self._ahead is None:
            return
        try:
            self._ahead.claim(anew=True)
        except OpenStoreMissing as error:
            if not concerns_bucket(plan, records_in(self._environment).open):
                raise
            text = f"{error.message} Der Plan legt ihn an; bis dahin kennt nur dieser Rechner ihn."
            show(Notice(text, Tone.WAIT))
            return
        self._journal.mirror(self._ahead)
