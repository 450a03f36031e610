"""When something was made: a sandbox that is made like another project is as old as that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.cloud import run_v2
from google.cloud.secretmanager_v1 import types

from leitstand.sandbox.store import Store

__all__ = ["Times"]


class Times:
    """The times at which revisions and versions of secrets were made."""

    def __init__(self, store: Store) -> None:
        self._revisions = store.table("revisions", run_v2.Revision)
        self._versions = store.table("secret_versions", types.SecretVersion)

    async def set(self, times: Mapping[str, str]) -> Any:
        """Let what has these full names have been made then; what is not there is passed over.

        Args:
            times: ISO 8601 with a time zone, by full name.

        Raises:
            ValueError: One is no such time.
        """
        read = {name: datetime.fromisoformat(text) for name, text in times.items()}
        changed = 0
        for name, at in read.items():
            if at.tzinfo is None:
                raise ValueError(f"{at.isoformat()} has no time zone")
            table: Any = self._revisions if "/revisions/" in name else self._versions
            if name in table:
                message = table[name]
                message.create_time = at
                table[name] = message
                changed += 1
        return {"changed": changed}
