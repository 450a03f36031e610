"""What an approver signs: exactly one plan of one run in one environment, until when, and why."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

__all__ = ["PAYLOAD_TYPE", "Kind", "Statement", "StatementUnreadable"]

PAYLOAD_TYPE: Final = "application/vnd.leitstand.approval.v1+json"
"""Type under which it is signed; a signature under another type is none of an approval."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NONCE: Final = re.compile(r"[0-9a-f]{32}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


class StatementUnreadable(ValueError):
    """The bytes are no approval."""


class Kind(StrEnum):
    """How a plan was said yes to."""

    APPROVAL = "approval"
    BREAK_GLASS = "break-glass"


@dataclass(frozen=True)
class Statement:
    """A yes, as it is signed.

    Attributes:
        digest: Of the plan.
        run: Id of the run.
        runbook: Name of the run's runbook.
        environment: Name of the environment.
        identity: Account name of who says yes.
        at: When it was signed, UTC.
        expires_at: Until when it is meant, UTC.
        nonce: 128 random bits in hexadecimal; no two statements share one.
        kind: An approval, or an emergency without one.
        reason: Why; an emergency needs one.
    """

    digest: str
    run: str
    runbook: str
    environment: str
    identity: str
    at: datetime
    expires_at: datetime
    nonce: str
    kind: Kind = Kind.APPROVAL
    reason: str = ""

    @property
    def broken_glass(self) -> bool:
        """Whether it does without a second person."""
        return self.kind is Kind.BREAK_GLASS

    def encoded(self) -> bytes:
        """Return the bytes that are signed: JSON with sorted keys."""
        data = {
            "digest": self.digest,
            "run": self.run,
            "runbook": self.runbook,
            "environment": self.environment,
            "identity": self.identity,
            "at": _text(self.at),
            "expires_at": _text(self.expires_at),
            "nonce": self.nonce,
            "kind": str(self.kind),
            "reason": self.reason,
        }
        return json.dumps(data, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def decoded(cls, content: bytes) -> "Statement":
        """Return the statement of which these are the bytes.

        Raises:
            StatementUnreadable: they are not, down to the last byte.
        """
        try:
            data = json.loads(content)
            statement = cls(**{name: _value(name, value) for name, value in data.items()})
            same = statement.encoded() == content
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise StatementUnreadable("no approval") from error
        if not same:
            # One statement has one form: no second reading of what was signed.
            raise StatementUnreadable("not in its canonical form")
        return statement


def _value(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise TypeError(name)
    if name in {"at", "expires_at"}:
        if not _MOMENT.fullmatch(value):
            raise ValueError(name)
        return datetime.fromisoformat(value)
    if name == "kind":
        return Kind(value)
    if (name == "digest" and not _DIGEST.fullmatch(value)) or (
        name == "nonce" and not _NONCE.fullmatch(value)
    ):
        raise ValueError(name)
    return value


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
