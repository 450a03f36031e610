"""Pages of a sorted list: sizes, tokens, and what is wrong with them."""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from leitstand.sandbox.errors import ApiError, invalid

__all__ = ["page"]

Item = TypeVar("Item")
Key = tuple[Any, ...]


def page(
    items: Sequence[Item],
    key: Callable[[Item], Key],
    size: int,
    token: str,
    *,
    default: int = 50,
    maximum: int = 1000,
) -> tuple[Sequence[Item], str]:
    """One page of `items`, and the token of the next one ("" at the end).

    The token holds the key of the last item shown, so items that are added or removed meanwhile
    neither repeat nor hide others.

    Args:
        items: In ascending order of `key`, whose values are unique and JSON numbers or strings.
        size: As requested; 0 means `default`, more than `maximum` is cut to it.
        token: As requested; "" for the first page.

    Raises:
        ApiError: INVALID_ARGUMENT for a negative size or a token that is none.
    """
    if size < 0:
        raise invalid(f"page_size must not be negative, but is {size}.", "page_size")
    count = min(size or default, maximum)
    start = _start(items, key, token) if token else 0
    shown = items[start : start + count]
    if start + count >= len(items):
        return shown, ""
    return shown, _write(key(shown[-1]))


def _start(items: Sequence[Any], key: Callable[[Any], Key], token: str) -> int:
    try:
        return bisect_right(items, _read(token), key=key)
    except TypeError as error:
        raise _strange() from error


def _write(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read(token: str) -> Key:
    try:
        key = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError as error:
        raise _strange() from error
    if not isinstance(key, list):
        raise _strange()
    return tuple(key)


def _strange() -> ApiError:
    return invalid("page_token is not one that this API gave out.", "page_token")
