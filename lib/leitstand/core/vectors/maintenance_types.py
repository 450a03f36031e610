"""What a maintenance of the vector store is asked for, and what comes of it, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from leitstand.core.plan import Plan
from leitstand.core.recovery_types import TableName
from leitstand.core.vectors.shards import Part

__all__ = ["Change", "LeftOut", "Maintenance", "Reason", "Request", "Way"]

Change = Literal["keep", "policy"]
Way = Literal["concurrently", "drop"]


@dataclass(frozen=True)
class Request:
    """What a maintenance is to do, and within what.

    Attributes:
        environment: Name of the environment.
        target: Full name of the database resource.
        part: The tables that this run looks after.
        window_seconds: So long may it take.
        free_bytes: Disk that it may use; None where that is unknown: no limit.
        change: Whether kind and options of indexes stay, or become the policy's.
        way: Whether a changed index is built beside the old one, or in its place.
        update_extension: Whether the extension is brought to its newest version.
        only: Patterns of ``schema.table`` (``*`` stands for any text); empty for all tables.
        memory_bytes: Memory that all builds together may use; None where that is unknown: each
            gets what it needs to succeed, and a modest amount to be fast.
        tenant: Id of the tenant whose searches decide an exchange; empty for none.
        latency_ratio: A changed index may be so many times slower than the old one.
    """

    environment: str
    target: str
    part: Part
    window_seconds: float
    free_bytes: int | None = None
    change: Change = "keep"
    way: Way = "concurrently"
    update_extension: bool = False
    only: tuple[str, ...] = ()
    memory_bytes: int | None = None
    tenant: str = ""
    latency_ratio: float = 1.1


class Reason(StrEnum):
    """Why something that would be done is not planned.

    Attributes:
        WINDOW: It does not fit the time that is left.
        DISK: It does not fit the free disk.
        MEMORY: It would fail with the memory that it may use.
        RIGHTS: The role may not do it.
        DIMENSIONS: No index over such vectors is possible.
        PART: Another task looks after the table.
        ONLY: The table was not asked for.
        BUILDING: An index of the table is being built just now.
        EXTENSION: The extension is missing, or not the one that is needed.
        DEFINITION: The index covers an expression or part of the rows; it is not changed.
    """

    WINDOW = "window"
    DISK = "disk"
    MEMORY = "memory"
    RIGHTS = "rights"
    DIMENSIONS = "dimensions"
    PART = "part"
    ONLY = "only"
    BUILDING = "building"
    EXTENSION = "extension"
    DEFINITION = "definition"


@dataclass(frozen=True)
class LeftOut:
    """Something that would be done, and is not planned.

    Attributes:
        table: None for the extension.
        index: Name of the index, or empty where the table itself is meant.
    """

    table: TableName | None
    index: str
    reason: Reason


@dataclass(frozen=True)
class Maintenance:
    """A plan, what it takes, and what it leaves out.

    Attributes:
        expected: Seconds that each action of the plan is expected to take, by its id.
        disk_bytes: Disk that is needed at most beside what is used now.
        memory_bytes: Memory that the builds need at most, all jobs together.
        seconds: How long the plan is expected to take with the policy's number of jobs.
    """

    plan: Plan
    expected: Mapping[str, float]
    left_out: tuple[LeftOut, ...]
    disk_bytes: int
    memory_bytes: int
    seconds: float
