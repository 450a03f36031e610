"""The verbs of the maintenance runbook: show users a page instead of errors, and stop that."""

from typing import Final

from leitstand.cloud.smoke import Smoke
from leitstand.core.errors import RunFailed
from leitstand.core.service import ServiceState
from leitstand.notebook.reconfiguring import Reconfiguring
from leitstand.notebook.run import Run
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["MaintenanceMode"]

VARIABLE: Final = "APP_MAINTENANCE"
"""What the application reads: with any value it answers 503 with a page that explains it."""

# Without the page, the application's first one may lead to another or to a login.
_ON, _OFF = range(503, 504), range(200, 400)
_PATH = "/"


class MaintenanceMode(Reconfiguring):
    """The maintenance page of the web service within a run.

    Args:
        run: The run.
        on: Whether users are to see it.
    """

    def __init__(self, run: Run, *, on: bool) -> None:
        super().__init__(
            run,
            "web",
            name=VARIABLE,
            value="1" if on else None,
            text=lambda value: "Wartungsseite" if value else "normaler Betrieb",
            restored="Die Anwendung zeigt wieder, was sie vorher zeigte.",
        )
        self._answers = _ON if on else _OFF

    def prove(self, service: ServiceState) -> None:
        """Ask the application what it shows.

        Raises:
            RunFailed: it is not what was wanted.
        """
        test = self._run.environment.release.smoke_test
        probe = Smoke(self._run.connection).probe(
            service.uri,
            _PATH,
            timeout=test.timeout,
            attempts=test.attempts,
            wanted=self._answers,
        )
        if probe.status not in self._answers:
            raise RunFailed(
                f"Die Anwendung antwortet mit {probe.status or probe.problem}"
                f" statt {_text(self._answers)}.",
                "Prüfen Sie, ob ihr Abbild APP_MAINTENANCE versteht.",
            )
        show(Notice(f"Die Anwendung antwortet mit {probe.status}.", Tone.GOOD))


def _text(answers: range) -> str:
    first, last = answers[0], answers[-1]
    return str(first) if first == last else f"{first} bis {last}"
