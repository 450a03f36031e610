"""Keys: who signs records, and who is trusted to have signed them.

Ed25519 (RFC 8032). A private key never leaves its `Signer`; one in Cloud KMS can stand beside the
one in a file.
"""

import base64
import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from leitstand.audit.durable import create_once
from leitstand.core.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

__all__ = [
    "BadKey",
    "FileSigner",
    "OpenKeyFile",
    "PublicKey",
    "Signature",
    "Signer",
    "TextSigner",
    "trusted_keys",
]


class BadKey(InputError):
    """A text or file holds no Ed25519 key."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where} ist kein Ed25519-Schlüssel.",
            "Tragen Sie den öffentlichen Schlüssel so ein, wie „leitstand audit key“ ihn zeigt.",
        )


class OpenKeyFile(InputError):
    """Others than its owner can read or write a private key."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Den privaten Schlüssel {path} können auch andere lesen.",
            f"Führen Sie „chmod 600 {path}“ aus; war er für Fremde lesbar, ersetzen Sie ihn.",
        )
        self.path = path


@dataclass(frozen=True)
class Signature:
    """A signature and whose it says it is.

    Attributes:
        keyid: Id of the key; a hint, not signed.
        sig: 64 bytes for Ed25519.
    """

    keyid: str
    sig: bytes


class Signer(Protocol):
    """Signs with one private key."""

    @property
    def public(self) -> "PublicKey":
        """Return the key that verifies its signatures."""

    def sign(self, message: bytes) -> Signature:
        """Return the signature over a message.

        Raises:
            OSError: the key cannot be reached.
        """


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies signatures.

    Attributes:
        der: SubjectPublicKeyInfo (RFC 8410), as ``openssl pkey -pubout -outform DER`` writes it.
    """

    der: bytes
    _key: "Ed25519PublicKey" = field(repr=False, compare=False)

    @classmethod
    def of(cls, key: "Ed25519PublicKey") -> "PublicKey":
        """Return the key of a library's."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return cls(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key)

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Return the key that a text holds: PEM, or the base64 of its DER form.

        Raises:
            BadKey: it holds none.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import (
            load_der_public_key,
            load_pem_public_key,
        )

        try:
            if "-----BEGIN" in text:
                key = load_pem_public_key(text.encode())
            else:
                key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
        except Exception as error:
            raise BadKey(f"„{text[:60]}“") from error
        if not isinstance(key, Ed25519PublicKey):
            raise BadKey(f"„{text[:60]}“")
        return cls.of(key)

    @cached_property
    def id(self) -> str:
        """SHA-256 of the DER form, in hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def text(self) -> str:
        """The base64 of the DER form, on one line; `parse` reads it."""
        return base64.b64encode(self.der).decode("ascii")

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether the signature is this key's over this message."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class FileSigner:
    """Signs with a private key in a file (PKCS #8, PEM), which only its owner can read.

    Args:
        path: The file; it is made with a new key when it is not there. Two processes that make it
            at once get the same key.

    Raises:
        BadKey: the file holds no Ed25519 key.
        OpenKeyFile: others can read it.
        OSError: it can neither be read nor made.
    """

    def __init__(self, path: Path) -> None:
        self._keeping = _Keeping(_load(path))

    @property
    def public(self) -> PublicKey:
        """The key that verifies its signatures."""
        return self._keeping.public

    def sign(self, message: bytes) -> Signature:
        """Return the signature over a message."""
        return self._keeping.sign(message)


class TextSigner:
    """Signs with a private key (PKCS #8, PEM) that somebody else keeps, for example as a secret.

    Args:
        text: The key.
        where: What it comes from, for messages.

    Raises:
        BadKey: the text holds no Ed25519 key.
    """

    def __init__(self, text: str, where: str) -> None:
        self._keeping = _Keeping(_parsed(text.encode(), where))

    @property
    def public(self) -> PublicKey:
        """The key that verifies its signatures."""
        return self._keeping.public

    def sign(self, message: bytes) -> Signature:
        """Return the signature over a message."""
        return self._keeping.sign(message)


class _Keeping:
    """A private key, and what is done with it."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self.public = PublicKey.of(key.public_key())

    def sign(self, message: bytes) -> Signature:
        return Signature(self.public.id, self._key.sign(message))


def trusted_keys(texts: Iterable[str]) -> dict[str, PublicKey]:
    """Return public keys by their id.

    Raises:
        BadKey: a text is none.
    """
    keys = [PublicKey.parse(text) for text in texts]
    return {key.id: key for key in keys}


def _load(path: Path) -> "Ed25519PrivateKey":
    if not path.exists():
        _make(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise OpenKeyFile(path)
        return _parsed(file.read(), str(path))


def _parsed(content: bytes, where: str) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, password=None)
    except Exception as error:
        raise BadKey(where) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(where)
    return key


def _make(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    content = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    create_once(path, [content], path.parent, mode=0o600)
