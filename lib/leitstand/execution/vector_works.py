"""What each kind of vector maintenance does with the arguments of its action."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import LeitstandError
from leitstand.core.plan import Action
from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.recall import Measurement, compare
from leitstand.execution.vector_measuring import UNMEASURED, Measuring, Question

if TYPE_CHECKING:
    from leitstand.database.vector_builds import Place
    from leitstand.database.vector_control import Control
    from leitstand.database.vector_sessions import Limits, Sessions
    from leitstand.database.vector_table import TableState

__all__ = ["Works"]

Evidence = Mapping[str, Any]
_DEFINITION = ("method", "column", "operator_class", "options")
_LOCK_SECONDS = 60.0


class Works:
    """Does maintenance and looks whether it was done, for one run.

    Args:
        sessions: Of the role that maintains.
        measuring: Measures searches for exchanges.
        run: Its id, for the ledger.
    """

    def __init__(self, sessions: "Sessions", measuring: Measuring, run: str) -> None:
        self._sessions = sessions
        self._measuring = measuring
        self._run = run
        self._ledger: bool | None = None
        self._lock = threading.Lock()

    def extension(self, action: Action, control: "Control") -> Evidence:
        """Update pgvector."""
        from leitstand.database.vector_maintenance import update_extension

        version = str(action.arguments["version"])
        return update_extension(self._sessions, version, limits=_limits(action), control=control)

    def extension_reached(self, action: Action) -> bool:
        """Whether this version is installed."""
        from leitstand.database.vector_table import installed_version

        with self._sessions.reading() as connection:
            return installed_version(connection) == str(action.arguments["version"])

    def drop(self, action: Action, control: "Control") -> Evidence:
        """Drop an index."""
        from leitstand.database.vector_maintenance import drop

        return drop(
            self._sessions,
            _table(action),
            action.arguments["index"],
            oid=_oid(action),
            limits=_limits(action),
            control=control,
        )

    def drop_reached(self, action: Action) -> bool:
        """Whether there is no index of that name and oid any more."""
        found = self._state(action)
        index = found.index(action.arguments["index"]) if found else None
        return index is None or (bool(_oid(action)) and index.oid != _oid(action))

    def reindex(self, action: Action, control: "Control") -> Evidence:
        """Rebuild an index, and note it in the ledger."""
        from leitstand.database.vector_maintenance import reindex

        name = action.arguments["index"]
        evidence = reindex(
            self._sessions,
            _table(action),
            name,
            oid=_oid(action),
            limits=_limits(action),
            control=control,
        )
        self._note(action, name, evidence)
        return evidence

    def reindex_reached(self, action: Action) -> bool:
        """Whether the name has another, valid index; or there is nothing left to rebuild."""
        found = self._state(action)
        index = found.index(action.arguments["index"]) if found else None
        return index is None or (index.valid and index.oid != _oid(action))

    def build(self, action: Action, control: "Control") -> Evidence:
        """Build an index; where it is to be exchanged, measure the old one before."""
        from leitstand.database.vector_builds import build

        definition = {key: action.arguments[key] for key in _DEFINITION}
        name, table = action.arguments["index"], _table(action)
        final, gate = action.arguments.get("final"), action.arguments.get("gate")
        if final and self._has(action, final, definition):
            return {"found": True, "bytes_before": 0, "bytes_after": 0}

        def before() -> Evidence:
            if not gate:
                return {}
            question = Question(table, definition, gate)
            return {"before": asdict(self._measuring.measure(question, "old", "", control))}

        evidence = build(
            self._sessions,
            table,
            name,
            definition,
            limits=_limits(action),
            control=control,
            before=before,
        )
        self._note(action, name, evidence)
        return evidence

    def build_reached(self, action: Action) -> bool:
        """Whether there is such an index, valid; or no table to build it on."""
        definition = {key: action.arguments[key] for key in _DEFINITION}
        if self._state(action) is None:
            return True
        names = (action.arguments["index"], action.arguments.get("final"))
        return any(self._has(action, name, definition) for name in names if name)

    def exchange(self, action: Action, control: "Control") -> Evidence:
        """Put the new index in the old one's place if it is at least as good, else drop it."""
        from leitstand.database.vector_builds import Standing, keep_old, remembered, standing, swap
        from leitstand.database.vector_work import Gone, work_on

        place = _place(action)
        try:
            with work_on(self._sessions, place.table, _limits(action), control) as work:
                facts = remembered(work, place.new)
                found = standing(work.state(), place)
                evidence: dict[str, Any] = {}
                if found is Standing.OPEN and action.arguments["gate"]:
                    evidence = self._compared(action, place, facts, control)
                elif found in {Standing.OPEN, Standing.SWAPPING, Standing.SWAPPED}:
                    evidence = {"exchanged": True}
                elif found is Standing.LOST:
                    raise _lost(place)
                settle = swap if evidence.get("exchanged") else keep_old
                evidence |= settle(work, place) | {"seconds": work.seconds}
        except Gone:
            return {"gone": True, "exchanged": False}
        if evidence["exchanged"] and facts:
            # What the next rebuild will take is what the build took, not the exchange.
            self._note(action, place.final, {**evidence, **facts})
        return evidence

    def exchange_reached(self, action: Action) -> bool:
        """Whether only one of both indexes is left; or no table."""
        from leitstand.database.vector_builds import Standing, standing

        found = self._state(action)
        return found is None or standing(found, _place(action)) in {Standing.SWAPPED, Standing.KEPT}

    def vacuum(self, action: Action, control: "Control") -> Evidence:
        """Remove dead rows."""
        from leitstand.database.vector_maintenance import vacuum

        return vacuum(self._sessions, _table(action), limits=_limits(action), control=control)

    def analyze(self, action: Action, control: "Control") -> Evidence:
        """Make statistics new."""
        from leitstand.database.vector_maintenance import analyze

        return analyze(self._sessions, _table(action), limits=_limits(action), control=control)

    def never(self, action: Action) -> bool:
        """No trace tells whether it was done; doing it again harms nothing."""
        return False

    def _compared(
        self, action: Action, place: "Place", facts: Evidence, control: "Control"
    ) -> dict[str, Any]:
        """Measure both indexes and return the decision with its reasons."""
        from leitstand.database.recall import IndexNotUsed

        gate = action.arguments["gate"]
        question = Question(place.table, place.definition, gate)
        if facts.get("before"):
            before = Measurement(**facts["before"])
        else:
            try:
                before = self._measuring.measure(question, "old", place.old, control)
            except IndexNotUsed:
                before = UNMEASURED  # searches use the new one already; only the minimum counts
        after = self._measuring.measure(question, "new", place.new, control)
        decision = compare(
            before,
            after,
            latency_ratio=float(gate["latency_ratio"]),
            minimum=float(gate["minimum"]),
        )
        return {
            "exchanged": decision.better,
            "reasons": list(decision.reasons),
            "before": asdict(before),
            "after": asdict(after),
        }

    def _state(self, action: Action) -> "TableState | None":
        from leitstand.database.vector_table import table_state

        with self._sessions.reading() as connection:
            return table_state(connection, _table(action))

    def _has(self, action: Action, name: str, definition: Mapping[str, Any]) -> bool:
        found = self._state(action)
        index = found.index(name) if found else None
        return index is not None and index.valid and index.matches(definition)

    def _note(self, action: Action, index: str, evidence: Evidence) -> None:
        """Write a rebuild into the ledger; without a ledger, or the right to it, nothing is."""
        from leitstand.database.vector_ledger import LedgerEntry, ensure_ledger, note

        if "seconds" not in evidence or "rows" not in evidence:
            return
        entry = LedgerEntry(
            schema=action.arguments["schema"],
            index=index,
            seconds=evidence["seconds"],
            rows=evidence["rows"],
            bytes_before=evidence["bytes_before"],
            bytes_after=evidence["bytes_after"],
            run=self._run,
        )
        with suppress(LeitstandError), self._sessions.reading() as connection:
            with self._lock:
                if self._ledger is None:
                    self._ledger = ensure_ledger(connection)
            if self._ledger:
                note(connection, entry)


def _table(action: Action) -> TableName:
    return TableName(action.arguments["schema"], action.arguments["table"])


def _oid(action: Action) -> int:
    return int(action.arguments.get("oid") or 0)


def _limits(action: Action) -> "Limits":
    from leitstand.database.vector_sessions import Limits

    arguments = action.arguments
    workers = arguments.get("workers")
    return Limits(
        memory=int(arguments.get("memory") or 0),
        workers=None if workers is None else int(workers),
        lock_seconds=float(arguments.get("lock_seconds") or _LOCK_SECONDS),
    )


def _place(action: Action) -> "Place":
    from leitstand.database.vector_builds import Place

    arguments = action.arguments
    return Place(
        table=_table(action),
        old=arguments["old"],
        new=arguments["new"],
        final=arguments["final"],
        definition=arguments["definition"],
    )


def _lost(place: "Place") -> Exception:
    from leitstand.database.vector_errors import MaintenanceRefused, Trouble

    return MaintenanceRefused(
        Trouble.INVALID,
        f"Der Tausch von {place.table.schema}.{place.old}",
        f"ist nicht möglich: Weder {place.old} noch {place.new} ist gültig.",
        "Planen Sie die Wartung neu.",
    )
