"""What a kernel and its children write past the notebook: masked on its way into the log.

A second pipe brings the values that the kernel read, so that the runner masks them too; they are
kept in memory only. A value comes before anything that shows it, and is read before it.
"""

import codecs
import json
import os
import select
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from leitstand.audit.run_redactor import LockedStream, RunRedactor

__all__ = ["KernelLog", "tell_runner"]

_PIECE: Final = 65_536
_MOST_BYTES: Final = 16 * 1024 * 1024
_TOO_MUCH: Final = "\n[… ab hier nicht aufgezeichnet: Der Kernel schrieb zu viel.]\n"
_MOMENT: Final = 0.5


def tell_runner(redactor: RunRedactor, descriptor: int) -> None:
    """In the kernel: hand every value that it reads to the runner, before anyone shows it.

    Each line says first whether the kernel itself knows the values: what a process that it forked
    has learnt, it does not know.
    """
    lock, kernel = threading.Lock(), os.getpid()

    def tell(values: Collection[str]) -> None:
        told = [os.getpid() == kernel, *values]
        content = memoryview(json.dumps(told).encode() + b"\n")
        with lock, suppress(BrokenPipeError):
            while content:
                content = content[os.write(descriptor, content) :]

    redactor.follow(tell)


class KernelLog:
    """Reads both pipes of a kernel in a thread of its own until nobody holds them any more.

    Attributes:
        output: Descriptor for the kernel's stdout and stderr.
        values: Descriptor for the values that it reads.

    Args:
        path: The log; it is made when there is something to write.
        redactor: Of the run.
    """

    def __init__(self, path: Path, redactor: RunRedactor) -> None:
        self._path = path
        self._redactor = redactor
        self._of_kernel = redactor.new_kernel()
        self._read_output, self.output = os.pipe()
        self._read_values, self.values = os.pipe()
        self._stop, self._stopped = os.pipe()
        os.set_blocking(self._read_values, False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: LockedStream = redactor.stream()
        self._waiting = b""
        self._learning = threading.Lock()
        self._written = 0
        self._thread = threading.Thread(target=self._follow, name="kernel-log", daemon=True)

    def start(self) -> None:
        """Close this process's ends for writing, and begin to read."""
        os.close(self.output)
        os.close(self.values)
        self._thread.start()

    def learn(self) -> None:
        """Learn what the kernel has told by now: all that it knew when it sent its last message."""
        if self._stopped >= 0:
            self._learn()

    def settle(self) -> None:
        """Wait a moment for the last words of a kernel that has ended."""
        self._thread.join(_MOMENT)

    def close(self) -> None:
        """Write what is there and stop reading, also when a process still holds the pipe."""
        if self._stopped < 0:
            return
        self._thread.join(_MOMENT)
        os.close(self._stopped)
        self._stopped = -1
        self._thread.join()
        for descriptor in (self._read_output, self._read_values, self._stop):
            os.close(descriptor)

    def _follow(self) -> None:
        try:
            sources = [self._read_output, self._read_values, self._stop]
            while True:
                ready, _, _ = select.select(sources, (), ())
                if self._learn() and self._read_values in sources:
                    sources.remove(self._read_values)
                if self._read_output in ready:
                    piece = os.read(self._read_output, _PIECE)
                    if not piece:
                        break
                    self._learn()
                    self._write(self._pieces.feed(self._decoder.decode(piece)))
                elif self._stop in ready:
                    break
        finally:
            self._write(self._pieces.feed(self._decoder.decode(b"", True)) + self._pieces.flush())

    def _learn(self) -> bool:
        """Learn the values that have come; return whether none will follow."""
        with self._learning:
            while True:
                try:
                    piece = os.read(self._read_values, _PIECE)
                except BlockingIOError:
                    return False
                if not piece:
                    return True
                *lines, self._waiting = (self._waiting + piece).split(b"\n")
                for line in lines:
                    self._learn_line(line)

    def _learn_line(self, line: bytes) -> None:
        """Learn the values of a line; one that no kernel has written is passed over."""
        try:
            told = json.loads(line)
        except ValueError:
            return
        if not isinstance(told, list) or not told:
            return
        of_kernel, *values = told
        self._redactor.learn(values)
        if of_kernel is True:
            self._of_kernel.update(values)

    def _write(self, text: str) -> None:
        if not text or self._written > _MOST_BYTES:
            return
        content = text.encode("utf-8", "backslashreplace")
        self._written += len(content)
        if self._written > _MOST_BYTES:
            content = _TOO_MUCH.encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with suppress(OSError):  # a full disk must not end the thread: the kernel would stand still
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, content)
            finally:
                os.close(descriptor)
