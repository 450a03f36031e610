"""The verbs of the quota runbook: raise or lower what LiteLLM asks of its upstream per minute."""

from leitstand.core.errors import InputError
from leitstand.notebook.reconfiguring import Reconfiguring
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


class LitellmQuota(Reconfiguring):
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
        super().__init__(
            run,
            "litellm",
            name=limits.rate_limit_variable,
            value=str(wanted),
            text=_text,
            restored="LiteLLM lässt wieder so viele Anfragen durch wie vorher.",
            rows=(
                Row(("Umgebungsdatei", _text(str(limits.rate_limit_quota)))),
                Row(("Höchstens", _text(str(limits.rate_limit_maximum)))),
            ),
        )


def _text(value: str | None) -> str:
    return "ohne Grenze" if value is None else f"{value} Anfragen je Minute"
