"""How large a vector index becomes, and how much memory its build needs, in bytes.

Derived from how pgvector 0.8 lays out pages and allocates memory: ``src/ivfflat.h``,
``src/ivfbuild.c``, ``src/ivfkmeans.c``, ``src/hnsw.h`` and ``src/hnswbuild.c`` in
https://github.com/pgvector/pgvector.
"""

from collections.abc import Mapping
from math import ceil

__all__ = ["DEFAULT_LISTS", "DEFAULT_M", "expected_bytes", "needed_memory", "sort_bytes"]

DEFAULT_LISTS = 100
DEFAULT_M = 16

_PAGE = 8192
_ROOM = _PAGE - 24 - 8
"""Bytes of a page beside its header and pgvector's eight at its end."""
_POINTER = 4
_MEBIBYTE = 1 << 20
_SAMPLES = 10_000
_SAMPLES_PER_LIST = 50
_NON_ZERO = 1000
"""Most elements of a sparse vector that an index takes."""


def expected_bytes(
    method: str, rows: int, dimensions: int, type: str, options: Mapping[str, int]
) -> int:
    """Return the size of an index that has just been built.

    Rows without an embedding and equal embeddings make it smaller.

    Args:
        method: ``ivfflat`` or ``hnsw``.
        rows: Rows of the table.
        dimensions: Of the column.
        type: ``vector``, ``halfvec``, ``bit`` or ``sparsevec``, which is taken for as large as an
            index allows.
        options: Stated options of the index.
    """
    rows = max(rows, 0)
    value = _value_bytes(type, dimensions)
    if method == "hnsw":
        return _PAGE * (2 + ceil(rows * _hnsw_pages(value, options.get("m", DEFAULT_M))))
    lists = options.get("lists", DEFAULT_LISTS)
    per_page = max(1, _ROOM // (_aligned(8 + value) + _POINTER))
    centers = max(1, _ROOM // (_aligned(8 + value) + _POINTER))
    # Each list has pages of its own, the last of which is half full on average.
    pages = max(ceil(rows / per_page + lists / 2), min(lists, rows), lists)
    return _PAGE * (1 + ceil(lists / centers) + pages)


def needed_memory(
    method: str, rows: int, dimensions: int, type: str, options: Mapping[str, int]
) -> int:
    """Return the ``maintenance_work_mem`` that a build needs.

    With less, IVFFLAT fails; it needs so much even for an empty table up to pgvector 0.8.4. HNSW
    goes on with a graph on disk, and takes many times as long.
    """
    value = _value_bytes(type, dimensions)
    if method == "hnsw":
        needed = max(rows, 0) * _hnsw_element(value, options.get("m", DEFAULT_M))
        return needed + needed // 50 + 4 * _MEBIBYTE  # what parallel builds keep free
    lists = options.get("lists", DEFAULT_LISTS)
    samples = max(_SAMPLES, _SAMPLES_PER_LIST * lists)
    item = _aligned(value)
    vectors = (samples + 2 * lists) * item
    bounds = 4 * (samples * lists + lists * lists + 2 * samples)
    return vectors + bounds + 4 * lists * (dimensions + 3) + _MEBIBYTE


def sort_bytes(method: str, rows: int, dimensions: int, type: str, memory: int) -> int:
    """Return the temporary disk that a build takes beside the index.

    IVFFLAT sorts all rows by list, on disk where they do not fit the memory.
    """
    if method != "ivfflat":
        return 0
    needed = max(rows, 0) * (_aligned(_value_bytes(type, dimensions)) + 40)
    return needed if needed > memory else 0


def _value_bytes(type: str, dimensions: int) -> int:
    """Return the size of a value, as pgvector's types are stored."""
    match type:
        case "halfvec":
            return 8 + 2 * dimensions
        case "bit":
            return 8 + ceil(dimensions / 8)
        case "sparsevec":
            return 16 + 8 * min(dimensions, _NON_ZERO)
    return 8 + 4 * dimensions


def _hnsw_pages(value: int, m: int) -> float:
    """Return the pages that one row takes: its element, and the pointers to its neighbours."""
    element = _aligned(72 + value) + _POINTER
    neighbours = _aligned(4 + 6 * 2 * m) + _POINTER
    higher = 6 * m / (m - 1)  # of the few rows that are on higher levels as well, on average
    together = element + neighbours + higher
    if together <= _ROOM:
        return 1 / (_ROOM // together)
    return 2.0  # what is left of a page takes no other element


def _hnsw_element(value: int, m: int) -> int:
    """Return the memory that one row takes in the graph."""
    levels = 1 / (m - 1)
    return ceil(128 + _aligned(value) + (1 + levels) * 16 + 32 * m + levels * 16 * m + 4 * 16)


def _aligned(size: int) -> int:
    return (size + 7) // 8 * 8
