"""Lists what exists beyond what is wanted, so that nothing stays unseen."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import ApiDisabled, NotFound, PermissionDenied
from leitstand.core.hardening import Listing
from leitstand.core.names import short_name

__all__ = ["list_everything"]

Body = Mapping[str, Any]
_AT_ONCE = 8
_EACH = "{account}"


def list_everything(
    connection: Connection,
    listings: Sequence[Listing],
    *,
    number: str,
    accounts: Sequence[str],
) -> Mapping[str, tuple[Body, ...]]:
    """Return everything that exists of each kind; read-only.

    A kind that the identity may not list, whose API is off, or that the sandbox does not serve, is
    left out: nobody knows.

    Args:
        connection: Where to look.
        listings: What to list.
        number: Number of the project.
        accounts: Addresses of the service accounts, for what is listed for each of them.

    Raises:
        CloudUnreachable: an API did not answer.
    """
    environment = connection.environment
    names = {"project": environment.project, "number": number, "region": environment.region}

    def all_of(listing: Listing) -> tuple[Body, ...] | None:
        parents = (
            [listing.parent.format(**names, account=account) for account in accounts]
            if _EACH in listing.parent
            else [listing.parent.format(**names)]
        )
        try:
            return tuple(item for parent in parents for item in _pages(connection, listing, parent))
        except (ApiDisabled, NotFound, PermissionDenied):
            return None

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="list") as pool:
        found = list(pool.map(all_of, listings))
    return {
        listing.kind: items
        for listing, items in zip(listings, found, strict=True)
        if items is not None
    }


def _pages(connection: Connection, listing: Listing, parent: str) -> Iterator[Body]:
    collection = short_name(listing.collection.replace(".", "/"))
    if listing.method == "aggregatedList":
        collection = f"aggregated/{collection}"
    for answer in connection.rest.pages(
        listing.api,
        listing.collection,
        f"{parent}/{collection}",
        what=f"{listing.kind} auflisten",
        method=listing.method,
    ):
        items = answer.get(listing.items, [])
        if isinstance(items, Mapping):  # grouped by location
            for group in items.values():
                for value in group.values():
                    yield from value if isinstance(value, list) else ()
        else:
            yield from items
