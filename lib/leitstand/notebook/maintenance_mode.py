"""The verbs of the maintenance runbook: show users a page instead of errors, and stop that."""

from typing import Final

from leitstand.cloud.smoke import Smoke
from leitstand.core.errors import RunFailed
from leitstand.core.plan import Approved, Plan, Withheld
from leitstand.notebook.reconfiguring import Checked, Observed, Reconfiguring
from leitstand.notebook.run import Run
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["MaintenanceMode"]

VARIABLE: Final = "APP_MAINTENANCE"
"""What the application reads: with any value it answers 503 with a page that explains it."""

_ON, _OFF = 503, 200
_PATH = "/"


class MaintenanceMode:
    """The maintenance page of the web service within a run."""

    def __init__(self, run: Run, *, on: bool) -> None:
        self._run = run
        self._on = on
        self._change = Reconfiguring(
            run,
            "web",
            name=VARIABLE,
            value="1" if on else None,
            text=lambda value: "Wartungsseite" if value else "normaler Betrieb",
            restored="Die Anwendung zeigt wieder, was sie vorher zeigte.",
        )

    def observe(self) -> Observed:
        """Read the service and whether it shows the page; change nothing."""
        return self._change.observe()

    def check(self, observed: Observed) -> Checked:
        """Let the run go on only if the service is settled.

        Raises:
            ServiceBusy: it is not.
        """
        return self._change.check(observed)

    def plan(self, checked: Checked) -> Plan:
        """Plan a revision with or without the page; show it."""
        return self._change.plan(checked)

    def change(self, approved: Approved | Withheld) -> None:
        """Make the revision and give it the traffic.

        Raises:
            RolledBack: something failed; the old revision has the traffic.
        """
        self._change.apply(approved)

    def verify(self, approved: Approved | Withheld) -> None:
        """Ask the application what it shows.

        Raises:
            RunFailed: it is not what was wanted.
        """
        service = self._change.verify(approved)
        if service is None:
            return
        wanted = _ON if self._on else _OFF
        test = self._run.environment.release.smoke_test
        probe = Smoke(self._run.connection).probe(
            service.uri, _PATH, timeout=test.timeout, attempts=test.attempts, wanted=wanted
        )
        if probe.status != wanted:
            raise RunFailed(
                f"Die Anwendung antwortet mit {probe.status or probe.problem} statt {wanted}.",
                "Prüfen Sie, ob ihr Abbild APP_MAINTENANCE versteht.",
            )
        show(Notice(f"Die Anwendung antwortet mit {probe.status}.", Tone.GOOD))
