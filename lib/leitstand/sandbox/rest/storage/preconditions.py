"""The `if…Match` parameters of a call.

https://cloud.google.com/storage/docs/request-preconditions
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leitstand.sandbox.rest.storage.refusals import not_modified, unmet

__all__ = ["require"]

FIELDS = {"Generation": "generation", "Metageneration": "metageneration"}


def require(params: Mapping[str, str], found: Mapping[str, Any] | None, *, reads: bool) -> None:
    """Refuse a call whose conditions do not hold.

    Args:
        params: Of the call; `ifGenerationMatch=0` wants that there is no live object.
        found: The resource as it is; None where there is none.
        reads: Whether the call only reads: it is answered "not modified" then.

    Raises:
        ApiError: conditionNotMet (412) or notModified (304).
    """
    for word, field in FIELDS.items():
        there = str(found[field]) if found is not None else "0"
        wanted, other = params.get(f"if{word}Match"), params.get(f"if{word}NotMatch")
        if wanted is not None and wanted != there:
            raise unmet()
        if other is not None and other == there:
            raise not_modified() if reads else unmet()
