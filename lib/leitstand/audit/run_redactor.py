"""The one redactor of a run in this process, and the key of its marks.

The key lies in the state directory and never in the run: whoever has it could try guesses for a
short secret. Runner, kernel and a later resume read the same key, so the same secret gets the same
mark in all of them.
"""

import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from leitstand.audit.durable import create_once
from leitstand.audit.redaction.personal import PERSONAL
from leitstand.audit.redaction.redactor import Redactor
from leitstand.audit.redaction.streaming import Stream

__all__ = ["KeyDamaged", "LockedStream", "RunRedactor", "redactor_of"]

_KEY_BYTES: Final = 32
_PERSONAL: Final = frozenset({"personal", *(kind for kind, *_ in PERSONAL)})
"""Kinds of what is personal, but opens nothing."""

Values = Collection[str]


class KeyDamaged(OSError):
    """The key of a run's marks cannot be used.

    Attributes:
        path: Its file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is no key: it does not hold {_KEY_BYTES} bytes")
        self.path = path


class RunRedactor:
    """A redactor that all threads of a process share.

    Args:
        key: Of the marks, at least 16 random bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._lock = threading.RLock()
        self._redactor = Redactor(salt=key)
        self._values: dict[str, None] = {}
        self._listeners: list[Callable[[Values], None]] = []
        self._told: Counter[str] = Counter()
        self._of_kernel: set[str] = set()
        # A child of a fork would wait for ever for a thread that it does not have.
        os.register_at_fork(after_in_child=self._renew)

    @property
    def version(self) -> int:
        """A number that grows with every value or address learnt."""
        with self._lock:
            return len(self._values) + len(self._redactor.visible)

    def new_kernel(self) -> set[str]:
        """Note that a kernel of the run starts, and return where its values are to be added.

        Each is added once it was learnt here. Before, this kernel knew none.
        """
        with self._lock:
            self._of_kernel = set()
            return self._of_kernel

    @property
    def version_of_kernel(self) -> int | None:
        """The version, where the run's kernel has told every value; None when it lacks one.

        What the kernel sends from now on holds no value of this version.
        """
        with self._lock:
            return self.version if self._values.keys() <= self._of_kernel else None

    def learn(self, values: Iterable[str]) -> None:
        """Mask these values too from now on, and tell those who follow."""
        with self._lock:
            new = [value for value in values if value and value not in self._values]
            if not new:
                return
            self._values.update(dict.fromkeys(new))
            self._redactor.learn(new)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(new)

    def follow(self, listener: Callable[[Values], None]) -> None:
        """Tell somebody all values, those of before and every new one."""
        with self._lock:
            before = list(self._values)
            self._listeners.append(listener)
        if before:
            listener(before)

    def show(self, addresses: Iterable[str]) -> None:
        """Let these addresses be read from now on: of the operator and those who approved."""
        with self._lock:
            self._redactor.show(addresses)

    def text(self, text: str) -> str:
        """Return plain text with marks in the place of secrets."""
        with self._lock:
            return self._redactor.text(text)

    def html(self, source: str) -> str:
        """Return HTML with marks in the place of secrets."""
        with self._lock:
            return self._redactor.html(source)

    def data(self, value: object) -> object:
        """Return JSON data of the same shape with marks in the place of secrets."""
        with self._lock:
            return self._redactor.data(value)

    def known(self, text: str) -> str:
        """Return a text in which only values that the run read are masked."""
        with self._lock:
            return self._redactor.masked(text, self._redactor.known_in(text))

    def holds_known(self, text: str) -> bool:
        """Return whether a value that the run read stands in a text."""
        with self._lock:
            return next(self._redactor.known_in(text), None) is not None

    def output(self, output: Mapping[str, object]) -> dict[str, object]:
        """Return an output of a cell (nbformat 4) with marks in the place of secrets."""
        with self._lock:
            return self._redactor.notebook_output(output)

    def across(self, outputs: list[Mapping[str, object]]) -> list[Mapping[str, object]]:
        """Mask what only several outputs together show."""
        from leitstand.audit.redaction.pieces import masked_across

        with self._lock:
            return masked_across(self._redactor, outputs)

    def notebook(self, notebook: Mapping[str, object]) -> dict[str, object]:
        """Return a whole notebook with marks in the place of secrets."""
        with self._lock:
            return self._redactor.notebook(notebook)

    def stream(self) -> "LockedStream":
        """Return what masks text that comes in pieces."""
        return LockedStream(self)

    def uncounted(self, mask: Callable[[], object]) -> object:
        """Mask what is counted elsewhere."""
        with self._lock:
            counts = self._redactor.counts.copy()
            try:
                return mask()
            finally:
                self._redactor.counts = counts

    def tells(self, value: object) -> bool:
        """Return whether JSON data holds a secret; personal data is none."""
        with self._lock:
            counts = self._redactor.counts
            self._redactor.counts = Counter()
            try:
                self._redactor.data(value)
                return bool(set(self._redactor.counts) - _PERSONAL)
            finally:
                self._redactor.counts = counts

    def new_counts(self) -> dict[str, int]:
        """Return how many places were masked since the last call, by kind."""
        with self._lock:
            new = self._redactor.counts - self._told
            self._told = self._redactor.counts.copy()
        return dict(sorted(new.items()))

    def _renew(self) -> None:
        self._lock = threading.RLock()


class LockedStream:
    """A stream that any thread may feed. Made by `RunRedactor.stream`."""

    def __init__(self, owner: RunRedactor) -> None:
        self._owner = owner
        self._stream = Stream(owner._redactor)

    def feed(self, text: str) -> str:
        """Take the next piece and return what can go out now."""
        with self._owner._lock:
            return self._stream.feed(text)

    def flush(self) -> str:
        """Return all that waits. For the end of a cell."""
        with self._owner._lock:
            return self._stream.flush()


_REDACTORS: Final[dict[Path, RunRedactor]] = {}
_MAKING: Final = threading.Lock()


def redactor_of(run: Path, keys: Path) -> RunRedactor:
    """Return this process's redactor of a run; its key is made on first use.

    Args:
        run: The run directory.
        keys: Directory of the keys of all runs, outside every run; made when it is missing.

    Raises:
        OSError: the key cannot be read or made.
        KeyDamaged: what is there is no key.
    """
    path = run.absolute()
    with _MAKING:
        found = _REDACTORS.get(path)
        if found is None:
            found = _REDACTORS[path] = RunRedactor(_key(keys, run.name))
        return found


def _key(keys: Path, run: str) -> bytes:
    file = keys / run
    with suppress(FileNotFoundError):
        return _read(file)
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_once(file, [secrets.token_bytes(_KEY_BYTES)], keys, mode=0o600)
    return _read(file)


def _read(file: Path) -> bytes:
    key = file.read_bytes()
    if len(key) != _KEY_BYTES:
        raise KeyDamaged(file)
    return key
