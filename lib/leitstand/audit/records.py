"""Reads records: what they say, and where their chain ends. Read-only."""

import hashlib
from pathlib import Path

from leitstand.audit.envelopes import Envelope, MalformedEnvelope
from leitstand.audit.run_files import KEPT_FILE
from leitstand.audit.sealing_errors import ChainUnusable
from leitstand.audit.store import Missing, Store
from leitstand.core.records.chain import Head
from leitstand.core.records.statement import PAYLOAD_TYPE, MalformedStatement, Statement

__all__ = ["head_of", "read_record", "unsealed_runs"]


def read_record(content: bytes) -> Statement:
    """Return what a record says, without checking who signed it.

    Raises:
        MalformedEnvelope: it is no envelope.
        MalformedStatement: its payload is no statement of a run.
    """
    envelope = Envelope.decode(content)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise MalformedStatement(f"payloadType is {envelope.payload_type}")
    return Statement.decode(envelope.payload)


def head_of(store: Store) -> Head:
    """Return the chain's head, to be kept elsewhere as an anchor.

    Raises:
        ChainUnusable: the last record is none.
        OSError: the store cannot be reached.
    """
    seq = store.head()
    if not seq:
        return Head(0, "")
    try:
        content = store.read(seq)
        stated = read_record(content).seq
    except (Missing, MalformedEnvelope, MalformedStatement) as error:
        raise ChainUnusable(seq) from error
    if stated != seq:
        raise ChainUnusable(seq)
    return Head(seq, hashlib.sha256(content).hexdigest())


def unsealed_runs(runs: Path) -> list[Path]:
    """Return the run directories whose signed record is kept and not in the chain, oldest first."""
    return sorted(path.parent for path in runs.glob(f"*/{KEPT_FILE}"))
