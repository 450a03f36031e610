"""The park of a running sandbox: its store, its services, its databases, its front door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from google.cloud import run_v2

from leitstand.sandbox.addresses import Addresses
from leitstand.sandbox.balancer import Backend
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.seeding import projects
from leitstand.sandbox.store import Store

__all__ = ["park_of"]


def park_of(
    store: Store,
    directory: Path,
    seed: Mapping[str, Any],
    balance: Callable[[Mapping[str, Backend]], None],
    addresses: Addresses,
) -> Park:
    """What the REST kinds see of a sandbox.

    Args:
        store: The sandbox's.
        directory: The sandbox's.
        seed: What it began with; its projects and location count.
        balance: Tells the front door what the load balancer does.
        addresses: The sandbox's ports.
    """
    services = store.table("services", run_v2.Service)
    jobs = store.table("jobs", run_v2.Job)

    def sql_instances() -> Mapping[str, Any]:
        if not store.holds("sql_instances"):
            return {}
        # Half a second to import, unless there are instances.
        from google.cloud import sqladmin_v1

        return store.table("sql_instances", sqladmin_v1.DatabaseInstance)

    return Park(
        store,
        directory,
        str(seed["project"]),
        str(seed.get("location", "")),
        projects=projects(seed),
        services=lambda: services,
        jobs=lambda: jobs,
        sql_instances=sql_instances,
        balance=balance,
        addresses=addresses,
    )
