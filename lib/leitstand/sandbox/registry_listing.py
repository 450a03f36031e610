"""Finding and listing resources of Artifact Registry by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from leitstand.sandbox.errors import invalid, not_found
from leitstand.sandbox.paging import page

__all__ = ["below", "find", "paged"]

ORDERS = ("name", "create_time", "update_time", "upload_time")

Item = TypeVar("Item")


def find(table: Mapping[str, Item], name: str, kind: str) -> Item:
    """The resource of that full name.

    Raises:
        ApiError: NOT_FOUND.
    """
    if name not in table:
        raise not_found(name, kind)
    return table[name]


def below(table: Mapping[str, Item], parent: str, collection: str) -> list[Item]:
    """A parent's resources by name."""
    prefix = f"{parent}/{collection}/"
    return [table[name] for name in sorted(table) if name.startswith(prefix)]


def paged(items: Sequence[Any], request: Any, filtered: bool = False) -> tuple[Sequence[Any], str]:
    """A page of messages by name, or by a time where `order_by` says so.

    Args:
        items: All of them.
        request: Of a List method.
        filtered: Whether the request's filter was heeded already.

    Raises:
        ApiError: INVALID_ARGUMENT for a filter or an order that is not possible.
    """
    if getattr(request, "filter", "") and not filtered:
        raise invalid(f"Filter '{request.filter}' is not possible.", "filter")
    order_by: str = getattr(request, "order_by", "")
    field, _, direction = order_by.strip().partition(" ")
    field = field or "name"
    if field not in ORDERS or direction not in ("", "asc", "desc"):
        raise invalid(f"order_by '{order_by}' is not possible.", "order_by")
    if field == "name" and direction != "desc":
        return page(items, lambda item: (item.name,), request.page_size, request.page_token)
    if field == "name" or any(not hasattr(item, field) for item in items):
        raise invalid(f"order_by '{order_by}' is not possible.", "order_by")
    sign = -1 if direction == "desc" else 1

    def key(item: Any) -> tuple[float, str]:
        return (sign * getattr(item, field).timestamp(), item.name)

    return page(sorted(items, key=key), key, request.page_size, request.page_token)
