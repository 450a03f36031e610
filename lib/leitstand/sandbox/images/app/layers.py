"""Which migrations an image contains: those of its own version, and none that came later."""

from __future__ import annotations

from pathlib import Path

__all__ = ["layers"]


def layers(package: str, newest: int) -> list[str]:
    """The search path of a migrations package: one directory per migration up to the newest.

    The modules of `v0001`, `v0002`, … are found as if they lay in the package itself, whose file
    is `package`.
    """
    return [str(Path(package).parent / f"v{number:04d}") for number in range(1, newest + 1)]
