"""Searches on the old and on the new index, as the application does them. Read-only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from leitstand.core.recovery_types import TableName
from leitstand.core.resources import Tenancy
from leitstand.core.tenancy.names import slug_in, tenant_names
from leitstand.core.vectors.recall import Measurement

if TYPE_CHECKING:
    from leitstand.database.recall import Actor
    from leitstand.database.vector_control import Control

__all__ = ["UNMEASURED", "Measuring", "Question"]

_STATEMENT_SECONDS = 600.0
UNMEASURED = Measurement(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0)
"""Of searches that could not be measured."""


@dataclass(frozen=True)
class Question:
    """What is searched for an exchange.

    Attributes:
        table: The table of both indexes.
        definition: Of the new index: column and operator_class count.
        gate: What the exchange rests on: k, sample, minimum, latency_ratio, settings_old,
            settings_new, and tenant; ``role`` where the schema does not tell the tenant's.
    """

    table: TableName
    definition: Mapping[str, Any]
    gate: Mapping[str, Any]


class Measuring:
    """Measures searches for one tenant, or for all rows where no tenant is named.

    Args:
        application: Returns the URL of the role that searches.
        administrator: Returns the URL of the role that sees all rows.
        tenancy: How searches name their tenant.
    """

    def __init__(
        self, application: Callable[[], str], administrator: Callable[[], str], tenancy: Tenancy
    ) -> None:
        self._application = application
        self._administrator = administrator
        self._tenancy = tenancy

    def measure(
        self, question: Question, which: Literal["old", "new"], index: str, control: "Control"
    ) -> Measurement:
        """Return how searches do with the settings for the old or for the new index.

        Args:
            question: What is searched.
            which: Whose settings are used.
            index: The index that must be used; empty leaves it to the planner.
            control: Cancels it.

        Raises:
            Cancelled: it was given up.
            IndexNotUsed: the planner cannot be brought to use the index.
            DatabaseRefused: the searches failed.
        """
        actor = self._actor(question)
        if actor is not None:
            found = self._as(actor, question, which, index, control)
            if found.queries:
                return found
        # A tenant without rows in this table proves nothing; a role that sees all rows does.
        return self._as(None, question, which, index, control)

    def _as(
        self,
        actor: "Actor | None",
        question: Question,
        which: Literal["old", "new"],
        index: str,
        control: "Control",
    ) -> Measurement:
        from leitstand.database.connection import connect
        from leitstand.database.recall import Search, measure_recall

        gate, definition = question.gate, question.definition
        by = f"mit {index}" if index else "mit dem alten Index"
        doing = f"Misst Suchen in {question.table} {by}"

        def watch(done: int, of: int) -> None:
            control.check()
            control.doing = f"{doing}: {done} von {of}"

        url = self._administrator() if actor is None else self._application()
        with (
            connect(url, autocommit=True, statement_timeout=_STATEMENT_SECONDS) as connection,
            control.statement(connection, doing),
        ):
            return measure_recall(
                connection,
                Search(question.table, definition["column"], definition["operator_class"]),
                k=int(gate["k"]),
                sample=int(gate["sample"]),
                settings=gate[f"settings_{which}"],
                actor=actor,
                index=index,
                watch=watch,
            )

    def _actor(self, question: Question) -> "Actor | None":
        from leitstand.database.recall import Actor

        tenant, tenancy = str(question.gate.get("tenant") or ""), self._tenancy
        if role := str(question.gate.get("role") or ""):
            return Actor(role, tenancy.setting if tenant else "", tenant)
        if tenancy.model == "row_level_security":
            return Actor(tenancy.role, tenancy.setting, tenant) if tenant else None
        slug = slug_in(question.table.schema, tenancy.rag_schema)
        return Actor(tenant_names(slug, tenancy).role) if slug else None
