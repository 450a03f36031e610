"""The process of a kernel, started before anybody knows which run it will serve.

It imports what every kernel needs while its runner still imports and reads what it was asked to do.
This module imports next to nothing, since a run shows nothing before its kernel has come so far.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from leitstand.notebook.kernel_standby import KernelProcess

__all__ = ["KEY_VARIABLE", "dismiss", "fork", "inherited", "prepare", "start", "take"]

KEY_VARIABLE: Final = "LEITSTAND_RECORD_KEY"
"""Holds the key that seals records where no file does; the runner seals, and nothing else."""

_waiting: Final[list[tuple["KernelProcess", socket.socket]]] = []


def inherited() -> dict[str, str]:
    """Return the variables of this process that its kernels get."""
    environment = {**os.environ, "JPY_PARENT_PID": str(os.getpid())}
    for name in ("PYTHONSTARTUP", KEY_VARIABLE):
        environment.pop(name, None)
    return environment


def start() -> tuple["KernelProcess", socket.socket]:
    """Start a process that waits for its order; return it with the runner's end of the line.

    It leads a session of its own, and ends when the line closes.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        # The directory that the operator happens to be in must not shadow libraries (-P).
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "leitstand.notebook.kernel_main", str(theirs.fileno())],
            env=inherited(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None,  # until the order: why it does not even start is worth reading
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return process, ours


def fork() -> tuple["KernelProcess", socket.socket]:
    """Do what `start` does without another interpreter to start: the kernel is a copy of this one.

    For a process without threads which has imported nothing that a kernel must not have. What the
    operating system shows of its environment stays that of this process.
    """
    ours, theirs = socket.socketpair()
    # The operator's Ctrl-C is for the runner, also as long as the kernel is in its session.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        pid = os.fork()
        if pid == 0:
            ours.close()
            _become_kernel(theirs, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return _Forked(pid), ours


def prepare() -> None:
    """Start the process for the next run of this process, where that is possible.

    A process without threads forks, unless a secret stands in its environment. On other systems
    than Linux a fork must not use much of the system (docs.python.org, multiprocessing: on macOS it
    is unsafe).
    """
    if _waiting:
        return
    alone = threading.active_count() == 1 and not os.environ.get(KEY_VARIABLE)
    with suppress(OSError):  # `take` tries again, where what is wrong can be told
        _waiting.append(fork() if alone and sys.platform == "linux" else start())


def take() -> tuple["KernelProcess", socket.socket]:
    """Return the process that was prepared and still lives, or start one.

    Raises:
        OSError: it cannot be started.
    """
    while _waiting:
        process, line = _waiting.pop()
        if process.poll() is None:
            return process, line
        line.close()
    return start()


def dismiss() -> None:
    """End the process that was prepared and not needed."""
    while _waiting:
        process, line = _waiting.pop()
        line.close()
        process.send_signal(signal.SIGKILL)
        process.wait()


class _Forked:
    """A process that was forked here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        return self._code if self._code is not None else self._waited(os.WNOHANG)

    def wait(self) -> int:
        code = self._code if self._code is not None else self._waited(0)
        assert code is not None
        return code

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _waited(self, options: int) -> int | None:
        try:
            pid, status = os.waitpid(self.pid, options)
        except ChildProcessError:  # whoever started us ignores the ends of children
            pid, status = self.pid, 0
        if pid:
            self._code = os.waitstatus_to_exitcode(status)
        return self._code


def _become_kernel(line: socket.socket, mask: set[int | signal.Signals]) -> NoReturn:
    """In the fork: keep what `start` gives its process, and nothing else; then serve and end."""
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1):
            os.dup2(nothing, number)
        for number in map(int, os.listdir("/dev/fd")):
            if number > 2 and number != line.fileno():
                with suppress(OSError):  # that of the list itself
                    os.close(number)
        if not sys.flags.safe_path:
            del sys.path[0]
        from leitstand.notebook.kernel_main import serve

        serve(line)
    except BaseException:  # noqa: BLE001  # as the interpreter itself would
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)
