"""The verbs of the quota runbook: raise or lower what LiteLLM asks of its upstream per minute."""

from leitstand.core.errors import InputError
from leitstand.core.plan import Approved, Plan, Withheld
from leitstand.notebook.reconfiguring import Checked, Observed, Reconfiguring
from leitstand.notebook.run import Run
from leitstand.notebook.views import Row

__all__ = ["LitellmQuota", "QuotaTooHigh"]


class QuotaTooHigh(InputError):
    """More is asked for than the upstream grants."""

    def __init__(self, wanted: int, most: int) -> None:
        super().__init__(
            f"{wanted} Anfragen je Minute sind mehr, als der Anbieter gewährt ({most}).",
            "Wählen Sie weniger, oder ändern Sie litellm.rate_limit_maximum in der Umgebungsdatei.",
        )
        self.wanted = wanted
        self.most = most


class LitellmQuota:
    """The rate limit of LiteLLM within a run.

    Args:
        run: The run.
        requests_per_minute: The new limit; 0 is that of the environment file.

    Raises:
        QuotaTooHigh: the upstream does not grant so many.
    """

    def __init__(self, run: Run, *, requests_per_minute: int) -> None:
        limits = run.environment.litellm
        wanted = requests_per_minute or limits.rate_limit_quota
        if wanted > limits.rate_limit_maximum:
            raise QuotaTooHigh(wanted, limits.rate_limit_maximum)
        self._limits = limits
        self._change = Reconfiguring(
            run,
            "litellm",
            name=limits.rate_limit_variable,
            value=str(wanted),
            text=_text,
            restored="LiteLLM lässt wieder so viele Anfragen durch wie vorher.",
        )

    def observe(self) -> Observed:
        """Read the service and its limit; change nothing."""
        return self._change.observe(
            [
                Row(("Umgebungsdatei", _text(str(self._limits.rate_limit_quota)))),
                Row(("Höchstens", _text(str(self._limits.rate_limit_maximum)))),
            ]
        )

    def check(self, observed: Observed) -> Checked:
        """Let the run go on only if the service is settled.

        Raises:
            ServiceBusy: it is not.
        """
        return self._change.check(observed)

    def plan(self, checked: Checked) -> Plan:
        """Plan a revision with the limit; show it."""
        return self._change.plan(checked)

    def change(self, approved: Approved | Withheld) -> None:
        """Make the revision and give it the traffic.

        Raises:
            RolledBack: something failed; the old revision has the traffic.
        """
        self._change.apply(approved)

    def verify(self, approved: Approved | Withheld) -> None:
        """Look whether the limit is in force.

        Raises:
            RunFailed: it is not.
        """
        self._change.verify(approved)


def _text(value: str | None) -> str:
    return "ohne Grenze" if value is None else f"{value} Anfragen je Minute"
