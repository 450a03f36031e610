"""Anchors: heads of the chain, signed and kept where the producer of the chain can change nothing.

A chain whose head its producer holds proves little: whoever has the key can cut its end, or write
all of it anew. Against an anchor both are found.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from leitstand.audit.envelopes import Envelope, MalformedEnvelope, accepted_keys, sign
from leitstand.audit.records import head_of
from leitstand.audit.signing import PublicKey, Signer
from leitstand.audit.store import Missing, Store
from leitstand.core.errors import GateRefused, LeitstandError
from leitstand.core.records.anchor import Anchor
from leitstand.core.records.chain import Head
from leitstand.core.records.findings import FindingKind, Place, RecordFinding
from leitstand.core.records.statement import PAYLOAD_TYPE, MalformedStatement

__all__ = [
    "AnchorDisagrees",
    "AnchorPlace",
    "AnchorsFound",
    "NothingToAnchor",
    "SignerNotTrusted",
    "anchor_head",
    "read_anchors",
]


class NothingToAnchor(GateRefused):
    """The chain is empty."""

    def __init__(self) -> None:
        super().__init__(
            "Die Kette ist leer; es gibt nichts zu verankern.", "Versiegeln Sie zuerst einen Lauf."
        )


class AnchorDisagrees(GateRefused):
    """The chain is not the one that was anchored before; its head must not be anchored.

    Attributes:
        anchor: The one that says so.
    """

    def __init__(self, anchor: Anchor, where: str) -> None:
        super().__init__(
            f"Der Anker {where} nennt für Beleg {anchor.head.seq} einen anderen Inhalt als die"
            " Kette, oder sie endet davor.",
            "Prüfen Sie die Kette mit „leitstand audit verify“, und klären Sie, wer sie änderte.",
        )
        self.anchor = anchor


class SignerNotTrusted(GateRefused):
    """Nobody would accept an anchor that this key has signed."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Dem Schlüssel {key[:12]} dieses Rechners vertraut die Umgebung nicht.",
            "Tragen Sie ihn unter records.trusted_keys ein: „leitstand audit key“ zeigt ihn.",
        )


class AnchorPlace(Protocol):
    """Where anchors are kept. Every method raises OSError when it cannot be reached."""

    @property
    def url(self) -> str:
        """Its address, as in the settings."""

    def add(self, name: str, envelope: bytes) -> bool:
        """Keep an anchor durably, and return whether there was none of this name before."""

    def weakness(self) -> str:
        """Return in German why an anchor here proves less than it could; empty if it does not."""

    def refresh(self) -> None:
        """Take over what others keep there by now, where that takes a step of its own."""

    def envelopes(self) -> Iterator[tuple[str, bytes]]:
        """Return where each anchor is kept, and the bytes of each, in the order of their names."""


@dataclass(frozen=True)
class AnchorsFound:
    """What the places of anchors hold.

    Attributes:
        anchors: Those of the chain that a trusted key has signed, with where each is kept.
        findings: What is there and is none.
        unreachable: Places that did not answer, with the reason.
    """

    anchors: tuple[tuple[str, Anchor], ...]
    findings: tuple[RecordFinding, ...]
    unreachable: tuple[tuple[str, str], ...]

    @property
    def heads(self) -> tuple[Head, ...]:
        """The heads, as `verify_store` takes them."""
        return tuple(anchor.head for _, anchor in self.anchors)


def anchor_head(
    store: Store,
    chain: str,
    place: AnchorPlace,
    signer: Signer,
    keys: Mapping[str, PublicKey],
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Anchor, bool]:
    """Anchor the head of a chain; return the anchor, and whether it is new.

    The chain is compared with its last anchor in this place first, so that a chain that was cut or
    rewritten gets no new one.

    Args:
        store: Of the records.
        chain: Name of the chain.
        place: Where the anchor goes.
        signer: Signs it.
        keys: Trusted public keys by id.
        now: The clock.

    Raises:
        SignerNotTrusted: the signer's key is not among those.
        NothingToAnchor: there is no record yet.
        AnchorDisagrees: the chain is not the one that was anchored before.
        ChainUnusable: the last record is none.
        OSError: store or place cannot be reached, or refuse.
    """
    if signer.public.id not in keys:
        raise SignerNotTrusted(signer.public.id)
    place.refresh()
    anchors, _ = _kept(place, chain, keys)
    head = head_of(store)
    if not head.seq:
        raise NothingToAnchor
    if anchors:
        where, last = max(anchors, key=lambda one: (one[1].head.seq, one[1].at))
        if _head_at(store, last.head.seq) != last.head:
            raise AnchorDisagrees(last, where)
        if last.head == head:
            return last, False
    anchor = Anchor(chain, head, now())
    envelope = sign(PAYLOAD_TYPE, anchor.encode(), signer).encode()
    return anchor, place.add(anchor.name, envelope)


def read_anchors(
    places: Iterable[AnchorPlace], chain: str, keys: Mapping[str, PublicKey]
) -> AnchorsFound:
    """Return the anchors of a chain from all places; read-only.

    Args:
        places: Where anchors are kept.
        chain: Name of the chain; those of others are passed over.
        keys: Trusted public keys by id.
    """
    anchors: list[tuple[str, Anchor]] = []
    findings: list[RecordFinding] = []
    unreachable: list[tuple[str, str]] = []
    for place in places:
        try:
            kept, odd = _kept(place, chain, keys)
        except OSError as error:
            reason = error.message if isinstance(error, LeitstandError) else str(error)
            unreachable.append((place.url, reason.rstrip(".")))
            continue
        anchors += kept
        findings += odd
    return AnchorsFound(tuple(anchors), tuple(findings), tuple(unreachable))


def _kept(
    place: AnchorPlace, chain: str, keys: Mapping[str, PublicKey]
) -> tuple[list[tuple[str, Anchor]], list[RecordFinding]]:
    """Return the anchors of a chain in a place, and what is none."""
    anchors: list[tuple[str, Anchor]] = []
    findings: list[RecordFinding] = []
    for where, content in place.envelopes():
        anchor = _trusted(where, content, keys)
        if isinstance(anchor, RecordFinding):
            findings.append(anchor)
        elif anchor.chain == chain:
            anchors.append((where, anchor))
    return anchors, findings


def _trusted(where: str, content: bytes, keys: Mapping[str, PublicKey]) -> Anchor | RecordFinding:
    """Return an anchor, or why it is none."""
    try:
        envelope = Envelope.decode(content)
        if envelope.payload_type != PAYLOAD_TYPE:
            raise MalformedStatement(f"payloadType {envelope.payload_type}")
        anchor = Anchor.decode(envelope.payload)
    except (MalformedEnvelope, MalformedStatement) as error:
        return RecordFinding(FindingKind.ANCHOR_UNREADABLE, Place(0, where), str(error))
    if not accepted_keys(envelope, keys):
        return RecordFinding(FindingKind.ANCHOR_UNTRUSTED, Place(0, where))
    return anchor


def _head_at(store: Store, seq: int) -> Head | None:
    try:
        return Head(seq, hashlib.sha256(store.read(seq)).hexdigest())
    except Missing:
        return None
