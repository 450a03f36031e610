"""What both runbooks about tenants do: read the isolation, try it, and judge it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leitstand.core.plan import Approved
from leitstand.core.tenancy.isolation import Finding, Model, Severity, judge_isolation
from leitstand.core.tenancy.naming import named_tenants
from leitstand.core.tenancy.types import Attempt, IsolationFacts, Tenant
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.recovery import executor_for
from leitstand.notebook.progress import Progress
from leitstand.notebook.run import Run
from leitstand.notebook.tenancy_wording import action_title

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["Isolation", "chosen_model"]


def chosen_model(run: Run, model: str) -> Model:
    """Return how tenants are kept apart: as the environment file says, or as was asked."""
    if model == "schema_per_tenant":
        return "schema_per_tenant"
    return "row_level_security" if model == "row_level_security" else run.environment.tenancy.model


class Isolation:
    """The isolation of an environment's tenants, within a run.

    Attributes:
        target: Full name of the application's database.
        application: Roles that the application logs in as.
        model: How tenants are kept apart.
    """

    def __init__(self, run: Run, model: Model) -> None:
        self._run = run
        self._access = DatabaseAccess(run.connection)
        self._instance = self._access.instance
        self.target = f"{self._instance}/databases/{self._access.settings.name}"
        self.application = tuple(self._access.settings.roles)
        self.model = model

    def read(self) -> IsolationFacts:
        """Read what the catalogue says of it; change nothing."""
        from leitstand.database.isolation import read_isolation

        with self._connect(read_only=True) as connection:
            return read_isolation(connection, self._run.environment.tenancy, self.application)

    def judge(self, facts: IsolationFacts, attempts: Sequence[Attempt] = ()) -> tuple[Finding, ...]:
        """Return what is wrong."""
        return judge_isolation(
            attempts,
            facts,
            self._run.environment.tenancy,
            model=self.model,
            application=self.application,
        )

    def attempt(
        self,
        facts: IsolationFacts,
        pairs: Sequence[tuple[Tenant, Tenant]],
        progress: Progress,
        newcomer: Tenant | None = None,
    ) -> tuple[Attempt, ...]:
        """Try to cross the borders between pairs of tenants; everything is rolled back."""
        from leitstand.database.trials import try_schemas, try_shared

        tenancy = self._run.environment.tenancy

        def watch(done: int, of: int) -> None:
            progress.update(f"Mandant {done} von {of}")

        with self._connect(read_only=False) as connection:
            if self.model == "row_level_security":
                return try_shared(connection, facts, tenancy, pairs, newcomer=newcomer, watch=watch)
            names = dict(named_tenants(facts.tenants, tenancy)[0])
            able = {
                tenant
                for tenant, own in names.items()
                if own.schema in facts.schemas and own.role in facts.roles
            }
            named = [
                ((actor, names[actor]), (victim, names[victim]))
                for actor, victim in pairs
                if actor in able and victim in names
            ]
            return try_schemas(connection, facts, named, watch=watch)

    def apply(self, approved: Approved) -> None:
        """Apply all actions of a plan, each as a step."""
        executor = executor_for(approved, self._run.journal, self._run.connection)
        for action in approved.plan.actions:
            with self._run.step(action.id, action_title(action)) as progress:
                executor.apply(action.id, progress.update)

    def record(self, attempts: Sequence[Attempt], findings: Sequence[Finding]) -> None:
        """Journal what was tried and what was found."""
        broken = [finding for finding in findings if finding.severity is Severity.BROKEN]
        self._run.journal.append(
            "tenancy.checked",
            attempts=len(attempts),
            breaches=sum(attempt.breach for attempt in attempts),
            broken=list(dict.fromkeys(f"{f.code}: {f.subject}" for f in broken)),
        )

    @contextmanager
    def _connect(self, *, read_only: bool) -> "Iterator[Connection]":
        from leitstand.database.connection import connect

        url = self._access.administrator_url(self._instance)
        with connect(url, read_only=read_only, autocommit=True) as connection:
            yield connection
