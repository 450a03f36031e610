"""What runs inside the kernel process of a run: IPython's kernel, bound to the runner's life.

Secrets are masked in all that it sends, and the runner is told which values it read.
The kernel ignores the operator's IPython profile and history, and it ends at once when the runner
is gone, however that happened.
"""

import atexit
import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from leitstand.notebook.kernel_log import tell_runner
from leitstand.notebook.kernel_redaction import redact_kernel
from leitstand.notebook.run_directory import RUN_VARIABLE, RunDirectory, journal_masked

if TYPE_CHECKING:
    from ipykernel.kernelapp import IPKernelApp

__all__ = ["main"]


def main() -> None:
    """Serve the kernel until it is shut down.

    The arguments of the process are the connection file, the descriptors of the lifeline and of
    the pipe for values, and statements that import what cells will.
    """
    connection_file, lifeline, values = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.set_inheritable(lifeline, False)
    os.set_inheritable(values, False)
    watch = threading.Thread(
        target=_end_with_runner, args=(lifeline, Path(connection_file).parent), daemon=True
    )
    watch.start()
    # From here until a cell runs there is nothing to interrupt.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    from ipykernel.kernelapp import IPKernelApp

    # A run is not debugged step by step, and the debugger takes long to import.
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # makes its import fail
    app = IPKernelApp.instance()
    app.initialize(  # type: ignore[no-untyped-call]  # ipykernel is untyped
        [
            "-f",
            connection_file,
            "--HistoryManager.enabled=False",
            "--IPKernelApp.exec_PYTHONSTARTUP=False",
        ]
    )
    run = RunDirectory(Path(os.environ[RUN_VARIABLE]))
    tell_runner(run.redactor, values)
    redaction = redact_kernel(app.session, run.redactor)
    for statement in sys.argv[4:]:
        with suppress(Exception):  # the cell that imports it says what is wrong
            exec(statement, {})
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


def _end_with_runner(lifeline: int, directory: Path) -> None:
    """Wait for the end of the pipe that the runner holds open, then tidy up and end."""
    while os.read(lifeline, 1):
        pass
    shutil.rmtree(directory, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main()
