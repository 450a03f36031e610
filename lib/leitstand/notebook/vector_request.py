"""What a run asks of the maintenance of the vector store: from its parameters and its place."""

import os
import re
from collections.abc import Mapping
from typing import Any

from leitstand.cloud.sql import CloudSql
from leitstand.core.errors import InputError
from leitstand.core.resources import RagStore
from leitstand.core.vectors.maintenance_types import Request
from leitstand.core.vectors.shards import WHOLE, Part
from leitstand.execution.database_access import DatabaseAccess
from leitstand.notebook.run import Run

__all__ = ["wanted_part", "wanted_policy", "wanted_request"]


def wanted_policy(run: Run) -> RagStore:
    """Return the environment's policy; where another kind of index is asked for, with that."""
    policy = run.environment.rag_store
    change = str(run.parameters["change"])
    return policy.model_copy(update={"index": change}) if change in ("ivfflat", "hnsw") else policy


def wanted_part(text: str) -> Part:
    """Return the part that is asked for; without one, what Cloud Run tells a task of a job.

    Raises:
        InputError: the text is no part.
    """
    if not text:
        count = int(os.environ.get("CLOUD_RUN_TASK_COUNT") or "1")
        return Part(int(os.environ.get("CLOUD_RUN_TASK_INDEX") or "0"), count)
    try:
        return Part.parse(text)
    except ValueError as error:
        raise InputError(
            f"„{text}“ ist kein Teil der Tabellen.", "Schreiben Sie ihn als 2/4: Teil 2 von 4."
        ) from error


def wanted_request(
    run: Run, access: DatabaseAccess, part: Part, window: float, tenant: str
) -> Request:
    """Return what the planner is asked; reads how much disk and memory there is.

    Args:
        part: The tables that this run looks after.
        window: Seconds.
        tenant: Id of a tenant whose searches decide an exchange, or empty.
    """
    parameters = run.parameters
    settings = CloudSql(run.connection).instance(access.instance).settings
    suffix = "" if part == WHOLE else f"/parts/{part.index + 1}-{part.count}"
    return Request(
        environment=run.environment.name,
        target=f"{access.database}{suffix}",
        part=part,
        window_seconds=window,
        free_bytes=_free_bytes(settings, access),
        memory_bytes=_memory_bytes(settings),
        change="keep" if parameters["change"] == "keep" else "policy",
        way="drop" if parameters["way"] == "drop" else "concurrently",
        update_extension=bool(parameters["update_extension"]),
        only=tuple(parameters["tables"]),  # type: ignore[arg-type]  # checked: list[str]
        tenant=tenant,
    )


def _free_bytes(settings: Mapping[str, Any], access: DatabaseAccess) -> int | None:
    """Return the disk that is left, or None where the disk grows by itself or is not told."""
    from leitstand.database.connection import connect
    from leitstand.database.sizes import used_bytes

    size = int(settings.get("data_disk_size_gb") or 0)
    if not size or settings.get("storage_auto_resize", False):
        return None
    with connect(access.administrator_url(access.instance)) as connection:
        return max(0, size * 2**30 - used_bytes(connection))


def _memory_bytes(settings: Mapping[str, Any]) -> int | None:
    """Return the memory that builds may use, by the machine type; None where that is not told.

    A quarter of the machine's: its pages are cached in as much, and sessions need the rest.
    """
    found = re.fullmatch(r"db-(?:custom|perf-optimized-N)-\d+(?:-(\d+))?", settings.get("tier", ""))
    return int(found[1]) * 2**20 // 4 if found and found[1] else None
