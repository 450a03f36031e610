"""What Google's connectors ask before they connect to an instance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.cloud import sqladmin_v1 as sql

from leitstand.sandbox.sql.inventory import Inventory

__all__ = ["ConnectSettings"]

SERVICE = "/google.cloud.sql.v1.SqlConnectService/"


class ConnectSettings:
    """Addresses without certificates: the sandbox's databases speak no TLS."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {SERVICE + "GetConnectSettings": self.get}

    async def get(self, request: sql.GetConnectSettingsRequest) -> sql.ConnectSettings:
        """Address and version of an instance."""
        instance = self._inventory.get(request.project, request.instance)
        return sql.ConnectSettings(
            kind="sql#connectSettings",
            ip_addresses=instance.ip_addresses,
            region=instance.region,
            database_version=instance.database_version,
            backend_type=instance.backend_type,
        )
