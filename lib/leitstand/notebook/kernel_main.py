"""What runs inside the kernel process of a run: IPython's kernel, bound to the runner's life.

Secrets are masked in all that it sends, and the runner is told which values it read.
The kernel ignores the operator's IPython profile and history, and it ends at once when the runner
is gone, however that happened.
"""

import atexit
import os
import shutil
import signal
import socket
import sys
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from leitstand.configuration import build_checks, learn_parsed
from leitstand.notebook.imports import import_lightly
from leitstand.notebook.kernel_log import tell_runner
from leitstand.notebook.kernel_redaction import redact_kernel
from leitstand.notebook.kernel_standby import Order, become, receive
from leitstand.notebook.run_directory import RUN_VARIABLE, RunDirectory, journal_masked

if TYPE_CHECKING:
    from ipykernel.kernelapp import IPKernelApp

__all__ = ["EARLY", "PROCESS_NAME", "main", "serve"]

PROCESS_NAME: Final = "runbook-kernel"
"""What Linux shows as the name of a kernel's process; at most 15 characters."""

EARLY: Final = ("ipykernel.kernelapp", "ipykernel.zmqshell", "leitstand.notebook.opening")
"""What a kernel needs in any case, as long as no order has come."""


def main() -> None:
    """Serve the kernel; the argument of the process is the descriptor of the line to the runner."""
    serve(socket.socket(fileno=int(sys.argv[1])))


def serve(line: socket.socket) -> None:
    """Serve a kernel until it is shut down; then the process ends.

    Args:
        line: To the runner, which sends the order over it.
    """
    line.set_inheritable(False)
    del sys.argv[1:]  # they were for whoever started this
    with suppress(OSError):  # other systems name no process
        Path("/proc/self/comm").write_text(PROCESS_NAME, "utf-8")
    orders: SimpleQueue[tuple[Order, list[int]]] = SimpleQueue()
    threading.Thread(target=_listen, args=(line, orders), daemon=True).start()
    import_lightly()
    # Until a cell runs there is nothing to interrupt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A run is not debugged step by step, and the debugger takes long to import.
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # makes its import fail
    for module in EARLY:
        if orders.empty():
            with suppress(Exception):  # it is imported again, where what is wrong can be told
                import_module(module)
    order, (output, values) = orders.get()
    for shown in (1, 2):
        os.dup2(output, shown)
    os.close(output)
    os.set_inheritable(values, False)
    become(order)
    learn_parsed(order.parsed)
    _serve(order, values)


def _serve(order: Order, values: int) -> None:
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize(  # type: ignore[no-untyped-call]  # ipykernel is untyped
        [
            "-f",
            order.connection,
            "--HistoryManager.enabled=False",
            "--IPKernelApp.exec_PYTHONSTARTUP=False",
        ]
    )
    run = RunDirectory(Path(order.environment[RUN_VARIABLE]))
    tell_runner(run.redactor, values)
    redaction = redact_kernel(app.session, run.redactor)
    for statement in order.imports:
        with suppress(Exception):  # the cell that imports it says what is wrong
            exec(statement, {})
    if order.imports:  # a runbook will read its environment; the runner is not ready yet
        build_checks()
    app.start()  # type: ignore[no-untyped-call]  # ipykernel is untyped
    redaction.flush()
    _leave(app, run)


def _leave(app: "IPKernelApp", run: RunDirectory) -> None:
    """Run what cells registered for the end, journal what was masked, and end.

    ipykernel's own closing is left out: it joins a thread which waits up to ten seconds for a
    flush of a thread that it has stopped already. The operating system closes the sockets.
    """
    atexit.unregister(app.close)
    atexit._run_exitfuncs()
    with suppress(OSError):  # a full disk must not keep the process
        journal_masked(run)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(0)


def _listen(line: socket.socket, orders: "SimpleQueue[tuple[Order, list[int]]]") -> None:
    """Hand the order on and wait for the end of the line, then tidy up and end."""
    try:
        received = receive(line)
        if received is not None:
            orders.put(received)
            with suppress(OSError):
                while line.recv(1):
                    pass
            shutil.rmtree(Path(received[0].connection).parent, ignore_errors=True)
    finally:  # whatever happened: without this thread nobody would end the process
        os._exit(1)


if __name__ == "__main__":
    main()
