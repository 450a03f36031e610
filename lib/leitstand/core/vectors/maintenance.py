"""A maintenance of the vector store: what is done in which order, within time, disk and memory."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nlargest

from leitstand.core.plan import Action, Plan
from leitstand.core.recovery_types import TableName
from leitstand.core.resources import RagStore
from leitstand.core.vectors.builds import Builds
from leitstand.core.vectors.candidates import leftover_pieces, needs, pieces
from leitstand.core.vectors.estimates import analyze_seconds, pace, vacuum_seconds
from leitstand.core.vectors.findings import Finding, FindingCode
from leitstand.core.vectors.index_work import IndexWork
from leitstand.core.vectors.maintenance_types import (
    Change,
    LeftOut,
    Maintenance,
    Reason,
    Request,
    Way,
)
from leitstand.core.vectors.shards import Part
from leitstand.core.vectors.subjects import Subject, excluded, subjects
from leitstand.core.vectors.types import VectorInventory
from leitstand.core.vectors.versions import best, known_defects, newer
from leitstand.core.vectors.window import Disk, Window, duration
from leitstand.core.vectors.work import Piece, Step, Urgency, act, chain

__all__ = [
    "Change",
    "LeftOut",
    "Maintenance",
    "Part",
    "Reason",
    "Request",
    "Way",
    "plan_maintenance",
]

_EXTENSION_SECONDS = 5.0


def plan_maintenance(
    inventory: VectorInventory,
    findings: Sequence[Finding],
    request: Request,
    policy: RagStore,
) -> Maintenance:
    """Return the plan that repairs what was found, as far as it fits.

    Broken indexes come first, then poor ones, then those that are due; of the same urgency the
    larger ones. What does not fit is left out, with its reason; a window that is too short for
    anything gives an empty plan. The same arguments always give the same plan.

    Args:
        inventory: What was observed.
        findings: What ``judge`` said of it.
        request: What is asked for.
        policy: How the vector store should be.
    """
    planner = _Planner(inventory, findings, request, policy)
    planner.extension()
    planner.leftovers()
    planner.rest()
    return planner.result()


@dataclass
class _Planner:
    """Collects the pieces of one plan."""

    inventory: VectorInventory
    findings: Sequence[Finding]
    request: Request
    policy: RagStore
    left: list[LeftOut] = field(default_factory=list)
    first: list[Piece] = field(default_factory=list)
    chosen: list[Piece] = field(default_factory=list)
    update: Action | None = None

    def __post_init__(self) -> None:
        self.subjects: list[Subject] = []
        self.jobs = self.policy.maintenance.jobs
        self.window = Window(self.request.window_seconds, self.jobs)
        self.disk = Disk(self.request.free_bytes, self.jobs)
        self.blocked: set[TableName] = set()
        self.analyzed: set[TableName] = set()
        self.rebuilt: dict[TableName, set[str]] = defaultdict(set)

    def extension(self) -> None:
        """Plan the update of the extension, in the first part only."""
        extension, wanted = self.inventory.extension, best(self.inventory.extension)
        if not extension.installed:
            self.left.append(LeftOut(None, "", Reason.EXTENSION))
        if not (extension.installed and newer(wanted, extension.installed)):
            return
        if not self.request.update_extension:
            return
        if self.request.part.index:
            self.left.append(LeftOut(None, "", Reason.PART))
        elif self.window.take(None, _EXTENSION_SECONDS):
            self.update = act(
                "extension", "vector_extension", self.request.target, Step.EXTENSION,
                _EXTENSION_SECONDS, version=wanted, before=extension.installed,
            )  # fmt: skip
            self.window.barrier()
        else:
            self.left.append(LeftOut(None, "", Reason.WINDOW))

    @property
    def version(self) -> str:
        """The version of pgvector that this run works with."""
        if self.update is not None:
            return str(self.update.arguments["version"])
        return self.inventory.extension.installed

    def leftovers(self) -> None:
        """Choose the tables, and plan to clean them up."""
        damaged = frozenset(
            defect.method
            for defect in known_defects(self.inventory.extension.installed)
            if defect.rebuild and self.update and not newer(defect.fixed_in, self.version)
        )
        for subject in subjects(self.inventory, self.findings, damaged):
            reason = excluded(subject, self.request)
            if reason is None:
                self.subjects.append(subject)
                continue
            for name in needs(subject, self.request.change):
                self.left.append(LeftOut(subject.name, name, reason))
        for subject in self.subjects:
            for piece in leftover_pieces(subject, self.request.target):
                if self.window.take(piece.table, piece.seconds):
                    self.first.append(piece)
                else:
                    self.left.append(LeftOut(piece.table, piece.index, Reason.WINDOW))
                    self.blocked.add(piece.table)
        self.window.barrier()

    def rest(self) -> None:
        """Plan rebuilds, VACUUM and ANALYZE, as far as there are time and disk for them."""
        builds = Builds(self.request, self.policy, self.inventory.settings, self.version)
        rate = pace(self.inventory)
        work = IndexWork(self.request, self.policy, builds, rate, self.version)
        taken: dict[str, set[str]] = defaultdict(set)
        for index in self.inventory.indexes:
            taken[index.table.schema].add(index.name)
        wanted: list[Piece] = []
        for subject in self.subjects:
            made, left = pieces(subject, work, taken[subject.name.schema])
            wanted += [*made, *self._for_table(subject)]
            self.left += left
        by_name = {subject.name: subject for subject in self.subjects}
        for piece in sorted(wanted, key=lambda piece: piece.order):
            self._choose(piece, by_name[piece.table], work)

    def _choose(self, piece: Piece, subject: Subject, work: IndexWork) -> None:
        """Plan a piece if it fits; whatever is done to a table is followed by ANALYZE."""
        if piece.urgency is Urgency.ANALYZE and piece.table in self.analyzed:
            return
        if piece.urgency is Urgency.VACUUM:
            piece = self._vacuum(subject, work)
        seconds = piece.seconds
        if piece.urgency is not Urgency.ANALYZE and piece.table not in self.analyzed:
            seconds += analyze_seconds(subject.table)
        if piece.table in self.blocked:
            self.left.append(LeftOut(piece.table, piece.index, Reason.WINDOW))
        elif not self.disk.fits(piece.table, piece.peak_bytes, piece.kept_bytes):
            self.left.append(LeftOut(piece.table, piece.index, Reason.DISK))
        elif not self.window.take(piece.table, seconds):
            self.left.append(LeftOut(piece.table, piece.index, Reason.WINDOW))
        else:
            self.disk.take(piece.table, piece.peak_bytes, piece.kept_bytes)
            self.chosen.append(piece)
            self.analyzed.add(piece.table)
            self.rebuilt[piece.table].add(piece.index)

    def _for_table(self, subject: Subject) -> Iterable[Piece]:
        """Yield what should be done to a table itself; VACUUM is decided on when its turn is."""
        size = subject.table.bytes
        if subject.has(FindingCode.DEAD_ROWS):
            yield Piece(subject.name, "", Urgency.VACUUM, (), size=size)
        if subject.has(FindingCode.STATISTICS_OLD):
            yield Piece(subject.name, "", Urgency.ANALYZE, (self._analyze(subject),), size=size)

    def _vacuum(self, subject: Subject, work: IndexWork) -> Piece:
        """Return VACUUM, which is the slower the more HNSW indexes still hold dead rows."""
        rebuilt = self.rebuilt[subject.name]
        repairs = sum(
            work.repair_seconds(subject.table, index)
            for index in subject.lasting
            if index.method == "hnsw" and index.name not in rebuilt
        )
        size = sum(index.bytes for index in subject.lasting)
        memory = work.builds.vacuum_memory(subject.table)
        action = act(
            f"vacuum {subject.name}", "vector_vacuum", self.request.target, Step.REST,
            vacuum_seconds(subject.table, size, repairs),
            schema=subject.name.schema, table=subject.name.name, memory=memory,
        )  # fmt: skip
        return Piece(
            subject.name, "", Urgency.VACUUM, (action,), size=subject.table.bytes, memory=memory
        )

    def _analyze(self, subject: Subject) -> Action:
        return act(
            f"analyze {subject.name}", "vector_analyze", self.request.target, Step.REST,
            analyze_seconds(subject.table), schema=subject.name.schema, table=subject.name.name,
        )  # fmt: skip

    def _actions(self) -> tuple[Action, ...]:
        """Return the actions as they are now, ANALYZE after the last one of each table."""
        parts: list[tuple[TableName | None, Action]] = []
        if self.update is not None:
            parts.append((None, self.update))
        for piece in self.first:
            parts += [(piece.table, action) for action in piece.actions]
        last = {piece.table: place for place, piece in enumerate(self.chosen)}
        by_name = {subject.name: subject for subject in self.subjects}
        for place, piece in enumerate(self.chosen):
            if piece.urgency is not Urgency.ANALYZE:
                parts += [(piece.table, action) for action in piece.actions]
            if last[piece.table] == place:
                parts.append((piece.table, self._analyze(by_name[piece.table])))
        return chain(parts)

    def result(self) -> Maintenance:
        """Return the plan; the least urgent pieces go until it fits its window for sure."""
        while (
            over := duration(actions := self._actions(), self.jobs) - self.request.window_seconds
        ) > 0:
            removed = 0.0
            while removed < over and (pieces_left := self.chosen or self.first):
                piece = pieces_left.pop()
                removed += piece.seconds
                self.left.append(LeftOut(piece.table, piece.index, Reason.WINDOW))
        back = [
            (piece.table, action) for piece in reversed(self.chosen) for action in piece.way_back
        ]
        plan = Plan(
            runbook="pgvector_maintenance",
            environment=self.request.environment,
            target=self.request.target,
            basis=self._basis(actions),
            actions=actions,
            way_back=chain(back),
            returns_by_itself=False,
        )
        memory: dict[TableName, int] = defaultdict(int)
        disk = Disk(None, self.jobs)
        for piece in self.chosen:
            memory[piece.table] = max(memory[piece.table], piece.memory)
            disk.take(piece.table, piece.peak_bytes, piece.kept_bytes)
        return Maintenance(
            plan,
            {action.id: action.arguments["expected_seconds"] for action in actions},
            tuple(sorted(set(self.left), key=_left_order)),
            disk.needed,
            sum(nlargest(self.jobs, memory.values())),
            round(duration(actions, self.jobs), 2),
        )

    def _basis(self, actions: Sequence[Action]) -> dict[str, object]:
        """Return what the plan builds on: the extension, and the tables and indexes it touches."""
        tables = {f"{a.arguments['schema']}.{a.arguments['table']}" for a in actions if _own(a)}
        return {
            "extension": self.inventory.extension.installed,
            "tables": {
                str(table.name): table.oid
                for table in sorted(self.inventory.tables, key=lambda table: table.name)
                if str(table.name) in tables
            },
            "indexes": {
                index.full_name: index.oid
                for index in sorted(self.inventory.indexes, key=lambda i: i.full_name)
                if str(index.table) in tables
            },
        }


def _own(action: Action) -> bool:
    return "table" in action.arguments


def _left_order(left: LeftOut) -> tuple[TableName, str, str]:
    return left.table or TableName("", ""), left.index, left.reason
