"""Who may approve which runbooks in an environment, how many are needed, and how long it holds."""

import base64
import binascii
import hashlib
import json
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from leitstand.core.section import Section

__all__ = ["ApprovalPolicy", "Approver", "BreakGlass", "canonical", "same_identity"]

EVERY_RUNBOOK = "*"
_GOOGLE_MAIL = frozenset({"gmail.com", "googlemail.com"})
_DER_PREFIX = bytes.fromhex("302a300506032b6570032100")
_KEY_BYTES = 32

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Identity = Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]
Runbooks = list[Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9_]*)$")]]


def canonical(identity: str) -> str:
    """Return the one spelling of an account name.

    Case, width and outer blanks never count. Google Mail has one mailbox for both of its domains,
    with and without dots, and whatever follows a plus sign
    (https://support.google.com/mail/answer/7436150, /10313).
    """
    name = unicodedata.normalize("NFKC", identity).strip().casefold()
    local, at, domain = name.rpartition("@")
    if domain in _GOOGLE_MAIL:
        return f"{local.partition('+')[0].replace('.', '')}@gmail.com"
    return f"{local}{at}{domain}"


def same_identity(one: str, other: str) -> bool:
    """Return whether two account names are one person's, see ``canonical``."""
    return canonical(one) == canonical(other)


class Approver(Section):
    """A person whose signature counts.

    Attributes:
        identity: Account name, an e-mail address.
        public_key: Ed25519 key, the base64 of its DER form (RFC 8410), as
            ``leitstand approve --new-key`` shows it.
        runbooks: What the person may approve; ``*`` is every runbook, and an empty list none.
    """

    identity: Identity
    public_key: str
    runbooks: Runbooks = Field(default_factory=list)

    @field_validator("public_key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        try:
            content = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("public_key is no base64") from error
        whole = len(content) == len(_DER_PREFIX) + _KEY_BYTES
        if not whole or not content.startswith(_DER_PREFIX):
            raise ValueError("public_key is no Ed25519 key in its DER form")
        return value

    @property
    def key_id(self) -> str:
        """SHA-256 of the key's DER form, in hexadecimal."""
        return hashlib.sha256(base64.b64decode(self.public_key)).hexdigest()

    def may_approve(self, runbook: str) -> bool:
        """Return whether the person may approve plans of a runbook."""
        return EVERY_RUNBOOK in self.runbooks or runbook in self.runbooks


class BreakGlass(Section):
    """Who may do without a second person in an emergency; the record then says so loudly.

    Attributes:
        identities: Account names; each needs a key among the approvers.
        runbooks: For which runbooks; ``*`` is every one.
        valid_for: Seconds that it holds at most.
        min_reason: Characters that the reason needs.
    """

    identities: Annotated[list[Identity], Field(min_length=1)]
    runbooks: Annotated[Runbooks, Field(min_length=1)]
    valid_for: Seconds
    min_reason: Count = 20

    def may_break(self, identity: str, runbook: str) -> bool:
        """Return whether a person may do it for a runbook."""
        known = any(same_identity(identity, one) for one in self.identities)
        return known and self.covers(runbook)

    def covers(self, runbook: str) -> bool:
        """Return whether it is possible for a runbook at all."""
        return EVERY_RUNBOOK in self.runbooks or runbook in self.runbooks


class ApprovalPolicy(Section):
    """What an environment asks of an approval.

    Attributes:
        needed: How many persons besides the operator must say yes.
        needed_for: Other numbers, by runbook.
        valid_for: Seconds that an approval holds at most, from its signature.
        deadline: Seconds that a run waits for it before it ends, resumable.
        interval: Seconds between two looks while it waits.
        directory: Where requests and approvals lie, readable and writable for all who run and
            approve; below the state directory when left out.
        approvers: Who may approve, with their public keys.
        break_glass: Who may do without in an emergency; nobody when left out.
    """

    needed: Count = 1
    needed_for: dict[str, Count] = Field(default_factory=dict)
    valid_for: Seconds
    deadline: Seconds
    interval: Seconds = 2
    directory: Annotated[str, Field(pattern=r"^(/.*)?$")] = ""
    approvers: Annotated[list[Approver], Field(min_length=1)]
    break_glass: BreakGlass | None = None

    @model_validator(mode="after")
    def _a_person_has_one_voice(self) -> Self:
        for what, values in (
            ("identity", [canonical(one.identity) for one in self.approvers]),
            ("public_key", [one.key_id for one in self.approvers]),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"two approvers have the same {what}")
        return self

    @model_validator(mode="after")
    def _it_can_be_met(self) -> Self:
        for runbook, needed in self.needed_for.items():
            able = sum(one.may_approve(runbook) for one in self.approvers)
            if able < needed:
                raise ValueError(f"{runbook} needs {needed} approvals, and {able} may give one")
        return self

    @model_validator(mode="after")
    def _who_breaks_glass_has_a_key(self) -> Self:
        for identity in self.break_glass.identities if self.break_glass else ():
            if self.named(identity) is None:
                raise ValueError(f"{identity} may break glass, but has no key among the approvers")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the policy, so that a record can tell by which rules it was decided."""
        data = self.model_dump(mode="json")
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def needed_of(self, runbook: str) -> int:
        """Return how many must say yes to a plan of a runbook."""
        return self.needed_for.get(runbook, self.needed)

    def named(self, identity: str) -> Approver | None:
        """Return the approver with this account name."""
        found = (one for one in self.approvers if same_identity(one.identity, identity))
        return next(found, None)

    def with_key(self, key_id: str) -> Approver | None:
        """Return the approver to whom a key belongs, by the key's SHA-256."""
        return next((one for one in self.approvers if one.key_id == key_id), None)

    def able(self, runbook: str, operator: str) -> Iterator[Approver]:
        """Yield who may approve a plan of a runbook that this operator runs."""
        for one in self.approvers:
            if one.may_approve(runbook) and not same_identity(one.identity, operator):
                yield one

    def longest(self, *, broken_glass: bool) -> timedelta:
        """Return how long a signature holds at most."""
        if broken_glass:
            return timedelta(seconds=self.break_glass.valid_for if self.break_glass else 0)
        return timedelta(seconds=self.valid_for)
