"""Embeddings without a model: texts that share words lie close to each other.

Feature hashing (Weinberger et al., Feature Hashing for Large Scale Multitask Learning, 2009).
Standard library only.
"""

from __future__ import annotations

import hashlib
import math
import re

__all__ = ["embed"]

_BYTES_PER_FEATURE = 4
_WORD = re.compile(r"\w+")


def embed(text: str, dimensions: int) -> list[float]:
    """A unit vector of that many dimensions; the same for the same words in any order."""
    sums = [0.0] * dimensions
    for word in _WORD.findall(text.lower()) or [""]:
        digest = hashlib.sha256(word.encode()).digest()
        for start in range(0, len(digest), _BYTES_PER_FEATURE):
            number = int.from_bytes(digest[start : start + _BYTES_PER_FEATURE], "big")
            sums[(number >> 1) % dimensions] += 1.0 if number & 1 else -1.0
    length = math.sqrt(sum(value * value for value in sums)) or 1.0
    return [value / length for value in sums]
