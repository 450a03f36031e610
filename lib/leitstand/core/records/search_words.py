"""The words by which a record is found: how a text becomes words, and a question a query.

The query is in the language of SQLite's FTS5: https://www.sqlite.org/fts5.html.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

__all__ = ["INNER", "marks", "question", "searchable"]

INNER: Final = "-_./:@+"
"""What may stand within a word: ids, resource names and addresses are one word each."""
_MOST_WORDS: Final = 5000
_LONGEST: Final = 200
_WORD: Final = re.compile(rf"[\w{re.escape(INNER)}]*\w")
_PART: Final = re.compile(r"(?<![^\W_])[^\W_]")


def searchable(text: str) -> str:
    """Return the words of a text, each once, and each also from every part within it on.

    So ``secret-key`` finds ``django-secret-key``, as the beginning of a word.
    """
    found: dict[str, None] = {}
    for word in dict.fromkeys(_WORD.findall(text.lower())):
        if len(found) > _MOST_WORDS:
            break
        found.update(_from_each_part(word))
    return " ".join(found)


@lru_cache(maxsize=10_000)
def _from_each_part(word: str) -> dict[str, None]:
    return {word[part.start() :][:_LONGEST]: None for part in _PART.finditer(word)}


def question(text: str, equal: Mapping[str, str]) -> str:
    """Return a question in FTS5's language: words as they are, each may go on; and filters."""
    words = [word[:_LONGEST].lstrip(INNER) for word in _WORD.findall(text.lower())]
    asked = [f'"{word}"*' for word in words if word]
    filters = [f'"{mark}"' for mark in marks(equal).split()]
    return " AND ".join([*asked, *filters]) if asked else '""'


def marks(values: Mapping[str, object]) -> str:
    """Return one word for each value that can be filtered by, so that words and filters meet.

    They begin as no word of a text does.
    """
    return " ".join(
        f":{name}:{hashlib.sha256(str(values[name]).encode(errors='replace')).hexdigest()[:16]}"
        for name in ("env", "runbook", "operator", "status", "ticket")
        if values.get(name)
    )
