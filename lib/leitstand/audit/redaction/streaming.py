"""Text that comes in pieces: what is certain goes out, what may yet become a secret waits."""

import re
from typing import TYPE_CHECKING

from leitstand.audit.redaction.known import KNOWN
from leitstand.audit.redaction.spans import Span

if TYPE_CHECKING:
    from leitstand.audit.redaction.redactor import Redactor

__all__ = ["Stream"]

_LONGEST_LINE = 65_536
_LONGEST_KEY = 20_000
_LEAST_PIECE = 4
_LEAST_OF_URL = 16
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_DANGLING = re.compile(
    r"(?:[:=]|\b(?:pass(?:word|wd)|kennwort|secret|token|key|bearer|basic)[\"']?)\s*$",
    re.IGNORECASE,
)


class Stream:
    """Masks the streams of a run, piece by piece. Made by `Redactor.stream`.

    It keeps an unfinished line, an unfinished private key, and the beginning of a known value.
    At the end of a cell `flush` lets go of them: the beginning of a known value as a mark, whose
    rest is then left out when the next cell prints it.
    """

    def __init__(self, redactor: "Redactor") -> None:
        self._redactor = redactor
        self._waiting = ""
        self._owed = self._secret = ""

    def feed(self, text: str) -> str:
        """Take the next piece and return what can go out now."""
        self._waiting += self._without_rest(text)
        cut = self._certain()
        ready, self._waiting = self._waiting[:cut], self._waiting[cut:]
        return self._redactor.text(ready) if ready else ""

    def flush(self) -> str:
        """Return all that waits. For the end of a cell."""
        text, self._waiting = self._waiting, ""
        cut = self._redactor.known.begins_at(text) if text else None
        if cut is None:
            return self._redactor.text(text) if text else ""
        start, value, length = cut
        if any(span.start < start < span.end for span in self._redactor.known_in(text)):
            return self._redactor.text(text)  # it is the end of another value, all of it here
        self._owed = value[length:]
        self._secret = self._redactor.known.secret_of(value)
        if length < _LEAST_PIECE or ("://" in value and length < _LEAST_OF_URL):
            return self._redactor.text(text)
        end = len(text.rstrip())
        return self._redactor.text(text[:start]) + self._piece(text[start:end]) + text[end:]

    def _without_rest(self, text: str) -> str:
        """Mask the rest of a value whose beginning stood at the end of a cell."""
        if not self._owed or not text.strip():
            return text
        owed, self._owed = self._owed, ""
        left = text.lstrip()
        same = 0  # characters of the rest that stand at the beginning of the text
        index = 0
        while index < len(left) and same < len(owed):
            if not left[index].isspace():
                if left[index] != owed[same]:
                    break
                same += 1
            index += 1
        whole = same == len(owed)
        if not whole and left[index:].strip():
            return text  # something else came
        if not whole:
            self._owed = owed[same:]
        if not whole and same < _LEAST_PIECE:
            return text
        return text[: len(text) - len(left)] + self._piece(left[:index]) + left[index:]

    def _piece(self, text: str) -> str:
        span = Span(0, len(text.rstrip()), KNOWN, self._secret, known=True)
        return self._redactor.masked(text, [span])

    def _certain(self) -> int:
        """Return up to where the waiting text cannot become part of a secret any more."""
        text = self._waiting
        cut = max(text.rfind("\n"), text.rfind("\r")) + 1
        if len(text) - cut > _LONGEST_LINE:
            cut = _last_gap(text)
        begun = text.rfind("-----BEGIN ", max(0, len(text) - _LONGEST_KEY))
        if begun >= 0 and _BEGIN.match(text, begun) and "-----END" not in text[begun:]:
            cut = min(cut, begun)
        begins = self._redactor.known.begins_at(text)
        if begins is not None and begins[0] < cut:
            # The whole line waits: what ends there may be a secret of its own.
            cut = text.rfind("\n", 0, begins[0]) + 1
        line = text.rfind("\n", 0, max(cut - 1, 0)) + 1
        if cut and _DANGLING.search(text, line, cut):
            cut = line
        return cut


def _last_gap(text: str) -> int:
    """Return the last place between words, or the end of a text that is one word."""
    for index in range(len(text) - 1, max(0, len(text) - _LONGEST_LINE), -1):
        if text[index].isspace():
            return index
    return len(text)
