"""What runs inside the kernel process of a run: IPython's kernel, bound to the runner's life.

The kernel ignores the operator's IPython profile and history, and it ends at once when the runner
is gone, however that happened.
"""

import atexit
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipykernel.kernelapp import IPKernelApp

__all__ = ["main"]


def main() -> None:
    """Serve the kernel until it is shut down.

    The arguments of the process are the connection file and the lifeline's descriptor.
    """
    connection_file, lifeline = sys.argv[1], int(sys.argv[2])
    os.set_inheritable(lifeline, False)
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
    app.start()  # type: ignore[no-untyped-call]  # ipykernel is untyped
    _leave(app)


def _leave(app: "IPKernelApp") -> None:
    """Run what cells registered for the end, then end without ipykernel's own closing.

    That one joins a thread which waits up to ten seconds for a flush of a thread that it has
    stopped already. The operating system closes the sockets.
    """
    atexit.unregister(app.close)
    atexit._run_exitfuncs()
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
