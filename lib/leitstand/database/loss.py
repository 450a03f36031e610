"""What a recovery would take back: the present compared with the state at the target time."""

from collections.abc import Callable

from leitstand.core.recovery_types import LossReport, TableLoss, TableName
from leitstand.database.comparison import Comparison, compare, count_rows
from leitstand.database.pairs import Pair

__all__ = ["loss_of", "loss_report", "report_of"]

Progress = Callable[[TableName, int, int], None]


def loss_report(
    clone_url: str,
    source_url: str,
    *,
    statement_timeout: float = 900.0,
    progress: Progress | None = None,
) -> LossReport:
    """Count the rows of every table that the source has got, changed or lost. Read-only.

    Each side is read as of one moment. A row whose primary key changed counts as deleted and
    inserted. Memory does not depend on the number of rows; a server sorts the rows of differing
    buckets in temporary files.

    Args:
        clone_url: The state at the target time; its role must see all rows of every table.
        source_url: The present, likewise.
        statement_timeout: Seconds that one pass over a table may take.
        progress: Called before each table with its name, its number from 1, and how many follow.

    Raises:
        DatabaseUnreachable: one of them does not answer, or not in time.
        DatabaseRefused: a table cannot be read, or a policy would hide rows of it.
    """
    with compare(clone_url, source_url, statement_timeout=statement_timeout) as comparison:
        losses = []
        for number, pair in enumerate(comparison.pairs, 1):
            if progress is not None:
                progress(pair.name, number, len(comparison.pairs))
            losses.append(loss_of(comparison, pair))
        return report_of(comparison, tuple(losses))


def loss_of(comparison: Comparison, pair: Pair) -> TableLoss:
    """Count the differences of one table. Read-only."""
    counts = {"inserted": 0, "changed": 0, "deleted": 0}
    for difference in comparison.differences(pair):
        counts[difference.kind] += difference.rows
    return TableLoss(
        pair.name,
        **counts,
        keyed=bool(pair.key),
        new_columns=pair.new_columns,
        dropped_columns=pair.dropped_columns,
    )


def report_of(comparison: Comparison, losses: tuple[TableLoss, ...]) -> LossReport:
    """Return the report with these losses, and with the tables that only one side has."""
    return LossReport(
        taken_at=comparison.taken_at,
        tables=losses,
        new_tables=tuple(
            (shape.name, count_rows(comparison.source, shape)) for shape in comparison.new
        ),
        dropped_tables=tuple(
            (shape.name, count_rows(comparison.clone, shape)) for shape in comparison.dropped
        ),
    )
