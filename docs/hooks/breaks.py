"""MkDocs hook: lets long keys break at their joints, so that tables fit a phone.

The finished page gets ``<wbr>`` before words after dots, slashes, colons and underscores of inline
code, and before its inner capitals; figures stay whole. It adds no character: what one copies or
searches stays as it was.
"""

import re
from typing import Any

__all__ = ["on_post_page"]

INLINE = re.compile(r"(?<!<pre>)(?<!</span>)<code>([^<]+)</code>")
"""Inline code; in a block of code a span or ``<pre>`` comes before."""

JOINT = re.compile(r"(?<=\w[._/:])(?=[^\W\d])|(?<=[a-z])(?=[A-Z][a-z])")


def on_post_page(output: str, **_: Any) -> str:
    """Return the page with its inline code allowed to break."""
    return INLINE.sub(lambda code: f"<code>{JOINT.sub('<wbr>', code[1])}</code>", output)
