"""Who holds which role, as the access policies of resources say."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leitstand.core.hardening.estate import Estate, Item
from leitstand.core.hardening.rule import Finding

__all__ = ["EVERYONE", "Grant", "grants"]

EVERYONE = ("allUsers", "allAuthenticatedUsers")
"""Members that stand for everybody in the world."""


@dataclass(frozen=True)
class Grant:
    """One binding of an access policy.

    Attributes:
        item: The policy.
        role: The role that is granted.
        members: Who holds it.
    """

    item: Item
    role: str
    members: tuple[str, ...]

    def finding(self, found: Any, expected: Any, evidence: str) -> Finding:
        """Return a finding about this binding."""
        return self.item.finding(f"bindings.{self.role}", found, expected, evidence)


def grants(estate: Estate, kind: str) -> Iterator[Grant]:
    """Yield what the policies of a kind grant."""
    for item in estate.all(kind):
        for binding in item.get("bindings", ()):
            members = tuple(map(str, binding.get("members", ())))
            yield Grant(item, str(binding.get("role")), members)
