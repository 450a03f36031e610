"""One consistent view of a database for several statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["forget_statistics", "hold_snapshot"]

# Settings that decide how a value is written as text, so that two servers write it alike.
_TEXT_FORM = (
    "SET LOCAL datestyle TO 'ISO, YMD'",
    "SET LOCAL intervalstyle TO 'iso_8601'",
    "SET LOCAL timezone TO 'UTC'",
    "SET LOCAL extra_float_digits TO 1",
    "SET LOCAL bytea_output TO 'hex'",
    "SET LOCAL xmlbinary TO 'base64'",
    "SET LOCAL lc_monetary TO 'C'",
    "SET LOCAL jit TO off",
)


@contextmanager
def hold_snapshot(connection: "Connection") -> Iterator[datetime]:
    """Read as of one moment for the block; gives the moment by the database's clock. Read-only.

    Values are written as text the same way on every server.

    Args:
        connection: Without an open transaction, unless it is a read-only one, which is ended.
    """
    from psycopg.pq import TransactionStatus

    if connection.info.transaction_status is TransactionStatus.INTRANS:
        read_only = connection.execute("SHOW transaction_read_only").fetchall()[0][0]
        if read_only == "on":
            connection.rollback()
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for statement in _TEXT_FORM:
            connection.execute(statement)
        taken_at: datetime = connection.execute("SELECT clock_timestamp()").fetchall()[0][0]
        yield taken_at


def forget_statistics(connection: "Connection") -> None:
    """Make statistics views current: within a transaction they show what they showed first."""
    connection.execute("SELECT pg_stat_clear_snapshot()")
