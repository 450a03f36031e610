"""Which versions of which secrets containers read, in variables and in volumes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leitstand.core.names import short_name

__all__ = ["secrets_read"]


def secrets_read(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield secret (short name) and version of every reference, variables first.

    A version is a number, an alias or ``latest``, which is also what a volume without items shows.

    Args:
        template: Of a revision or of a job's tasks, in the field names of either API (REST, gRPC).
    """
    for container in template.get("containers", ()):
        for variable in container.get("env", ()):
            source = variable.get("value_source") or variable.get("valueSource") or {}
            reference = source.get("secret_key_ref") or source.get("secretKeyRef")
            if reference:
                yield _entry(reference["secret"], reference)
    for volume in template.get("volumes", ()):
        source = volume.get("secret")
        if source:
            items: Sequence[Mapping[str, Any]] = source.get("items") or ({},)
            for item in items:
                yield _entry(source["secret"], item)


def _entry(secret: object, holder: Mapping[str, Any]) -> tuple[str, str]:
    return short_name(str(secret)), str(holder.get("version") or "latest")
