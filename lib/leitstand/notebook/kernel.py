"""The kernel process of a run: started before anything heavy is imported, gone at the end.

It talks over Unix sockets in a private directory, so no port is opened, and it runs in the
interpreter of the runner, whatever kernel specifications this machine has.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leitstand.configuration import parsed_files
from leitstand.core.errors import RunFailed
from leitstand.notebook.kernel_log import KernelLog
from leitstand.notebook.kernel_process import inherited, take
from leitstand.notebook.kernel_standby import KernelProcess, Order, Standby
from leitstand.notebook.run_directory import RUN_VARIABLE, RunDirectory

if TYPE_CHECKING:
    import psutil
    from jupyter_client.connect import KernelConnectionInfo

__all__ = ["Kernel", "KernelNotStarted", "start_kernel"]

_LONGEST_SOCKET_PATH = 100


class KernelNotStarted(RunFailed):
    """The kernel ended or stayed silent before the first cell.

    Attributes:
        log: Last lines of what it wrote.
    """

    def __init__(self, log: str) -> None:
        last = log.strip().splitlines()[-1:] or ["ohne Meldung"]
        super().__init__(
            f"Der Python-Kernel ist nicht gestartet: {last[0].strip()}.",
            "Führen Sie leitstand doctor aus, und starten Sie das Runbook erneut.",
        )
        self.log = log


@dataclass(frozen=True)
class Kernel:
    """A started kernel process.

    Attributes:
        process: The process; it leads a session of its own.
        connection: Transport, addresses and key, as in a Jupyter connection file.
        directory: Private directory of its sockets and settings; removed by `close`.
        run: Directory of the run, by which its descendants are found.
        log: What it and its children wrote past the notebook; removed by `close` when empty.
        lifeline: Socket whose other end the kernel watches; it ends when this closes.
        writer: Masks what goes into the log.
    """

    process: KernelProcess
    connection: "KernelConnectionInfo"
    directory: Path
    run: Path
    log: Path
    lifeline: socket.socket
    writer: KernelLog

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self.process.poll() is None

    def was_killed(self) -> bool:
        """Return whether SIGKILL ended the process, as the system does when memory runs out."""
        return self.process.poll() == -signal.SIGKILL

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the running cell; children are left alone."""
        if self.alive():
            os.kill(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End the process at once."""
        if self.alive():
            os.kill(self.process.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> bool:
        """Return whether the process ended within the time, in seconds."""
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.005)
        return True

    def log_tail(self, size: int = 4000) -> str:
        """Return the end of what the kernel wrote past the notebook."""
        if not self.alive():
            self.writer.settle()
        try:
            return self.log.read_bytes()[-size:].decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def close(self, grace: float = 15.0) -> None:
        """End the process and everything that it started, and remove its directory.

        Args:
            grace: Seconds that descendants get to end by themselves once the kernel is gone.
        """
        self.kill()
        self.process.wait()
        self.lifeline.close()
        _end_descendants(self.process.pid, self.run, grace)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.writer.close()
        if not self.log_tail(1):
            self.log.unlink(missing_ok=True)


def start_kernel(
    run: RunDirectory, cwd: Path, environment: Mapping[str, str], imports: Sequence[str] = ()
) -> Kernel:
    """Start a kernel for a run and return at once; it is not ready yet.

    Args:
        run: The run; the kernel finds its directory in ``LEITSTAND_RUN``.
        cwd: Working directory of the kernel.
        environment: Variables to set besides the ones of this process.
        imports: Statements that it executes before its first cell, while the runner imports too.
    """
    standby = Standby(*take())
    directory = run.path / "kernel"
    if len(str(directory)) > _LONGEST_SOCKET_PATH:
        directory = Path(tempfile.mkdtemp(prefix="leitstand-"))
    else:
        directory.mkdir(mode=0o700, exist_ok=True)
    connection: KernelConnectionInfo = {
        "transport": "ipc",
        "ip": str(directory / "k"),
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
        "shell_port": 1,
        "iopub_port": 2,
        "stdin_port": 3,
        "control_port": 4,
        "hb_port": 5,
    }
    file = directory / "connection.json"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        json.dump(connection, opened)
    log = run.path / "kernel.log"
    writer = KernelLog(log, run.redactor)
    variables = _environment(run, directory, environment)
    order = Order(str(file), str(cwd), variables, tuple(imports), parsed_files())
    standby.send(order, [writer.output, writer.values])
    writer.start()
    return Kernel(standby.process, connection, directory, run.path, log, standby.line, writer)


def _environment(run: RunDirectory, directory: Path, extra: Mapping[str, str]) -> dict[str, str]:
    ipython = str(directory / "ipython")
    return {**inherited(), **extra, "IPYTHONDIR": ipython, RUN_VARIABLE: str(run.path)}


def _end_descendants(session: int, run: Path, grace: float) -> None:
    """End every process of the kernel's session or with its run in the environment."""
    found = _descendants(session, run)
    if not found:
        return
    import psutil

    _, left = psutil.wait_procs(found, timeout=grace)
    for process in left:
        _tolerant(process.terminate)
    _, left = psutil.wait_procs(left, timeout=3.0)
    for process in {*left, *_descendants(session, run)}:
        _tolerant(process.kill)


def _descendants(session: int, run: Path) -> list["psutil.Process"]:
    import psutil

    own, found = os.getpid(), []
    for process in psutil.process_iter():
        if process.pid == own:
            continue
        try:
            belongs = os.getsid(process.pid) == session
            belongs = belongs or process.environ().get(RUN_VARIABLE) == str(run)
        except (OSError, psutil.Error):
            continue
        if belongs and process.is_running():
            found.append(process)
    return found


def _tolerant(act: Callable[[], object]) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        act()
