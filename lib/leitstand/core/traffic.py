"""Traffic splits between revisions of one service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["LATEST", "Share", "Split"]

LATEST = ""
"""The revision name of a share that follows the latest ready revision."""


@dataclass(frozen=True)
class Share:
    """What one revision gets.

    Attributes:
        revision: Short name, or ``LATEST``.
        percent: Whole percent of the traffic.
        tag: Gives the revision an address of its own; empty for none.
    """

    revision: str
    percent: int
    tag: str = ""


@dataclass(frozen=True)
class Split:
    """How the traffic of a service is divided."""

    shares: tuple[Share, ...]

    @classmethod
    def of(cls, *shares: Share) -> "Split":
        """Return the split of these shares."""
        return cls(tuple(shares))

    @classmethod
    def from_data(cls, data: Iterable[Mapping[str, Any]]) -> "Split":
        """Return the split that ``as_data`` gave."""
        return cls(tuple(Share(s["revision"], s["percent"], s.get("tag", "")) for s in data))

    def as_data(self) -> list[dict[str, Any]]:
        """Return the split as JSON values."""
        return [
            {"revision": share.revision, "percent": share.percent, "tag": share.tag}
            for share in self.shares
        ]

    @property
    def follows_latest(self) -> bool:
        """Whether a new revision would get traffic by itself."""
        return not self.shares or any(share.revision == LATEST for share in self.shares)

    def serving(self) -> dict[str, int]:
        """Return percent by revision, for revisions that get any; ``LATEST`` is one of them."""
        percents: dict[str, int] = {}
        for share in self.shares:
            if share.percent:
                percents[share.revision] = percents.get(share.revision, 0) + share.percent
        return percents

    def pinned(self, latest: str) -> "Split":
        """Return the same split with ``LATEST`` replaced by the revision ``latest``."""
        shares = self.shares or (Share(LATEST, 100),)
        return Split(
            tuple(Share(share.revision or latest, share.percent, share.tag) for share in shares)
        )

    def whole(self, revision: str, *, without: str = "") -> "Split":
        """Return the split with all traffic on one revision; tags stay where they are.

        Args:
            revision: Short name.
            without: A tag that goes.
        """
        kept = [Share(s.revision, 0, s.tag) for s in self.shares if s.tag and s.tag != without]
        return Split.of(Share(revision, 100), *kept)

    def tags(self) -> dict[str, str]:
        """Return revision by tag."""
        return {share.tag: share.revision for share in self.shares if share.tag}

    def equivalent(self, other: "Split") -> bool:
        """Return whether both send the same traffic to the same revisions under the same tags."""
        return self.serving() == other.serving() and self.tags() == other.tags()
