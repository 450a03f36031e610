"""Visits of the application, hosted by the supervisor: they end with it, and outlive a command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from leitstand.sandbox.visitors import Orders

__all__ = ["Visits", "VisitsUnderWay"]

_LINE = 16 * 1024 * 1024
_REPORT_SECONDS = 2.0


class VisitsUnderWay(ValueError):
    """There are visitors already."""

    def __init__(self) -> None:
        super().__init__("There are visitors already.")


class Visits:
    """The visitors of one sandbox, a child process of its own (visitors.py).

    Args:
        target: Gives the address of the front door.
    """

    def __init__(self, target: Callable[[], str]) -> None:
        self._target = target
        self._process: asyncio.subprocess.Process | None = None
        self._newest: dict[str, Any] = {}
        self._owed = 0
        self._lock = asyncio.Lock()

    def commands(self) -> dict[tuple[str, str], Callable[[Any], Awaitable[Any]]]:
        """What the control endpoint offers: POST begins, GET reports, DELETE ends."""
        return {
            ("POST", "/visits"): self.start,
            ("GET", "/visits"): self.report,
            ("DELETE", "/visits"): self.stop,
        }

    async def start(self, body: Any) -> dict[str, Any]:
        """Let visitors come.

        Args:
            body: Orders without their `target`.

        Raises:
            VisitsUnderWay: There are some already.
            BadOrders: That cannot be carried out.
        """
        given = body if isinstance(body, dict) else {"": body}
        content = {**given, "target": self._target()}
        Orders.from_json(content)
        async with self._lock:
            if self._runs():
                raise VisitsUnderWay
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "leitstand.sandbox.visitors"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LINE,
                start_new_session=True,
            )
            self._newest, self._owed = {}, 0
            await self._tell(json.dumps(content))
        return await self.report()

    async def report(self, _: Any = None) -> dict[str, Any]:
        """The newest figures of visitors.py, and whether they still come (`running`).

        After their end those of the end; empty figures where nobody ever came.
        """
        async with self._lock:
            if self._runs():
                await self._ask()
            return {"running": self._runs(), **self._newest}

    async def stop(self, _: Any = None) -> dict[str, Any]:
        """Let no more come, and give the final figures; nothing happens where nobody comes.

        Does not wait for answers longer than a moment: what hangs is counted as under way.
        """
        async with self._lock:
            await self._end(_REPORT_SECONDS)
            return {"running": False, **self._newest}

    async def close(self) -> None:
        """End them at once."""
        async with self._lock:
            await self._end(0.0)

    def _runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def _ask(self) -> None:
        """Ask for figures, and take all that are owed; those that come too late the next time."""
        self._owed += 1
        await self._tell("report")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REPORT_SECONDS):
                while self._owed and await self._read():
                    self._owed -= 1

    async def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    async def _read(self) -> bool:
        """Take one line of figures; False at the end, also where it is cut off."""
        assert self._process is not None
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):
            line = await self._process.stdout.readline()
            if line:
                self._newest = json.loads(line)
            return bool(line)
        return False

    async def _end(self, patience: float) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None and patience:
            # Figures first: the last ones come only when nothing is under way any more.
            await self._ask()
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while await self._read():
                    pass
                await process.wait()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self._process = None
