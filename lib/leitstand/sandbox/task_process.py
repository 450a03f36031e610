"""One attempt of a task: a process with a deadline, in a process group of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from leitstand.sandbox.containers import Process, Spawn, pump
from leitstand.sandbox.job_log import JobLog

__all__ = ["Outcome", "TaskProcess"]

_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        code: Exit code, or None where a signal ended the process.
        signal: Number of that signal, or 0.
        timed_out: Whether the timeout was over.
        cancelled: Whether it was ended on request.
    """

    code: int | None
    signal: int = 0
    timed_out: bool = False
    cancelled: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the container exited with 0 by itself."""
        return self.code == 0 and not self.timed_out and not self.cancelled


class TaskProcess:
    """Runs one command once.

    Args:
        command: Program and arguments.
        environment: All its variables.
        timeout: Seconds until it is ended.
        grace: Seconds between SIGTERM and SIGKILL.
        log: Where its lines go.
        spawn: Starts the process.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        timeout: float,
        grace: float,
        log: JobLog,
        spawn: Spawn,
    ) -> None:
        self._command = command
        self._environment = environment
        self._timeout = timeout
        self._grace = grace
        self._log = log
        self._spawn = spawn
        self._process: Process | None = None
        self._cancelled = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Id of the process group, or None before the start."""
        return self._process.pid if self._process else None

    def cancel(self) -> None:
        """Have the process ended: SIGTERM, after the grace SIGKILL; `run` then returns."""
        self._cancelled.set()

    async def run(self) -> Outcome:
        """Start the process and return when it and everything it started are gone."""
        process = await self._spawn(self._command, self._environment)
        self._process = process
        ended = asyncio.ensure_future(_ended(process))
        cancelled = asyncio.ensure_future(self._cancelled.wait())
        pumps = [
            asyncio.create_task(pump(process.stdout, partial(self._log.line, "stdout"))),
            asyncio.create_task(pump(process.stderr, partial(self._log.line, "stderr"))),
        ]
        try:
            await asyncio.wait(
                {ended, cancelled}, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED
            )
            timed_out = not ended.done() and not cancelled.done()
            stopped = not ended.done() and cancelled.done()
            if not ended.done():
                self._signal(signal.SIGTERM)
                await asyncio.wait({ended}, timeout=self._grace)
        finally:
            cancelled.cancel()
            # The group too: whatever the container started itself must not outlive it.
            self._signal(signal.SIGKILL)
            await asyncio.shield(ended)
            await self._drain(pumps)
        status = ended.result()
        if status < 0:
            return Outcome(None, -status, timed_out, stopped)
        return Outcome(status, 0, timed_out, stopped)

    async def _drain(self, pumps: Sequence[asyncio.Task[None]]) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
        _, unfinished = await asyncio.wait(pumps, timeout=1.0)
        for task in unfinished:
            task.cancel()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


async def _ended(process: Process) -> int:
    """Wait for the process alone: `Process.wait` also waits for whoever else holds its pipes."""
    while process.returncode is None:
        await asyncio.sleep(_POLL_SECONDS)
    return process.returncode
