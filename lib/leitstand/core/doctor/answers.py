"""What came back from a look at the world, before anything is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Answer", "Answers", "SignIn", "Unreached"]


@dataclass(frozen=True)
class Answer:
    """An answer of Google's.

    Attributes:
        status: HTTP status.
        body: The JSON object; empty where the body is none.
        skew: Seconds by which this machine's clock is ahead of the server's; None where the
            answer says nothing of its time.
        seconds: How long it took.
    """

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    skew: float | None = None
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        """What the server says of its refusal, as one line without an end."""
        error = self.body.get("error")
        said = error.get("message") if isinstance(error, Mapping) else None
        return " ".join(str(said or f"HTTP {self.status}").split()).rstrip(".")


@dataclass(frozen=True)
class Unreached:
    """No answer.

    Attributes:
        reason: Why, as German words without an end, such as ``keine Antwort in der Zeit``.
    """

    reason: str


@dataclass(frozen=True)
class SignIn:
    """Who signs in to Google, and whether that succeeded.

    Attributes:
        kind: Type of the credentials as their file names it, such as ``authorized_user``;
            ``metadata`` for those of a machine or job of Google's.
        name: The account; empty while nobody has confirmed it.
        problem: ``""`` when it succeeded; ``none`` without credentials, ``unreadable`` when they
            are no credentials, ``refused`` when Google does not take them, ``unreached`` without
            an answer, ``slow`` when this machine did not get so far.
        detail: What is known of the problem: a file, the server's words, or why no answer came.
    """

    kind: str = ""
    name: str = ""
    problem: Literal["", "none", "unreadable", "refused", "unreached", "slow"] = ""
    detail: str = ""


Answers = Mapping[str, Answer | Unreached]
"""Answers by the name of what was asked."""
