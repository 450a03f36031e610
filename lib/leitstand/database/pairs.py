"""A table that two databases have, and the statements that compare and fetch its rows.

Values stand in the statements as literals: beside parameters, psycopg would take a per cent sign
in a column's name for another one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leitstand.core.recovery_types import TableName
from leitstand.database.merging import Difference
from leitstand.database.tables import Shape

if TYPE_CHECKING:
    from psycopg import sql

__all__ = ["Pair", "digest_query", "keyed_rows", "pair_of", "rows_query", "surplus_rows"]


@dataclass(frozen=True)
class Pair:
    """A table as it is now and as it was.

    Attributes:
        columns: Columns of both, in the source's order; rows are compared by them.
        key: Primary key that both agree on, or empty.
    """

    source: Shape
    clone: Shape
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def name(self) -> TableName:
        """The table."""
        return self.source.name

    @property
    def estimate(self) -> int:
        """Number of rows as the planners see it."""
        return max(self.source.estimate, self.clone.estimate)

    @property
    def new_columns(self) -> tuple[str, ...]:
        """Columns that only the source has."""
        return tuple(name for name in self.source.columns if name not in self.columns)

    @property
    def dropped_columns(self) -> tuple[str, ...]:
        """Columns that only the clone has."""
        return tuple(name for name in self.clone.columns if name not in self.columns)


def pair_of(source: Shape, clone: Shape) -> Pair:
    """Return what two shapes of one table have in common."""
    columns = tuple(name for name in source.columns if name in clone.columns)
    return Pair(source, clone, columns, source.key if source.key == clone.key else ())


def digest_query(pair: Pair, shape: Shape, buckets: int) -> "sql.Composed":
    """A statement for (bucket, rows, digest) of every bucket that is not empty.

    Equal rows would cancel each other out in an exclusive or, so rows without a key are summed.
    """
    from psycopg import sql

    digest = "bit_xor(row_hash)" if pair.key else "sum(row_hash)"
    query = "SELECT bucket, count(*), {} FROM (SELECT {} AS bucket, {} AS row_hash FROM {}) AS row"
    return sql.SQL(query + " GROUP BY bucket").format(
        sql.SQL(digest), _bucket(pair, buckets), _hash(pair.columns), shape.rows
    )


def rows_query(pair: Pair, shape: Shape, buckets: int, wanted: Sequence[int]) -> "sql.Composed":
    """A statement for the rows of some buckets in ascending order.

    Args:
        buckets: How many there are.
        wanted: Numbers of the buckets, from 0.

    Returns:
        (hash of key, key as texts, hash of row), or (hash of row, rows) without a key.
    """
    from psycopg import sql

    where = sql.Composed([sql.SQL("true")])
    if len(wanted) < buckets:
        where = sql.SQL("{} = ANY({})").format(_bucket(pair, buckets), _array(wanted, "int8"))
    if not pair.key:
        query = "SELECT {}, count(*) FROM {} WHERE {} GROUP BY 1 ORDER BY 1"
        return sql.SQL(query).format(_hash(pair.columns), shape.rows, where)
    query = (
        "SELECT key_hash, key, row_hash FROM"
        " (SELECT {} AS key_hash, ARRAY[{}] AS key, {} AS row_hash FROM {} WHERE {}) AS row"
        ' ORDER BY key_hash, key COLLATE "C"'
    )
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(part) for part in _names(pair.key))
    return sql.SQL(query).format(_key_hash(pair), texts, _hash(pair.columns), shape.rows, where)


def keyed_rows(
    shape: Shape,
    key: tuple[str, ...],
    columns: tuple[str, ...],
    differences: Sequence[Difference],
) -> "sql.Composed":
    """A statement for columns of the rows with the keys of differences, in the keys' order."""
    from psycopg import sql

    types = dict(zip(shape.columns, shape.type_names, strict=True))
    names = [sql.Identifier(f"key_{number}") for number in range(len(key))]
    keys = [difference.key for difference in differences]
    same = [
        sql.SQL("row.{} = wanted.{}::{}").format(
            sql.Identifier(column), name, sql.Identifier(*types[column])
        )
        for column, name in zip(key, names, strict=True)
    ]
    query = "SELECT {} FROM {} AS row JOIN unnest({}) AS wanted ({}) ON {} ORDER BY {}"
    return sql.SQL(query).format(
        _of_row(columns),
        shape.rows,
        sql.SQL(", ").join(_array(values, "text") for values in zip(*keys, strict=True)),
        sql.SQL(", ").join(names),
        sql.SQL(" AND ").join(same),
        _of_row(key),
    )


def surplus_rows(
    pair: Pair, shape: Shape, columns: tuple[str, ...], differences: Sequence[Difference]
) -> "sql.Composed":
    """A statement for columns of rows without a key, each as often as its difference says."""
    from psycopg import sql

    query = (
        "SELECT {} FROM (SELECT row.*, {} AS leitstand_hash,"
        " row_number() OVER (PARTITION BY {}) AS leitstand_number FROM {} AS row) AS row"
        " JOIN unnest({}, {}) AS wanted (hash, rows)"
        " ON row.leitstand_hash = wanted.hash AND row.leitstand_number <= wanted.rows"
        " ORDER BY leitstand_hash, leitstand_number"
    )
    row_hash = _hash(pair.columns)
    hashes = _array([difference.row_hash for difference in differences], "int8")
    counts = _array([difference.rows for difference in differences], "int8")
    return sql.SQL(query).format(_of_row(columns), row_hash, row_hash, shape.rows, hashes, counts)


def _hash(columns: Iterable[str]) -> "sql.Composed":
    """64-bit hash of a row's text, which types without a hash of their own have as well."""
    from psycopg import sql

    row = sql.SQL(", ").join(_names(columns))
    return sql.SQL('hashtextextended(ROW({})::text COLLATE "C", 0)').format(row)


def _key_hash(pair: Pair) -> "sql.Composed":
    from psycopg import sql

    if len(pair.key) != 1:
        return _hash(pair.key or pair.columns)
    # It is never null, and needs no row around it, which saves a fifth of a pass over the table.
    query = 'hashtextextended({}::text COLLATE "C", 0)'
    return sql.SQL(query).format(sql.Identifier(pair.key[0]))


def _bucket(pair: Pair, buckets: int) -> "sql.Composed":
    from psycopg import sql

    return sql.SQL("({} & {})").format(_key_hash(pair), sql.Literal(buckets - 1))


def _array(values: Sequence[object], type_: str) -> "sql.Composed":
    from psycopg import sql

    return sql.SQL("{}::{}[]").format(sql.Literal(list(values)), sql.Identifier(type_))


def _names(columns: Iterable[str]) -> "list[sql.Identifier]":
    from psycopg import sql

    return [sql.Identifier(column) for column in columns]


def _of_row(columns: Iterable[str]) -> "sql.Composed":
    from psycopg import sql

    return sql.SQL(", ").join(sql.Identifier("row", column) for column in columns)
