"""The statement that an anchor signs: where a chain ended at some time.

In-toto Statement v1 over the chain's last record; source:
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from leitstand.core.records.chain import Head
from leitstand.core.records.statement import MalformedStatement, canonical

__all__ = ["ANCHOR_TYPE", "Anchor"]

ANCHOR_TYPE: Final = "https://leitstand.dev/chain-head/v1"

_TYPE: Final = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True)
class Anchor:
    """The head of a chain, to be kept where its producer can change nothing.

    Attributes:
        chain: Name of the chain, e.g. of its environment; several may be anchored in one place.
        head: Its last record.
        at: When that was so.
    """

    chain: str
    head: Head
    at: datetime

    @property
    def name(self) -> str:
        """The name under which it is kept; none is given twice for different heads."""
        return f"{self.head.seq:012}-{self.head.digest}"

    def encode(self) -> bytes:
        """Return the bytes that are signed."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        name = f"chain/{self.head.seq:012}.json"
        return canonical(
            {
                "_type": _TYPE,
                "subject": [{"name": name, "digest": {"sha256": self.head.digest}}],
                "predicateType": ANCHOR_TYPE,
                "predicate": {"chain": self.chain, "at": at, "head": self.head.as_data()},
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> "Anchor":
        """Return the anchor that the bytes hold.

        Raises:
            MalformedStatement: they hold none.
        """
        try:
            data: Any = json.loads(payload)
            predicate = data["predicate"]
            at = datetime.fromisoformat(predicate["at"])
            anchor = cls(predicate["chain"], Head.from_data(predicate["head"]), at)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise MalformedStatement(f"no anchor: {error}") from error
        if not isinstance(anchor.chain, str) or at.tzinfo is None or not anchor.head.seq:
            raise MalformedStatement("no anchor: chain, at or head")
        if anchor.encode() != payload:
            raise MalformedStatement("no anchor in the form in which they are signed")
        return anchor
