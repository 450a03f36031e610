"""Signed envelopes in the DSSE form, which public tools verify.

Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md, version 1.0.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from leitstand.audit.signing import PublicKey, Signature, Signer

__all__ = ["Envelope", "MalformedEnvelope", "accepted_keys", "pae", "sign"]

_BEGIN: Final = b'{"payload":"'
_OWN_END: Final = re.compile(
    rb'","payloadType":"([A-Za-z0-9./+-]+)",'
    rb'"signatures":\[\{"keyid":"([0-9a-f]*)","sig":"([A-Za-z0-9+/]*=*)"\}\]\}'
)


class MalformedEnvelope(ValueError):
    """The bytes are no DSSE envelope.

    Attributes:
        offset: Where they stop being one; -1 when it cannot be told.
    """

    def __init__(self, reason: str, offset: int = -1) -> None:
        super().__init__(reason)
        self.offset = offset


@dataclass(frozen=True)
class Envelope:
    """A payload with its signatures.

    Attributes:
        payload_type: How the payload is to be read; it is signed too.
        payload: The bytes that are signed.
        signatures: One or more.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the one form in which we store an envelope: JSON on one line, sorted keys."""
        signatures = ",".join(
            f'{{"keyid":{json.dumps(s.keyid)},"sig":"{_base64(s.sig)}"}}' for s in self.signatures
        )
        kind = json.dumps(self.payload_type)
        # Put together by hand, since base64 needs no escapes: verification does it for each record.
        text = f'{{"payload":"{_base64(self.payload)}","payloadType":{kind},'
        return f'{text}"signatures":[{signatures}]}}'.encode("ascii")

    @classmethod
    def decode(cls, content: bytes) -> "Envelope":
        """Return the envelope that the bytes hold, in any form that DSSE allows.

        Whoever wants our form too compares ``encode()`` with the bytes.

        Raises:
            MalformedEnvelope: they hold none.
        """
        own = cls.decode_own(content)
        if own is not None:
            return own
        try:
            data = json.loads(content)
        except UnicodeDecodeError as error:
            raise MalformedEnvelope("no UTF-8", error.start) from error
        except json.JSONDecodeError as error:
            raise MalformedEnvelope(error.msg, error.pos) from error
        except (RecursionError, ValueError) as error:
            raise MalformedEnvelope(str(error)) from error
        try:
            return cls._from_data(data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise MalformedEnvelope(f"no DSSE envelope: {error}") from error

    @classmethod
    def decode_own(cls, content: bytes) -> "Envelope | None":
        """Return the envelope, if the bytes are just what `encode` writes for one signature.

        For all other bytes it returns None, and `decode` tells more; it is the quick way for the
        usual case.
        """
        end = content.find(b'"', len(_BEGIN))
        if end < 0 or not content.startswith(_BEGIN):
            return None
        found = _OWN_END.fullmatch(content, end)
        if found is None:
            return None
        try:
            payload = binascii.a2b_base64(content[len(_BEGIN) : end])
            sig = binascii.a2b_base64(found[3])
        except binascii.Error:
            return None
        # The decoder skips what is no base64; only what is written back the same was ours.
        if binascii.b2a_base64(payload, newline=False) != content[len(_BEGIN) : end]:
            return None
        if binascii.b2a_base64(sig, newline=False) != found[3]:
            return None
        return cls(found[1].decode(), payload, (Signature(found[2].decode(), sig),))

    @classmethod
    def _from_data(cls, data: Mapping[str, Any]) -> "Envelope":
        payload_type = data["payloadType"]
        signatures = tuple(
            Signature(str(item.get("keyid") or ""), _bytes(item["sig"]))
            for item in data["signatures"]
        )
        if not isinstance(payload_type, str) or not signatures:
            raise ValueError("payloadType or signatures are missing")
        payload_type.encode()
        return cls(payload_type, _bytes(data["payload"]), signatures)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the Pre-Authentication Encoding, which is what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, signer: Signer) -> Envelope:
    """Return an envelope with one signature.

    Raises:
        OSError: the signer cannot be reached.
    """
    return Envelope(payload_type, payload, (signer.sign(pae(payload_type, payload)),))


def accepted_keys(envelope: Envelope, keys: Mapping[str, PublicKey]) -> frozenset[str]:
    """Return the ids of those keys that have really signed the envelope.

    The id that a signature names only says which key to try first, as DSSE demands.

    Args:
        envelope: Whose signatures are checked.
        keys: Trusted public keys by their id.
    """
    message = pae(envelope.payload_type, envelope.payload)
    found = set()
    for signature in envelope.signatures:
        hinted = keys.get(signature.keyid)
        candidates = [hinted] if hinted is not None else []
        candidates += [key for key in keys.values() if key is not hinted]
        for key in candidates:
            if key.verifies(signature.sig, message):
                found.add(key.id)
                break
    return frozenset(found)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _bytes(text: str) -> bytes:
    """Decode either alphabet of RFC 4648, as DSSE demands of verifiers."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
