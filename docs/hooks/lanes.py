"""Several things done at once while the site is built; a signal ends them all."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

__all__ = ["at_once"]

STOPS = (signal.SIGTERM, signal.SIGHUP)

Result = TypeVar("Result")


def at_once(lanes: Sequence[Callable[[], Result]], stopped: threading.Event) -> list[Result]:
    """Call all at once, each in a thread, and return what they returned.

    Args:
        lanes: What is called.
        stopped: Set when all are to end; each looks at it now and then.

    Raises:
        KeyboardInterrupt: on Ctrl-C, SIGTERM or SIGHUP, once all have ended.
    """
    with _interruptible(), ThreadPoolExecutor(max(1, len(lanes))) as executor:
        try:
            futures = [executor.submit(lane) for lane in lanes]
            while wait(futures, timeout=0.5).not_done:
                pass  # short, so that a signal is heard
        except BaseException:
            stopped.set()
            raise
    return [future.result() for future in futures]


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turn the signals that end a process into KeyboardInterrupt; in the main thread only."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, interrupt) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
