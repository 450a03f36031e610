"""The verbs of the runbook that removes idle tags: look, plan, remove, look again."""

from leitstand.cloud.run import CloudRun
from leitstand.core.errors import RunFailed
from leitstand.core.plan import Approved, Plan, Withheld
from leitstand.core.service import ServiceState
from leitstand.core.tags import idle_tags, plan_removal
from leitstand.execution.recovery import executor_for
from leitstand.notebook.plan_views import plan_table
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Row, Table, Tone, show
from leitstand.notebook.wording import action_text

__all__ = ["RemoveTags", "TagsLeft"]


class TagsLeft(RunFailed):
    """Idle tags are still there."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        super().__init__(
            f"Diese Tags sind noch da: {', '.join(tags)}.",
            "Sehen Sie nach, wer sie setzt, und starten Sie das Runbook neu.",
        )
        self.tags = tags


class RemoveTags:
    """The removal of idle tags from one service, within a run."""

    def __init__(self, run: Run, *, service: str) -> None:
        self._run = run
        self._name = run.environment.service_name(service)
        self._cloud = CloudRun(run.connection)

    def observe(self) -> ServiceState:
        """Read the service and show its tags; change nothing."""
        with self._run.step("observe", "Beobachten"):
            service = self._cloud.service(self._name)
        idle = idle_tags(service)
        rows = [
            Row((tag, name, "ja" if tag in idle else "nein"))
            for tag, name in sorted(service.traffic.tags().items())
        ]
        show(Table("Tags", ("Tag", "Revision", "verwaist"), rows, "Kein Tag."))
        return service

    def plan(self, service: ServiceState) -> Plan:
        """Make the plan, journal it and show it; a resumed run keeps its own."""
        earlier = self._run.earlier_plan("remove_tags")
        if earlier is not None:
            plan = earlier.plan
        else:
            plan = plan_removal(service, environment=self._run.environment.name)
            self._run.planned(plan)
        show(plan_table(plan, action_text))
        return plan

    def remove(self, approved: Approved | Withheld) -> None:
        """Apply the plan."""
        if isinstance(approved, Withheld):
            withheld(approved)
            return
        executor = executor_for(approved, self._run.journal, self._run.connection)
        with self._run.step("remove", "Tags entfernen") as progress:
            executor.apply_all(progress.update)

    def verify(self, approved: Approved | Withheld) -> None:
        """Read the service again.

        Raises:
            TagsLeft: idle tags are still there.
        """
        if isinstance(approved, Withheld):
            withheld(approved)
            return
        with self._run.step("verify", "Nachprüfen"):
            left = idle_tags(self._cloud.service(self._name))
        if left:
            raise TagsLeft(left)
        show(Notice("Kein verwaister Tag mehr.", Tone.GOOD))
