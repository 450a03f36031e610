"""Cloud SQL as the supervisor holds it: loaded when the sandbox has, or is asked for, instances.

Google's client and PostgreSQL's driver take half a second to import; a sandbox without databases
must not wait for them.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitstand.sandbox.addresses import Addresses
from leitstand.sandbox.contract import LATE_PACKAGES, contract
from leitstand.sandbox.disk_gauges import Disk
from leitstand.sandbox.references import UNCHECKED, References
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.store import Store

if TYPE_CHECKING:
    from leitstand.sandbox.sql.service import CloudSql

__all__ = ["LateSql"]

PREFIX = "/google.cloud.sql.v1."


class LateSql:
    """Serves Cloud SQL from the first moment it is needed.

    Args:
        store: Where instances are kept.
        directory: Of the sandbox.
        seed: The sandbox's seed; `sql` lists instances (see `CloudSql.seed`).
        addresses: The sandbox's ports.
        references: Checks the networks that instances name.
    """

    def __init__(
        self,
        store: Store,
        directory: Path,
        seed: Mapping[str, Any],
        addresses: Addresses,
        references: References = UNCHECKED,
    ) -> None:
        self._store = store
        self._references = references
        self._addresses = addresses
        self._directory = directory / "sql"
        self._project = str(seed["project"])
        self._region = str(seed.get("location", ""))
        self._listed: Sequence[Mapping[str, Any]] = seed.get("sql", ())
        self._service: CloudSql | None = None
        self._rpc: Rpc | None = None

    def attach(self, rpc: Rpc) -> None:
        """Serve through that server; must be called before anything is loaded."""
        self._rpc = rpc

    def load(self, path: str) -> None:
        """Load Cloud SQL where that is one of its methods."""
        if path.startswith(PREFIX):
            self._loaded()

    def paths(self) -> tuple[str, ...]:
        """All method paths of the API; loads it."""
        self._loaded()
        return tuple(contract(LATE_PACKAGES))

    async def start(
        self,
        secret: Callable[[str], bytes],
        set_secret: Callable[[str, bytes], None],
        first: Callable[[], Awaitable[None]],
    ) -> None:
        """Start what is there, and make what the seed lists at the first start.

        Args:
            secret: Gives the value of a secret version.
            set_secret: Replaces the value of a secret version.
            first: Done once, when the databases are there for the first time.

        Raises:
            ApiError: Google would refuse the seed.
        """
        # Written when all of the seed is made: a start that is cut off begins anew.
        seeded = self._directory / "seeded"
        listed = () if seeded.exists() else self._listed
        if not listed and not self._store.holds("sql_instances"):
            return
        if listed:
            self._discard()
        service = self._loaded()
        await service.start()
        if listed:
            await service.seed(self._project, listed, secret, set_secret)
            await first()
            seeded.touch()

    def status(self) -> Mapping[str, Any]:
        """Where each instance listens, by its name."""
        return self._service.status() if self._service is not None else {}

    def disks(self) -> Iterable[Disk]:
        """How full the disk of each instance is."""
        return self._service.disks() if self._service is not None else ()

    async def close(self) -> None:
        """Stop all clusters."""
        if self._service is not None:
            await self._service.close()

    def _discard(self) -> None:
        """Delete what a start has made that was cut off; none of it was ever announced."""
        if self._service is None:
            for table in ("sql_instances", "sql_backup_runs", "sql_operations"):
                self._store.drop(table)
            shutil.rmtree(self._directory, ignore_errors=True)

    def _loaded(self) -> CloudSql:
        if self._service is None:
            from leitstand.sandbox.sql.service import CloudSql

            self._service = CloudSql(
                self._store, self._directory, self._region, self._references, self._addresses
            )
            if self._rpc is not None:
                self._rpc.extend(contract(LATE_PACKAGES), self._service.methods())
        return self._service
