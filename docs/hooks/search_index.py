"""MkDocs hook: takes out of the search index what nobody types.

Soft hyphens and zero-width spaces split words for the eye; in the index they would hide the word
“Produktionsumgebung” from who looks for it. Umlauts are written as one character, not as six.
"""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority

__all__ = ["on_post_build", "plain"]

INVISIBLE = re.compile(r"&(?:shy|ZeroWidthSpace|NoBreak);|[\u00ad\u200b\u2060]")


def plain(index: str) -> str:
    """Return an index in JSON without invisible characters, and with umlauts as they are."""
    content = json.dumps(json.loads(index), ensure_ascii=False, separators=(",", ":"))
    return INVISIBLE.sub("", content)


@event_priority(-50)  # after the search has written the index, before `offline` copies it
def on_post_build(*, config: MkDocsConfig, **_: Any) -> None:
    """Rewrite the index of the site that was just built."""
    path = Path(config.site_dir) / "search" / "search_index.json"
    if path.exists():
        path.write_text(plain(path.read_text("utf-8")), "utf-8")
