"""Value types of a provisioning: what was found, what deviates, what is planned and what is not."""

from dataclasses import dataclass
from typing import Literal

from leitstand.core.difference import Body, Difference
from leitstand.core.kinds import Kind
from leitstand.core.plan import Plan

__all__ = ["Change", "Deviation", "Found", "Provisioning", "Unreadable"]

Change = Literal["create", "update", "replace", "unreadable"]


@dataclass(frozen=True)
class Unreadable:
    """A resource of which nothing is known, since it could not be read.

    Attributes:
        reason: One German sentence, e.g. which permission is missing.
    """

    reason: str


Found = Body | None | Unreadable
"""What an observation gave for a resource: its body, None where there is none, or unreadable."""


@dataclass(frozen=True)
class Deviation:
    """A resource that is not as wanted.

    Attributes:
        key: ``kind/id``.
        kind: Its kind.
        id: Its id within the kind.
        name: Its full name.
        change: What would make it as wanted.
        differences: The stated fields that are not as stated; empty where it is created.
        blocked: German sentences that say why that cannot be planned, and what to do; or empty.
    """

    key: str
    kind: Kind
    id: str
    name: str
    change: Change
    differences: tuple[Difference, ...] = ()
    blocked: str = ""


@dataclass(frozen=True)
class Provisioning:
    """A plan, and what it leaves out.

    Attributes:
        plan: What a run will do; never a deletion.
        withheld: What deviates and is not in the plan, each with its reason.
    """

    plan: Plan
    withheld: tuple[Deviation, ...]
