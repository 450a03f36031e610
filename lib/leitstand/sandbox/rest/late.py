"""The REST side as the supervisor holds it: loaded when it is first asked, or has resources.

A sandbox that nobody provisions must not wait for it to be imported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from leitstand.sandbox.addresses import Addresses
from leitstand.sandbox.balancer import Backend
from leitstand.sandbox.monitoring import Monitoring
from leitstand.sandbox.rest.apis import VERSIONS, counts
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.store import Store

if TYPE_CHECKING:
    from leitstand.sandbox.rest.engine import Engine
    from leitstand.sandbox.rest.scheduler.jobs import Jobs as Scheduler

__all__ = ["LateRest"]

SCHEDULER = ("cloudscheduler", "projects.locations.jobs")


class LateRest:
    """Serves the REST APIs from the first moment they are needed.

    Args:
        store: Where resources are kept.
        directory: Of the sandbox.
        seed: The sandbox's seed; its projects and location count, and with `apis_disabled` its
            project begins with its APIs disabled, as a new one does.
        balance: Tells the front door what the load balancer does.
        listen: Has a listener told of every log entry.
        monitoring: What alert policies look at.
        addresses: The sandbox's ports.
    """

    def __init__(
        self,
        store: Store,
        directory: Path,
        seed: Mapping[str, Any],
        balance: Callable[[Mapping[str, Backend]], None],
        listen: Callable[[Callable[[Mapping[str, Any]], None]], None],
        monitoring: Monitoring,
        addresses: Addresses,
    ) -> None:
        self._store = store
        self._directory = directory
        self._seed = seed
        self._balance = balance
        self._listen = listen
        self._monitoring = monitoring
        self._addresses = addresses
        self._rpc: Rpc | None = None
        self._engine: Engine | None = None

    def attach(self, rpc: Rpc) -> None:
        """Use the methods, faults and log of that server; must be called before anything else."""
        self._rpc = rpc

    async def start(self) -> None:
        """Bring back what is behind the stored resources, where there are some."""
        if self._store.sizes("rest"):
            await self._loaded().start()

    async def halt(self) -> None:
        """End the work under way, and begin no more; what is behind the resources goes on."""
        if self._engine is not None:
            await self._engine.halt()

    async def close(self) -> None:
        """Halt, and end what is behind the resources."""
        if self._engine is not None:
            await self._engine.close()

    def serves(self, api: str) -> bool:
        """Whether there is an API of that name."""
        return api in VERSIONS

    def paths(self) -> tuple[str, ...]:
        """All methods as faults name them ("/compute/networks/insert"); loads every document."""
        return self._loaded().paths()

    def status(self) -> Mapping[str, int]:
        """How many resources each collection has, by "compute.networks"."""
        return counts(self._store)

    async def answer(
        self,
        http: str,
        api: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: bytes,
        if_match: str = "",
    ) -> dict[str, Any] | None:
        """The JSON of the answer to a request; None where the method has none.

        Args:
            http: The HTTP method.
            api: Name of the API.
            path: Below the API's root, percent-encoded, without a leading "/".
            query: Names and values, decoded.
            body: As it came.
            if_match: The header If-Match, or "".

        Raises:
            ApiError: What the client sees.
        """
        engine = await self._loading()
        from leitstand.sandbox.rest.engine import Request

        return await engine.answer(Request(http, api, path, query, body, if_match))

    async def clock(self, _: object = None) -> dict[str, Any]:
        """What Cloud Scheduler's clock shows, and what its newest move has done."""
        return (await self._scheduler()).report()

    async def move_clock(self, asked: Any) -> dict[str, Any]:
        """Begin to move Cloud Scheduler's clock ahead by `seconds`; the answer is as of `clock`.

        Raises:
            ApiError: It cannot be moved so far, or is moved already.
            ValueError: No seconds are named.
        """
        if not isinstance(asked, dict) or not isinstance(asked.get("seconds"), int | float):
            raise ValueError("The clock is moved by seconds.")
        scheduler = await self._scheduler()
        # A number that no timedelta can hold is too far in any case.
        scheduler.move(timedelta(seconds=min(asked["seconds"], 1e9)))
        return scheduler.report()

    async def age_certificate(self, asked: Any) -> dict[str, Any]:
        """Let the time pass for a managed certificate until it has `seconds` left.

        It is then renewed, as far as DNS allows that; the answer is the certificate.

        Raises:
            ValueError: There is no such certificate, or no seconds are named.
        """
        if not isinstance(asked, dict) or not isinstance(asked.get("seconds"), int | float):
            raise ValueError("A certificate is aged to the seconds that it has left.")
        engine = await self._loading()
        from leitstand.sandbox.rest.compute.chain import age

        return dict(age(engine.park, str(asked.get("name")), timedelta(seconds=asked["seconds"])))

    async def _scheduler(self) -> Scheduler:
        return cast("Scheduler", (await self._loading()).collection(*SCHEDULER))

    async def _loading(self) -> Engine:
        if self._engine is None:
            await asyncio.to_thread(import_module, "leitstand.sandbox.rest.engine")
        return self._loaded()

    def _loaded(self) -> Engine:
        if self._engine is None:
            from leitstand.sandbox.rest.alert_policies import AlertWatch
            from leitstand.sandbox.rest.delivery import Delivery
            from leitstand.sandbox.rest.engine import Engine
            from leitstand.sandbox.rest.serviceusage import begin_disabled
            from leitstand.sandbox.rest.surroundings import park_of

            if self._rpc is None:
                raise ValueError("the REST side was attached to no server")
            park = park_of(self._store, self._directory, self._seed, self._balance, self._addresses)
            if self._seed.get("apis_disabled"):
                begin_disabled(park, park.project)
            park.monitoring = self._monitoring
            self._listen(Delivery(park))
            self._listen(AlertWatch(park))
            self._engine = Engine(self._store, park, self._rpc)
        return self._engine
