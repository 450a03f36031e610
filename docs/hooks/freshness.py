"""Whether this build is to make everything anew: with LEITSTAND_SITE=fresh, unless it only serves.

Not in a hook: MkDocs gives each hook a module of its own, which no other one can import.
"""

import os

__all__ = ["is_fresh", "serving"]

serving = False
"""Whether pages are only served while somebody writes them."""


def is_fresh() -> bool:
    """Return whether rehearsals and pictures are to be made anew."""
    return os.environ.get("LEITSTAND_SITE") == "fresh" and not serving
