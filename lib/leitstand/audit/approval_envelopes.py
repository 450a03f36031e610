"""Signs an approval as a DSSE envelope, and finds out what an envelope proves."""

from leitstand.audit.approvals import Given
from leitstand.audit.envelopes import Envelope, MalformedEnvelope, accepted_keys
from leitstand.audit.envelopes import sign as seal
from leitstand.audit.signing import PublicKey, Signer
from leitstand.core.approvals.decision import Signed
from leitstand.core.approvals.policy import ApprovalPolicy
from leitstand.core.approvals.refusals import Reason
from leitstand.core.approvals.statement import PAYLOAD_TYPE, Statement, StatementUnreadable

__all__ = ["examine", "sign"]


def sign(statement: Statement, signer: Signer) -> bytes:
    """Return a statement as an envelope with one signature.

    Raises:
        OSError: the signer cannot be reached.
    """
    return seal(PAYLOAD_TYPE, statement.encoded(), signer).encode()


def examine(given: Given, policy: ApprovalPolicy) -> Signed:
    """Return what an envelope proves: what was said, and whose key signed it.

    Only our one form with exactly one signature is taken: what nobody needs to read in a second
    way, nobody can change unseen.
    """
    try:
        envelope = Envelope.decode(given.content)
    except MalformedEnvelope:
        return Signed(given.source, problem=Reason.UNREADABLE)
    if (
        envelope.encode() != given.content
        or envelope.payload_type != PAYLOAD_TYPE
        or len(envelope.signatures) != 1
    ):
        return Signed(given.source, problem=Reason.UNREADABLE)
    named = envelope.signatures[0].keyid
    approver = policy.with_key(named)
    if approver is None:
        return Signed(given.source, problem=Reason.UNKNOWN_KEY)
    if not accepted_keys(envelope, {named: PublicKey.parse(approver.public_key)}):
        return Signed(given.source, problem=Reason.BAD_SIGNATURE)
    try:
        statement = Statement.decoded(envelope.payload)
    except StatementUnreadable:
        return Signed(given.source, problem=Reason.UNREADABLE)
    return Signed(given.source, statement, approver.identity)
