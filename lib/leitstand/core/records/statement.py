"""The statement that a record signs: in-toto Statement v1 over the files of a run.

Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from leitstand.core.records.facts import RunFacts

__all__ = [
    "PAYLOAD_TYPE",
    "PREDICATE_TYPE",
    "BlockHasher",
    "MalformedStatement",
    "Statement",
    "Subject",
    "canonical",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
PREDICATE_TYPE: Final = "https://leitstand.dev/run/v1"

_TYPE: Final = "https://in-toto.io/Statement/v1"
_BLOCK: Final = 4096
_BLOCKS: Final = 64
_BLOCK_DIGITS: Final = 16
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_OWN: Final = ("seq", "previous", "sealed_at", "part", "continues")


class MalformedStatement(ValueError):
    """A payload is no statement of a run."""


@dataclass(frozen=True)
class Subject:
    """A file of the run.

    Attributes:
        name: Path within the run directory.
        digest: SHA-256 of the whole file, in hexadecimal.
        size: In bytes.
        block: Size of a block, in bytes.
        blocks: First 64 bits of the SHA-256 of each block; they name the place of a change, and
            prove nothing.
    """

    name: str
    digest: str
    size: int
    block: int
    blocks: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """Return the subject as an in-toto ResourceDescriptor."""
        place = {"size": self.size, "block": self.block, "blocks": list(self.blocks)}
        return {"name": self.name, "digest": {"sha256": self.digest}, "annotations": place}

    def first_difference(self, other: "Subject") -> tuple[int, int]:
        """Return start and end of the first block in which another version of the file differs.

        The end lies at the end of the shorter file where one begins as the other does.
        """
        for number, (mine, theirs) in enumerate(zip(self.blocks, other.blocks, strict=False)):
            if mine != theirs:
                start = number * self.block
                shorter = min(self.size, other.size)
                return start, max(start + 1, min(start + self.block, shorter))
        shorter = min(self.size, other.size)
        return shorter, shorter + 1


class BlockHasher:
    """Measures a file while it is read.

    Args:
        name: Path within the run directory.
        size: The size that the file should have; it sets the size of a block.
        block: Size of a block, where it is known.
    """

    def __init__(self, name: str, size: int, block: int = 0) -> None:
        self._name = name
        self._block = block or _block_size(size)
        self._whole = hashlib.sha256()
        self._part = hashlib.sha256()
        self._filled = 0
        self._size = 0
        self._blocks: list[str] = []

    def update(self, content: bytes) -> None:
        """Add the next bytes of the file."""
        self._whole.update(content)
        self._size += len(content)
        view = memoryview(content)
        while view:
            taken = view[: self._block - self._filled]
            self._part.update(taken)
            self._filled += len(taken)
            view = view[len(taken) :]
            if self._filled == self._block:
                self._close()

    def subject(self) -> Subject:
        """Return what was measured; no bytes can be added afterwards."""
        if self._filled:
            self._close()
        digest = self._whole.hexdigest()
        return Subject(self._name, digest, self._size, self._block, tuple(self._blocks))

    def _close(self) -> None:
        self._blocks.append(self._part.hexdigest()[:_BLOCK_DIGITS])
        self._part = hashlib.sha256()
        self._filled = 0


@dataclass(frozen=True)
class Statement:
    """What a record says.

    Attributes:
        subjects: Files of the run, by name.
        facts: Of the run, as JSON values; see ``RunFacts``.
        seq: Number in the chain, from 1; 0 while the record is kept until it can be chained.
        previous: SHA-256 of the bytes of the record before; empty for the first.
        sealed_at: When it was sealed, ISO 8601, UTC.
        part: From 1; a run that is resumed after it was sealed gets one more part at each end.
        continues: SHA-256 of the bytes of the part before; empty for the first part.
    """

    subjects: tuple[Subject, ...]
    facts: Mapping[str, Any]
    seq: int
    previous: str
    sealed_at: str
    part: int = 1
    continues: str = ""

    @cached_property
    def run(self) -> RunFacts:
        """The facts as a typed value.

        Raises:
            KeyError: a fact is missing.
            TypeError: a fact has another form than this version knows.
        """
        return RunFacts.from_data(self.facts)

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return str(self.facts["run"])

    def encode(self) -> bytes:
        """Return the payload: the canonical form of the statement.

        Raises:
            ValueError: a fact is no JSON value.
        """
        predicate = {**self.facts, **{name: getattr(self, name) for name in _OWN}}
        return canonical(
            {
                "_type": _TYPE,
                "subject": [subject.as_data() for subject in self.subjects],
                "predicateType": PREDICATE_TYPE,
                "predicate": predicate,
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> "Statement":
        """Return the statement that a payload holds.

        Raises:
            MalformedStatement: it holds none.
        """
        try:
            return cls._from_data(json.loads(payload))
        except (AttributeError, KeyError, TypeError, RecursionError, ValueError) as error:
            raise MalformedStatement(str(error)) from error

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> "Statement":
        if data["_type"] != _TYPE or data["predicateType"] != PREDICATE_TYPE:
            raise MalformedStatement("it is no statement of a run")
        predicate = dict(data["predicate"])
        own = {name: predicate.pop(name) for name in _OWN}
        _check(own)
        if not isinstance(predicate["run"], str):
            raise MalformedStatement("the run has no id")
        subjects = tuple(_subject(item) for item in data["subject"])
        names = {subject.name for subject in subjects}
        if len(names) != len(subjects):
            raise MalformedStatement("two files have the same name")
        return cls(subjects=subjects, facts=predicate, **own)


def canonical(data: object) -> bytes:
    """Return the one form of JSON values that is signed: sorted keys, no spaces, UTF-8.

    Raises:
        ValueError: a value is no JSON value.
    """
    text = json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    # A lone surrogate becomes its JSON escape, so that it is valid UTF-8 and reads back the same.
    return text.encode("utf-8", "backslashreplace")


def _block_size(size: int) -> int:
    block = _BLOCK
    while block * _BLOCKS < size:
        block *= 2
    return block


def _check(own: Mapping[str, Any]) -> None:
    for name in ("seq", "part"):
        if type(own[name]) is not int or own[name] < 0:
            raise MalformedStatement(f"{name} is no number")
    for name in ("previous", "continues", "sealed_at"):
        if not isinstance(own[name], str):
            raise MalformedStatement(f"{name} is no text")
    for name in ("previous", "continues"):
        if own[name] and not _SHA256.fullmatch(own[name]):
            raise MalformedStatement(f"{name} is no digest")


def _subject(data: Mapping[str, Any]) -> Subject:
    name, digest, place = data["name"], data["digest"]["sha256"], data["annotations"]
    block = place["block"]
    if not isinstance(name, str) or not _SHA256.fullmatch(digest):
        raise MalformedStatement("a file has no name or no digest")
    if type(block) is not int or block < 1 or type(place["size"]) is not int:
        raise MalformedStatement("a file has no size")
    return Subject(name, digest, place["size"], block, tuple(place["blocks"]))
