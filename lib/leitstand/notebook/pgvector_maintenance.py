"""The verbs of the maintenance of the vector store: look, judge, search, plan, rebuild, search."""

import time
from collections.abc import Sequence
from contextlib import suppress

from leitstand.core.errors import RunFailed
from leitstand.core.plan import Action, Approved, Plan, Withheld, is_withheld
from leitstand.core.vectors.findings import Finding, FindingCode, Severity
from leitstand.core.vectors.maintenance import plan_maintenance
from leitstand.core.vectors.maintenance_types import Maintenance
from leitstand.core.vectors.searches import Searched, judge_searches
from leitstand.core.vectors.shards import holds
from leitstand.core.vectors.types import VectorInventory
from leitstand.core.vectors.verdicts import judge
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.parallel import Outcome, Schedule
from leitstand.execution.recovery import executor_for
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.several import Several
from leitstand.notebook.vector_plots import searches_picture
from leitstand.notebook.vector_request import wanted_part, wanted_policy, wanted_request
from leitstand.notebook.vector_searches import Searches, as_data, from_data
from leitstand.notebook.vector_views import (
    findings_tables,
    inventory_tables,
    left_out_table,
    outcome_table,
    plan_tables,
    searches_tables,
)
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["MaintenanceIncomplete", "SearchesPoor", "VectorMaintenance"]

_LATE = "Das Wartungsfenster reicht dafür nicht mehr."
_NAMED = 3
"""So many places an error names."""


class MaintenanceIncomplete(RunFailed):
    """Some of the planned maintenance failed.

    Attributes:
        actions: Ids of what failed.
    """

    def __init__(self, actions: Sequence[str], reason: str, run: str) -> None:
        count = len(actions)
        what = "Eine Aktion ist" if count == 1 else f"{count} Aktionen sind"
        super().__init__(
            f"{what} gescheitert: {_named(actions)}. {reason}",
            "Beheben Sie die Ursache, und setzen Sie den Lauf fort:"
            f" leitstand resume {run}. Was fertig ist, bleibt fertig.",
        )
        self.actions = tuple(actions)


class SearchesPoor(RunFailed):
    """Searches are not as good as the environment file demands.

    Attributes:
        tables: Names of the tables.
    """

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(
            f"Die Suche ist nicht so gut, wie die Umgebung verlangt: {_named(tables)}.",
            "Die Tabelle nennt für jede Stelle das Mittel. Ändern Sie Einstellung oder Index, und"
            " messen Sie mit diesem Runbook nach.",
        )
        self.tables = tuple(tables)


