"""Checksums as Google's APIs write them."""

from base64 import b64encode
from pathlib import Path

__all__ = ["crc32c", "crc32c_of"]

_PIECE = 1 << 20


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of some bytes, as Secret Manager states it."""
    import google_crc32c

    return int(google_crc32c.value(data))


def crc32c_of(file: Path) -> str:
    """Return the CRC-32C of a file in base64, network order (RFC 3720, appendix B.4)."""
    import google_crc32c

    checksum = google_crc32c.Checksum()  # type: ignore[no-untyped-call]  # it has no stubs
    with open(file, "rb") as opened:
        while piece := opened.read(_PIECE):
            checksum.update(piece)  # type: ignore[no-untyped-call]
    return b64encode(checksum.digest()).decode()  # type: ignore[no-untyped-call]
