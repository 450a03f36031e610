"""Reads many resources at once."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import PermissionDenied
from leitstand.cloud.resources import Resources
from leitstand.core.kinds import Resource
from leitstand.core.reconcile import Found, Unreadable

__all__ = ["observe"]

_AT_ONCE = 16


def observe(connection: Connection, resources: Sequence[Resource]) -> Mapping[str, Found]:
    """Return what is there of each wanted resource, by its key; read-only.

    A resource that the identity may not read is ``Unreadable``, with the reason.

    Raises:
        CloudUnreachable: an API did not answer.
        CloudRefused: an API refused a read for another reason than permissions.
    """
    reader = Resources(connection)
    _ = connection.rest  # imported once, before the threads would wait for each other's import

    def read(resource: Resource) -> Found:
        try:
            return reader.read(resource.kind, resource.name, resource.body)
        except PermissionDenied as error:
            return Unreadable(error.message)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="observe") as pool:
        found = list(pool.map(read, resources))
    return {resource.key: body for resource, body in zip(resources, found, strict=True)}
