"""The client that sends a run's cells to its kernel and puts an end to both."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty
from typing import Any, Final

from jupyter_client.asynchronous.client import AsyncKernelClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode, v4
from papermill.clientwrap import PapermillNotebookClient

from leitstand.notebook.kernel import KernelNotStarted
from leitstand.notebook.managed_run import Failure, FailureKind, ManagedRun
from leitstand.notebook.manager import RunManager
from leitstand.notebook.progress import read_progress

__all__ = ["RunClient"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TIME_TO_STOP: Final = 60.0
_TIME_TO_END: Final = 10.0


class RunClient(PapermillNotebookClient):  # type: ignore[misc]  # papermill is untyped
    """Executes the cells of one run.

    The first Ctrl-C (or SIGTERM, SIGHUP) interrupts the running cell once and gives it 60 seconds
    to put things right; a second one, or the deadline, kills the kernel.

    Attributes:
        run: The run; its failure is set when a cell did not succeed.
    """

    def __init__(self, manager: RunManager, run: ManagedRun, **options: Any) -> None:
        super().__init__(manager, kernel_name="python3", iopub_timeout=60, **options)
        self.run = run
        self.stops = 0
        self._client: AsyncKernelClient | None = None
        self._in_cell = False
        self._killed = False

    def execute(self, **_: object) -> NotebookNode:
        """Execute all cells, or those up to the first that fails."""
        self.reset_execution_trackers()
        run_sync(self._execute)()
        executed: NotebookNode = self.nb
        return executed

    async def _execute(self) -> None:
        with self._signals():
            try:
                await self._connect()
                for index, cell in enumerate(self.nb.cells):
                    if not await self._run_cell(cell, index):
                        break
                self.set_widgets_metadata()
            finally:
                await self._disconnect()

    async def _run_cell(self, cell: NotebookNode, index: int) -> bool:
        """Execute a cell and return whether the next one may follow."""
        manager: RunManager = self.nb_man
        if self.stops:
            failure = self._failure("interrupted", index, "KeyboardInterrupt")
            manager.cell_failed(cell, index, failure)
            return False
        manager.cell_start(cell, index)
        failed: Failure | None = None
        try:
            await self.async_execute_cell(cell, index)
        except CellExecutionError as error:
            failed = self._failure("error", index, error.ename, error.evalue)
            if error.ename == "KeyboardInterrupt":
                failed = replace(failed, kind="interrupted")
        except (CellTimeoutError, TimeoutError) as error:
            self.run.kernel.kill()
            failed = self._failure("killed", index, "TimeoutError", str(error))
            _show(cell, failed, "Die Zelle hat ihre Frist überschritten.")
        except DeadKernelError:
            failed = self._failure(self._death(), index, "DeadKernelError")
            _show(cell, failed, _DEATHS[failed.kind])
        finally:
            self._in_cell = False
        if failed is not None:
            manager.cell_failed(cell, index, failed)
        manager.cell_complete(cell, index)
        return failed is None

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Take note of a message of the kernel; hand progress to the listener."""
        if msg["msg_type"] == "execute_input":
            self._in_cell = True
            if self.stops:
                self._interrupt_soon()
        elif msg["msg_type"] in {"display_data", "update_display_data"}:
            state = read_progress(msg["content"].get("data") or {})
            if state is not None:
                self.run.listener.progress(state)
        output: NotebookNode | None = super().process_message(msg, cell, cell_index)
        return output

    def _death(self) -> FailureKind:
        if self._killed:
            return "killed"
        return "killed_outside" if self.run.kernel.was_killed() else "died"

    def _failure(self, kind: FailureKind, index: int, error: str, text: str = "") -> Failure:
        manager: RunManager = self.nb_man
        return Failure(kind, manager.section(index), error, text)

    async def _connect(self) -> None:
        """Wait until the kernel answers on both channels.

        Raises:
            KernelNotStarted: it ended or did not answer in time.
        """
        client = AsyncKernelClient()
        client.load_connection_info(self.run.kernel.connection)
        client.start_channels(stdin=False, hb=False)
        self._client = client
        self.kc: AsyncKernelClient | None = client  # nbclient's own name for it
        deadline = time.monotonic() + self.startup_timeout
        while True:
            request = client.kernel_info()
            reply = await self._reply(client, request, 1.0)
            if reply is not None and await self._heard(client, request):
                self.nb.metadata["language_info"] = reply["content"]["language_info"]
                return
            if not self.run.kernel.alive() or time.monotonic() > deadline:
                raise KernelNotStarted(self.run.kernel.log_tail())

    async def _reply(
        self, client: AsyncKernelClient, request: str, timeout: float
    ) -> dict[str, Any] | None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self.run.kernel.alive():
            try:
                message: dict[str, Any] = await client.get_shell_msg(timeout=0.1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") == request:
                return message
        return None

    async def _heard(self, client: AsyncKernelClient, request: str) -> bool:
        """Return whether the kernel's broadcasts arrive."""
        try:
            while True:
                message = await client.get_iopub_msg(timeout=0.5)
                ours = message["parent_header"].get("msg_id") == request
                if ours and message["content"].get("execution_state") == "idle":
                    return True
        except Empty:
            return False

    async def _disconnect(self) -> None:
        """Let the kernel end; kill it when it does not."""
        client, kernel = self._client, self.run.kernel
        if client is None:
            return
        if kernel.alive() and not self._killed:
            client.shutdown()
            deadline = time.monotonic() + _TIME_TO_END
            while kernel.alive() and not self._killed and time.monotonic() < deadline:
                await asyncio.sleep(0.005)
        kernel.kill()
        client.stop_channels()
        client.context.destroy(linger=0)
        self.kc = self._client = None

    async def _async_check_alive(self) -> None:
        if not self.run.kernel.alive():
            raise DeadKernelError("Kernel died")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Handle the operator's signals while the kernel runs, in the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def _stop(self) -> None:
        self.stops += 1
        if self.stops > 1:
            self._kill()
            return
        self.run.listener.notice(
            "Der Lauf wird angehalten und bringt in Ordnung, was er begonnen hat. "
            "Drücken Sie noch einmal Strg-C, um ihn sofort zu beenden."
        )
        asyncio.get_running_loop().call_later(_TIME_TO_STOP, self._kill)
        if self._in_cell:
            self._interrupt_soon()

    def _interrupt_soon(self) -> None:
        # A moment later, since a signal before the cell's first statement would get lost.
        asyncio.get_running_loop().call_later(0.05, self.run.kernel.interrupt)

    def _kill(self) -> None:
        self._killed = True
        self.run.kernel.kill()


_DEATHS: Final[dict[FailureKind, str]] = {
    "died": "Der Python-Kernel ist während dieser Zelle abgestürzt.",
    "killed_outside": "Der Python-Kernel ist während dieser Zelle von außen beendet worden "
    "(SIGKILL), meist weil der Arbeitsspeicher nicht reichte.",
    "killed": "Der Lauf wurde während dieser Zelle beendet.",
}


def _show(cell: NotebookNode, failure: Failure, text: str) -> None:
    """Put an error into the cell that the kernel could not put there itself."""
    output = v4.new_output(  # type: ignore[no-untyped-call]  # nbformat is untyped
        "error", ename=failure.error, evalue=text, traceback=[text]
    )
    cell.outputs.append(output)
