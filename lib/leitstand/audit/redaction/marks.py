"""What stands in the place of a secret: a mark that tells secrets apart and reveals none."""

import hmac
import re

__all__ = ["MARK", "MARK_LENGTH", "Marker"]

MARK = re.compile(r"\[geheim:[0-9a-f]{8}\]")
"""A mark, wherever it stands."""

MARK_LENGTH = len("[geheim:00000000]")


class Marker:
    """Makes marks with a key: the same text gets the same mark, under this key only.

    Args:
        salt: The key. Whoever knows it can try guesses for a short secret, so it belongs neither
            into the record nor beside it.

    Raises:
        ValueError: the salt is shorter than 16 bytes.
    """

    def __init__(self, salt: bytes) -> None:
        if len(salt) < 16:
            raise ValueError("the salt of a redactor needs at least 16 bytes")
        self._salt = salt

    def mark(self, secret: str) -> str:
        """Return the mark of a secret. 32 bits of HMAC-SHA256 (RFC 2104)."""
        digest = hmac.digest(self._salt, secret.encode("utf-8", "surrogatepass"), "sha256")
        return f"[geheim:{digest.hex()[:8]}]"
