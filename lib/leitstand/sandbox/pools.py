"""The instances of one revision: kept at a minimum, scaled by requests, drained before they end."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque

from leitstand.sandbox.instances import Instance, InstanceFailed, RevisionSpec
from leitstand.sandbox.limits import Limits
from leitstand.sandbox.revision_log import RevisionLog

__all__ = ["Limits", "Overloaded", "Pool", "Unavailable"]

log = logging.getLogger(__name__)

_RESTARTS = 5
_RESTART_WINDOW = 60.0


class Overloaded(Exception):
    """All instances are busy, no more are allowed, and the queue was too slow (HTTP 429)."""


class Unavailable(Exception):
    """No instance could be started for this request (HTTP 503)."""


class Pool:
    """The running instances of one revision; belongs to one event loop.

    Attributes:
        spec: What the instances are started from.
        minimum: Instances that are kept even without requests.
        maximum: Instances that are never exceeded.
    """

    def __init__(self, spec: RevisionSpec, log: RevisionLog, limits: Limits) -> None:
        self.spec = spec
        self.minimum = 0
        self.maximum = limits.instances
        self._log = log
        self._limits = limits
        self._ready: list[Instance] = []
        self._draining: dict[Instance, asyncio.Event] = {}
        self._starting: set[asyncio.Task[None]] = set()
        self._waiters: deque[asyncio.Future[Instance]] = deque()
        self._watchers: set[asyncio.Task[None]] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._crashes: deque[float] = deque(maxlen=_RESTARTS)
        self._turn = 0
        self._served = False
        self._tried = 0.0
        self._retired = False
        self._closed = False

    @property
    def ready(self) -> tuple[Instance, ...]:
        """The instances that take requests."""
        return tuple(self._ready)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of all its instances, draining ones included."""
        everyone = [*self._ready, *self._draining]
        return tuple(instance.pid for instance in everyone if instance.pid is not None)

    def limit(self, maximum: int) -> None:
        """Set the greatest number of instances; the sandbox's own limit holds as well.

        With 0 the service is switched off: requests are refused at once.
        """
        self.maximum = min(maximum, self._limits.instances)

    async def ensure(self, count: int, reason: str = "DEPLOYMENT_ROLLOUT") -> None:
        """Return when at least `count` instances are ready.

        Raises:
            InstanceFailed: One of those started for it did not become ready.
        """
        self._retired = False
        count = min(count, self._limits.instances)
        while len(self._ready) < count:
            for _ in range(count - len(self._ready) - len(self._starting)):
                self._launch(reason)
            done, _ = await asyncio.wait(set(self._starting))
            for task in done:
                task.result()

    async def acquire(self) -> Instance:
        """An instance with a free place for one request; give it back with `release`.

        Raises:
            Overloaded: The maximum is reached and no place became free in time.
            Unavailable: No instance could be started, or not in time; or none is allowed.
        """
        if self.maximum == 0:
            raise Unavailable
        if not self._waiters and (instance := self._free()):
            instance.in_flight += 1
            return instance
        waiter: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._scale_up()
        try:
            await asyncio.wait([waiter], timeout=self._limits.queue)
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise
        if waiter.done():
            return waiter.result()
        self._give_up(waiter)
        if len(self._ready) >= self.maximum:
            raise Overloaded
        raise Unavailable

    def release(self, instance: Instance) -> None:
        """Give back the place of one request."""
        instance.in_flight -= 1
        instance.idle_since = time.monotonic()
        if instance.in_flight == 0 and instance in self._draining:
            self._draining[instance].set()
        self._dispatch()

    def lost(self, instance: Instance) -> None:
        """Take out an instance that refused a connection; its end is noticed a moment later."""
        if instance in self._ready:
            self._ready.remove(instance)
            instance.kill()

    def revive(self) -> None:
        """Start again what the minimum lacks, a while after the last start or crash.

        What a container needs may be there again; one that never got ready is left alone.
        """
        missing = self.minimum > len(self._ready) + len(self._starting)
        rested = time.monotonic() - self._tried > self._limits.revival
        if missing and rested and self._served and not (self._retired or self._closed):
            self._top_up()

    async def shrink(self) -> None:
        """End instances above the minimum that had no request for a while."""
        before = time.monotonic() - self._limits.idle
        spare = len(self._ready) - self.minimum
        idle = [i for i in self._ready if i.in_flight == 0 and i.idle_since < before]
        await asyncio.gather(*(self._drain(instance) for instance in idle[: max(0, spare)]))

    async def reduce(self, count: int) -> None:
        """End instances beyond `count` now, the youngest first; returns when they are gone.

        One that answers requests is not waited for: it ends when it has answered them.
        """
        awaited = []
        for instance in self._ready[count:]:
            task = asyncio.create_task(self._drain(instance))
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)
            if not instance.in_flight:
                awaited.append(task)
        if awaited:
            await asyncio.wait(awaited)

    async def retire(self) -> None:
        """Answer what is under way or queued, then end every instance.

        Ends early when `ensure` is called meanwhile: the revision is wanted again.
        """
        self._retired, self.minimum = True, 0
        while self._retired and (self._ready or self._starting):
            if self._waiters or self._starting:
                await asyncio.sleep(0.02)
                continue
            await asyncio.gather(*(self._drain(instance) for instance in self.ready))

    async def close(self, grace: float) -> None:
        """End every instance now; whoever waits is refused."""
        self._closed = True
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        self._refuse_waiters()
        everyone = [*self._ready, *self._draining]
        self._ready.clear()
        await asyncio.gather(*(instance.stop(grace) for instance in everyone))
        await asyncio.gather(*self._watchers, *self._endings, return_exceptions=True)

    def _launch(self, reason: str) -> None:
        self._log.system("INFO", f"Starting new instance. Reason: {reason}")
        self._tried = time.monotonic()
        task = asyncio.create_task(self._start())
        self._starting.add(task)
        task.add_done_callback(self._started)

    async def _start(self) -> None:
        instance = Instance(self.spec, self._log)
        await instance.start()
        self._ready.append(instance)
        self._served = True
        watcher = asyncio.create_task(self._watch(instance))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        if not task.cancelled() and (error := task.exception()):
            if not isinstance(error, InstanceFailed):
                log.error("an instance of %s broke", self.spec.revision, exc_info=error)
            self._log.system("ERROR", str(error))
            if not self._ready and not self._starting:
                self._refuse_waiters()
        self._dispatch()

    async def _watch(self, instance: Instance) -> None:
        code = await instance.wait()
        if self._closed or instance in self._draining:
            return
        if instance in self._ready:
            self._ready.remove(instance)
        self._log.system("WARNING", f"Container called exit({code}).")
        await instance.stop(grace=0.0)
        now = time.monotonic()
        self._crashes.append(now)
        if len(self._crashes) == _RESTARTS and now - self._crashes[0] < _RESTART_WINDOW:
            self._log.system(
                "ERROR", "The container crashes repeatedly; it is not restarted at once."
            )
            return
        if not self._retired:
            self._top_up()
            self._scale_up()

    def _top_up(self) -> None:
        for _ in range(self.minimum - len(self._ready) - len(self._starting)):
            self._launch("AUTOSCALING")

    def _scale_up(self) -> None:
        if self._closed or not self._waiters:
            return
        load = len(self._waiters) + sum(instance.in_flight for instance in self._ready)
        wanted = min(math.ceil(load / self.spec.concurrency), self.maximum)
        for _ in range(wanted - len(self._ready) - len(self._starting)):
            self._launch("AUTOSCALING")

    def _free(self) -> Instance | None:
        """The ready instance with the fewest requests; among equals they take turns."""
        count = len(self._ready)
        if count == 0:
            return None
        self._turn = (self._turn + 1) % count
        order = self._ready[self._turn :] + self._ready[: self._turn]
        best = min(order, key=lambda instance: instance.in_flight)
        return best if best.in_flight < self.spec.concurrency else None

    def _dispatch(self) -> None:
        while self._waiters and (instance := self._free()):
            waiter = self._waiters.popleft()
            if not waiter.done():
                instance.in_flight += 1
                waiter.set_result(instance)

    def _give_up(self, waiter: asyncio.Future[Instance]) -> None:
        if waiter.done():
            if not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())
        else:
            waiter.cancel()
            self._waiters.remove(waiter)

    def _refuse_waiters(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable())

    async def _drain(self, instance: Instance) -> None:
        if instance not in self._ready:
            return
        self._ready.remove(instance)
        idle = self._draining[instance] = asyncio.Event()
        try:
            if instance.in_flight:
                try:
                    await asyncio.wait_for(idle.wait(), self.spec.timeout)
                except TimeoutError:
                    log.warning("an instance of %s is ended while it answers", self.spec.revision)
            await instance.stop(self._limits.grace)
        finally:
            del self._draining[instance]
