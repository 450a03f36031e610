"""One look at an incident: ask the sources, rank what may be the matter, show and journal it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from leitstand.core.triage.hypotheses import Hypothesis
from leitstand.core.triage.ranking import rank
from leitstand.core.triage.signals import Signals
from leitstand.notebook.incident_runs import RANKED
from leitstand.notebook.incident_views import (
    errors_table,
    evidence_tables,
    missing_notices,
    ranking_table,
    services_table,
    state_table,
)
from leitstand.notebook.run import Run
from leitstand.notebook.views import show
from leitstand.project import state_directory

__all__ = ["Found", "Looks"]


@dataclass(frozen=True)
class Found:
    """What is known, and what may be the matter, the likeliest first."""

    signals: Signals
    hypotheses: tuple[Hypothesis, ...]

    def without(self, hypothesis: Hypothesis) -> bool:
        """Whether a hypothesis of an earlier look is certainly over."""
        unseen = hypothesis.unseen_in(self.signals.missing)
        return not unseen and hypothesis.left_in(self.hypotheses) is None


class Looks:
    """Looks at one incident, on behalf of a run."""

    def __init__(self, run: Run, incident: str) -> None:
        self._run = run
        self._policy = run.environment.triage
        self._incident = incident

    def gather(self) -> Signals:
        """Ask all sources at once, within the deadline of the environment file."""
        from leitstand.execution.triage import gather

        return gather(
            self._run.connection,
            since=datetime.now(UTC) - self._window,
            deadline=self._policy.deadline,
            state_directory=state_directory(),
        )

    def ranked(self, signals: Signals) -> Found:
        """Return what may be the matter."""
        environment = self._run.environment
        limits = environment.litellm
        hypotheses = rank(
            signals,
            self._policy,
            quota=(limits.rate_limit_quota, limits.rate_limit_maximum),
            database_secret=environment.database.url_secret if environment.database else "",
            redis_secret=environment.memorystore.url_secret,
        )
        return Found(signals, hypotheses)

    def show(self, signals: Signals) -> None:
        """Show what the sources told, first those that did not."""
        show(*missing_notices(signals))
        show(services_table(signals), state_table(signals), errors_table(signals))

    def tell(self, found: Found) -> None:
        """Journal and show the hypotheses."""
        self._run.journal.append(
            RANKED,
            incident=self._incident,
            hypotheses=[
                {"cause": h.cause, "target": h.target, "score": h.score, "title": h.title}
                for h in found.hypotheses
            ],
            missing=sorted(found.signals.missing),
        )
        show(ranking_table(found.hypotheses), *evidence_tables(found.hypotheses, self.given))

    @property
    def given(self) -> Mapping[str, object]:
        """What every treatment is given besides its own parameters."""
        return {"env": self._run.environment.name, "ticket": self._run.parameters["ticket"]}

    @property
    def _window(self) -> timedelta:
        minutes = self._run.parameters["minutes"]
        assert isinstance(minutes, int)
        return timedelta(minutes=minutes) if minutes else timedelta(seconds=self._policy.window)
