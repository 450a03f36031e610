"""Which task of several looks after a table, without a word between them."""

import hashlib
import re
from dataclasses import dataclass

from leitstand.core.recovery_types import TableName

__all__ = ["WHOLE", "Part", "holds"]

_TEXT = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})", re.ASCII)


@dataclass(frozen=True)
class Part:
    """One of equal parts of all tables.

    Attributes:
        index: From 0, as ``CLOUD_RUN_TASK_INDEX`` counts.
        count: Number of parts, as ``CLOUD_RUN_TASK_COUNT``.

    Raises:
        ValueError: there is no such part.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"there is no part {self.index} of {self.count}")

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Return the part that a text like ``2/4`` names; people count from 1.

        Raises:
            ValueError: it names none.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a part: {text!r}")
        return cls(int(match[1]) - 1, int(match[2]))

    def __str__(self) -> str:
        return f"{self.index + 1}/{self.count}"


WHOLE = Part(0, 1)
"""All tables."""


def holds(part: Part, table: TableName) -> bool:
    """Return whether a part holds a table; of all parts exactly one does.

    Depends on schema and name alone, so every process on every machine says the same.
    """
    # A zero byte is in no name, so that no two tables look alike.
    text = f"{table.schema}\0{table.name}"
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8]) % part.count == part.index
