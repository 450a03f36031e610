"""What the journal keeps of a cell: its source and its outputs, bounded and marked where cut."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["MOST_BYTES", "bounded_outputs", "bounded_text"]

MOST_BYTES: Final = 64 * 1024
"""Bytes that the journal keeps of one source or output."""


def bounded_text(text: str, most: int = MOST_BYTES) -> str:
    """Return the beginning of the text, at most so many bytes of UTF-8."""
    content = text.encode("utf-8", "surrogatepass")
    return text if len(content) <= most else content[:most].decode("utf-8", "ignore")


def bounded_outputs(
    outputs: Sequence[Mapping[str, Any]], most: int = MOST_BYTES
) -> list[dict[str, Any]]:
    """Return a cell's outputs, each of at most so many bytes; ``cut`` holds the size before.

    It may be done again with less: the first size stays.
    """
    return [_bounded(output, most) for output in outputs]


def _bounded(output: Mapping[str, Any], most: int) -> dict[str, Any]:
    plain = dict(output)
    size = _size(plain)
    if size <= most:
        return plain
    kept: dict[str, Any] = {
        "output_type": plain.get("output_type", ""),
        "cut": plain.get("cut", size),
    }
    match plain.get("output_type"):
        case "stream":
            kept["name"] = plain.get("name")
            kept["text"] = bounded_text(str(plain.get("text", "")), most)
        case "error":
            kept["ename"] = plain.get("ename")
            kept["evalue"] = bounded_text(str(plain.get("evalue", "")), most)
        case _:
            kept["data"] = _bounded_bundle(plain.get("data", {}), most)
    return kept


def _bounded_bundle(data: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Keep whole entries, the smallest first; of a longer text/plain keep its beginning."""
    kept: dict[str, Any] = {}
    left = most
    for mime, content in sorted(data.items(), key=lambda item: _size(item[1])):
        size = _size(content)
        if size <= left:
            kept[mime] = content
            left -= size
        elif mime == "text/plain":
            kept[mime] = bounded_text(str(content), left)
            left = 0
    return kept


_written: Final = json.JSONEncoder(ensure_ascii=False, default=str).encode


def _size(value: object) -> int:
    return len(_written(value).encode("utf-8", "replace"))
