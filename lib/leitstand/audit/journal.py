"""The journal of a run: append-only events as JSON Lines, outside the notebook.

Several processes write the same file: each append takes an exclusive lock, closes off a line
that a crash has torn, writes one line and syncs it.
A reader skips a torn line.

With a redactor, secrets are masked before an event is encoded. What a resume goes by stays as it
is: a plan that holds a secret is refused, and names and digests are masked only where they hold a
value that the run read.

``LEITSTAND_CRASH_AFTER=<seq>`` kills the process right after it wrote that event.
Only runs of the sandbox honour it.
"""

import fcntl
import json
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leitstand.audit.journal_fields import (
    Masked,
    names_people,
    plain_value,
    redacted_fields,
    show_people,
)

if TYPE_CHECKING:
    from leitstand.audit.run_redactor import RunRedactor
    from leitstand.audit.write_ahead import WriteAhead

__all__ = ["FORMAT", "Event", "Follower", "Journal"]

FORMAT: Final = 1
"""What ``run.started`` says of the form of its journal; a reader refuses a higher one."""

Event = dict[str, object]


class Journal:
    """Events of one run.

    Attributes:
        path: The file, private to its owner; it is made at the first append.

    Args:
        path: The file.
        redactor: Called at the first append for what masks secrets; without it nothing is masked.
    """

    def __init__(self, path: Path, redactor: "Callable[[], RunRedactor] | None" = None) -> None:
        self.path = path
        self._make_redactor = redactor
        self._made: RunRedactor | None = None
        self._calls: Callable[[], list[dict[str, str]]] | None = None
        self._permit: Callable[[], None] | None = None
        self._ahead: WriteAhead | None = None
        self._refusal: Callable[[], Exception] | None = None
        self._thread_lock = threading.Lock()
        self._read_until = 0
        self._count = 0
        self._crashable = False

    def append(self, event: str, /, **fields: object) -> Event:
        """Write one event durably and return it.

        Args:
            event: Name of the event, for example ``action.intent``.
            fields: Plain values; times, paths and enums are written as text.

        Raises:
            OSError: the event could not be written.
            SecretInPlan: the event is a plan that holds a secret.
            TypeError: a field has a type that a journal cannot hold.
            LeitstandError: an action is announced, and what `mirror` was given, or then the guard,
                does not let it begin; or the journal is closed.
        """
        self._check_open()
        if self._calls is not None and (calls := self._calls()):
            fields["api_calls"] = calls
        redactor = self._redactor()
        masked = {name: item.value for name, item in fields.items() if isinstance(item, Masked)}
        if redactor is not None:
            rest = {name: item for name, item in fields.items() if name not in masked}
            fields = dict.fromkeys(fields) | redacted_fields(redactor, event, rest)
        fields = {**fields, **masked}
        with self._thread_lock:
            descriptor = os.open(
                self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                self._close_torn_line(descriptor)
                self._catch_up(descriptor)
                written = self._write(descriptor, event, fields)
            finally:
                os.close(descriptor)
        self._crash_if_asked(written)
        # Sending takes time, in which somebody may have taken the locks.
        if self._ahead is not None and self._ahead.written(event):
            self.permit()
        return written

    def carry(self, calls: Callable[[], list[dict[str, str]]]) -> None:
        """From now on add the calls of APIs that this returns to the next event, if there are any.

        Args:
            calls: Returns those since it was asked last.
        """
        self._calls = calls

    def guard(self, permit: Callable[[], None]) -> None:
        """From now on let this decide whether another action may begin; it raises where not."""
        self._permit = permit

    def mirror(self, ahead: "WriteAhead") -> None:
        """From now on have what is written sent to a store, an action's intent before it begins."""
        self._ahead = ahead

    def permit(self) -> None:
        """Ask the guard; whoever is about to change something does so first."""
        self._check_open()
        if self._permit is not None:
            self._permit()

    @property
    def closed(self) -> bool:
        """Whether it is closed in this process."""
        return self._refusal is not None

    def close(self, refusal: Callable[[], Exception]) -> None:
        """From now on write nothing and permit nothing: raise what this returns instead."""
        self._refusal = refusal

    def events(self) -> list[Event]:
        """Return all whole events, oldest first. Read-only."""
        return list(self)

    def _redactor(self) -> "RunRedactor | None":
        if self._made is None and self._make_redactor is not None:
            self._made = self._make_redactor()
        return self._made

    def _check_open(self) -> None:
        if self._refusal is not None:
            raise self._refusal()

    def __iter__(self) -> Iterator[Event]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        for line in content.split(b"\n"):
            event = _decode(line)
            if event is not None:
                yield event

    def _close_torn_line(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            _write_all(descriptor, b"\n")

    def _catch_up(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        if size < self._read_until:
            self._read_until = self._count = 0
        while self._read_until < size:
            chunk = os.pread(descriptor, size - self._read_until, self._read_until)
            if not chunk:
                break
            end = chunk.rfind(b"\n") + 1
            for line in chunk[:end].split(b"\n"):
                event = _decode(line)
                if event is not None:
                    self._note(event)
            self._read_until += end
            if not end:
                break

    def _note(self, event: Event) -> None:
        self._count += 1
        if names_people(event) and (redactor := self._redactor()) is not None:
            show_people(redactor, event)
        if event.get("event") == "run.started":
            self._crashable = event.get("env") == "sandbox"

    def _write(self, descriptor: int, event: str, fields: Mapping[str, object]) -> Event:
        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        record: Event = {"seq": self._count + 1, "at": at, "event": event, **fields}
        line = _encode(record)
        _write_all(descriptor, line)
        os.fsync(descriptor)
        self._read_until += len(line)
        self._note(record)
        return record

    def _crash_if_asked(self, written: Event) -> None:
        wanted = os.environ.get("LEITSTAND_CRASH_AFTER")
        if wanted and self._crashable and wanted == str(written["seq"]):
            os.kill(os.getpid(), signal.SIGKILL)


class Follower:
    """Reads a journal that grows, each event once. Read-only.

    Args:
        path: Of the journal; it may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_until = 0

    def events(self) -> list[Event]:
        """Return the whole events that were written since the last call, oldest first."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_until)
                content = file.read()
        except FileNotFoundError:
            return []
        end = content.rfind(b"\n") + 1
        self._read_until += end
        found = (_decode(line) for line in content[:end].split(b"\n"))
        return [event for event in found if event is not None]


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _encode(record: Event) -> bytes:
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, default=plain_value)
    except ValueError:
        finite = _finite(record)
        text = json.dumps(finite, ensure_ascii=False, allow_nan=False, default=plain_value)
    # A lone surrogate becomes its JSON escape, so that the line stays valid UTF-8 and JSON.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _decode(line: bytes) -> Event | None:
    if not line.strip():
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _finite(value: object) -> object:
    """Replace numbers that JSON does not know by None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
