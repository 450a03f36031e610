"""One line of the list of records, and the words by which a record is found."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from leitstand.core.records.statement import Statement

__all__ = ["UNREADABLE", "RecordRow", "row_of", "unreadable_row", "words_of"]

UNREADABLE: Final = "unreadable"
"""Status of a record that says nothing; only verification tells why."""


@dataclass(frozen=True)
class RecordRow:
    """A record in a list; what it says is not verified here.

    Attributes:
        seq: Number in the chain.
        digest: SHA-256 of its bytes as stored.
        run: Id of the run.
        part: From 1; more than one where the run was resumed after it was sealed.
        runbook: Name of the runbook.
        env: Environment, or empty.
        operator: Who started the run.
        ticket: Its ticket, or empty.
        started_at: ISO 8601, UTC.
        ended_at: The same, or empty.
        sealed_at: The same.
        status: How the run ended, as ``RunFacts`` names it, or ``unreadable``.
        exit_code: Exit code, or None.
        verdict: The last verdict, or empty.
        approved_by: Who agreed, separated by commas.
        broken_glass: Whether a plan went ahead without a second identity.
        incident: Id of the incident that the run belongs to, or empty.
    """

    seq: int
    digest: str
    run: str = ""
    part: int = 1
    runbook: str = ""
    env: str = ""
    operator: str = ""
    ticket: str = ""
    started_at: str = ""
    ended_at: str = ""
    sealed_at: str = ""
    status: str = ""
    exit_code: int | None = None
    verdict: str = ""
    approved_by: str = ""
    broken_glass: bool = False
    incident: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the line as JSON values."""
        return asdict(self)


def row_of(statement: Statement, seq: int, digest: str) -> RecordRow:
    """Return the line of a record.

    Args:
        statement: What it says.
        seq: Number under which it is stored.
        digest: SHA-256 of its bytes.
    """
    facts = statement.facts
    approvals = [one for one in _list(facts, "approvals") if isinstance(one, Mapping)]
    named = dict.fromkeys(str(one.get("by") or "") for one in approvals)
    code = facts.get("exit_code")
    return RecordRow(
        seq=seq,
        digest=digest,
        run=statement.run_id,
        part=statement.part,
        runbook=_text(facts, "runbook"),
        env=_text(facts, "env"),
        operator=_text(facts, "operator"),
        ticket=_text(facts, "ticket"),
        started_at=_text(facts, "started_at"),
        ended_at=_text(facts, "ended_at"),
        sealed_at=statement.sealed_at,
        status=_text(facts, "status"),
        exit_code=code if type(code) is int and -(2**63) <= code < 2**63 else None,
        verdict=_text(facts, "verdict"),
        approved_by=", ".join(name for name in named if name),
        broken_glass=any(one.get("broken_glass") is True for one in approvals),
        incident=_text(facts, "incident"),
    )


def unreadable_row(seq: int, digest: str) -> RecordRow:
    """Return the line of a record that says nothing, so that a list does not hide it."""
    return RecordRow(seq, digest, status=UNREADABLE)


def words_of(statement: Statement) -> str:
    """Return everything that a record says in words, for the search."""
    left_out = {"torn_lines", "sequence_breaks", "clock_steps"}
    facts = {name: value for name, value in statement.facts.items() if name not in left_out}
    # Each once: plan, target and identity stand in many places of one record.
    return "\n".join(dict.fromkeys(_words(facts)))


def _words(facts: Mapping[str, Any]) -> Iterator[str]:
    ahead: list[object] = [facts]
    while ahead:
        value = ahead.pop()
        # Exact types, as JSON has them: a hundred thousand records are read like this.
        kind = type(value)
        if kind is str:
            if value:
                yield value  # type: ignore[misc]  # it is a text
        elif kind is dict:
            ahead += reversed(value.values())  # type: ignore[attr-defined]  # it is a mapping
        elif kind is list or kind is tuple:
            ahead += reversed(value)  # type: ignore[call-overload]  # it is a sequence
        elif kind is int or kind is float:
            yield str(value)


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return "" if value is None else str(value)


def _list(facts: Mapping[str, Any], name: str) -> list[Any]:
    value = facts.get(name)
    return list(value) if isinstance(value, list | tuple) else []