class VectorMaintenance:
    """The maintenance of an environment's vector store, within a run.

    Raises:
        NoDatabase: the environment file names no database.
        InputError: ``part`` is no part.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._access = DatabaseAccess(run.connection)
        self._policy = wanted_policy(run)
        self._part = wanted_part(str(run.parameters["part"]))
        self._searches = Searches(run, self._access, self._policy)
        self._window = 60.0 * (
            int(str(run.parameters["minutes"])) or self._policy.maintenance.window_minutes
        )
        self._outcome = Outcome()

    def observe(self) -> VectorInventory:
        """Read the vector store from the catalogue; change nothing."""
        with self._run.step("observe", "Beobachten"):
            inventory = self._read()
        show(*inventory_tables(inventory, self._part))
        return inventory

    def judge(self, inventory: VectorInventory) -> tuple[Finding, ...]:
        """Show what is not as the policy in the environment file wants it."""
        environment = self._run.environment
        found = tuple(
            finding
            for finding in judge(inventory, self._policy, environment.tenancy)
            if finding.table is None or holds(self._part, finding.table)
        )
        counts = {str(severity): 0 for severity in Severity}
        for finding in found:
            counts[finding.severity] += 1
        self._run.journal.append("vectors.judged", part=str(self._part), counts=counts)
        show(*findings_tables(found))
        return found

    def search(
        self, inventory: VectorInventory, findings: Sequence[Finding]
    ) -> tuple[Searched, ...]:
        """Search as the application does, and hold it against exact search; read-only.

        A run that is resumed keeps what it measured at its beginning.
        """
        earlier = [e for e in self._run.journal if e["event"] == "vectors.searched"]
        if earlier:
            before = from_data(earlier[0]["searches"])
        else:
            mine = [t for t in inventory.tables if holds(self._part, t.name)]
            chosen = self._searches.choose(mine, findings)
            with self._run.step("search", "Suchen messen") as progress:
                before = self._searches.measure(inventory, chosen, progress.update)
            self._run.journal.append("vectors.searched", stage="before", searches=as_data(before))
        show(*searches_tables("Suchen vor der Wartung", before, self._policy))
        return before

    def plan(
        self,
        inventory: VectorInventory,
        findings: Sequence[Finding],
        searched: Sequence[Searched],
    ) -> Plan:
        """Plan what the findings need and the window allows; show it, and what is left out.

        A run that is resumed keeps its plan.
        """
        earlier = self._run.earlier_plan("pgvector_maintenance")
        if earlier is not None:
            show(*plan_tables(earlier.plan))
            return earlier.plan
        poor = judge_searches(searched, self._policy)
        request = wanted_request(
            self._run, self._access, self._part, self._window, self._searches.tenant
        )
        made = plan_maintenance(inventory, [*findings, *poor], request, self._policy)
        self._run.planned(made.plan)
        show(*plan_tables(made.plan, _takes(made, self._window)))
        if made.left_out:
            show(left_out_table(made.left_out))
        return made.plan

    def apply(self, approved: Approved | Withheld) -> None:
        """Apply the plan, as many indexes at a time as the policy says, until the window ends.

        What fails is shown and does not stop the rest; ``verify`` fails for it.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        actions = approved.plan.actions
        if not actions:
            show(Notice("Es gibt nichts zu tun.", Tone.GOOD))
            return
        executor = executor_for(approved, self._run.journal, self._run.connection)
        end = time.monotonic() + self._window
        several = Several({action.id for action in actions})

        def refuse(action: Action) -> str:
            late = time.monotonic() + float(action.arguments["expected_seconds"]) > end
            return _LATE if late else ""

        schedule = Schedule(
            executor,
            actions,
            workers=self._policy.maintenance.jobs,
            progress=several.watch,
            refuse=refuse,
        )
        with (
            suppress(_SomeFailed),
            self._run.step("maintain", "Warten", self._window) as several.progress,
        ):
            for step in sorted({int(action.arguments["step"]) for action in actions}):
                self._outcome = schedule.run(step, ahead=False)
            if self._outcome.failed:
                raise _SomeFailed
        show(outcome_table(actions, self._outcome))
        if self._outcome.skipped:
            text = (
                f"{len(self._outcome.skipped)} Aktionen wurden nicht begonnen; der nächste Lauf"
                " nimmt sie zuerst."
            )
            show(Notice(text, Tone.WAIT))

    def verify(self, approved: Approved | Withheld, before: Sequence[Searched]) -> None:
        """Search again, and show recall, latency and size before and after.

        A run that only plans shows how searches are, and does not fail for it.

        Raises:
            MaintenanceIncomplete: something that was planned failed.
            SearchesPoor: searches find too little, or too few rows.
        """
        after = before
        if isinstance(approved, Approved):
            with self._run.step("verify", "Suchen nachmessen") as progress:
                inventory = self._read()
                after = self._searches.again(inventory, before, progress.update)
            self._run.journal.append("vectors.searched", stage="after", searches=as_data(after))
            show(*searches_tables("Suchen nach der Wartung", after, self._policy, before))
            if any(one.measurement is not None for one in after):
                show(searches_picture(before, after))
        poor = [
            finding
            for finding in judge_searches(after, self._policy)
            if finding.code is not FindingCode.NOT_SEARCHABLE
        ]
        bad = bool(poor or self._outcome.failed)
        verdict = "unhealthy" if bad else "healthy" if after else "inconclusive"
        self._run.journal.append("verdict", stage="vectors", verdict=verdict)
        if self._outcome.failed:
            first = next(iter(self._outcome.failed.values()))
            raise MaintenanceIncomplete(
                list(self._outcome.failed), first.message, self._run.id
            ) from first
        tables = sorted({str(finding.table) for finding in poor})
        if poor and isinstance(approved, Approved):
            raise SearchesPoor(tables)
        if poor:
            text = f"Die Suche ist noch nicht so gut, wie die Umgebung verlangt: {_named(tables)}."
            show(Notice(text, Tone.BAD))
        else:
            show(Notice("Die Suche ist so gut, wie die Umgebung verlangt.", Tone.GOOD))

    def _read(self) -> VectorInventory:
        from leitstand.database.connection import connect
        from leitstand.database.vector_inventory import read_vector_inventory

        url = self._access.administrator_url(self._access.instance)
        with connect(url, statement_timeout=120) as connection:
            return read_vector_inventory(
                connection, self._policy.schemas, self._run.environment.tenancy.column
            )


class _SomeFailed(RunFailed):
    """Some actions failed; the run goes on to search again."""

    def __init__(self) -> None:
        super().__init__("Einige Aktionen sind gescheitert.", "")


def _takes(made: Maintenance, window: float) -> tuple[float, float, int, int]:
    return (made.seconds, window, made.disk_bytes, made.memory_bytes)


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" und {more} weitere" if more > 0 else "")
