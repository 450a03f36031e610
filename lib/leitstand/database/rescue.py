"""Saves to files what a recovery would lose, so that people can reconcile it afterwards."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leitstand.core.recovery_types import RescueExport, TableLoss
from leitstand.database.comparison import Comparison, compare
from leitstand.database.errors import RescueUnderWay
from leitstand.database.loss import Progress, report_of
from leitstand.database.merging import Difference
from leitstand.database.pairs import Pair
from leitstand.database.rescue_files import RescueWriter
from leitstand.database.rescue_manifest import MANIFEST, manifest_text, read_export

__all__ = ["export_rescue"]

# Keys of one statement; small enough for its text, large enough to be worth a round trip.
_BATCH = 10_000


def export_rescue(
    clone_url: str,
    source_url: str,
    directory: Path,
    *,
    statement_timeout: float = 900.0,
    progress: Progress | None = None,
) -> RescueExport:
    """Write the rows that only the source has, or has differently, to CSV files. Reads both.

    For each table with a difference: the rows inserted or changed since the clone's state, the
    primary keys of deleted rows, the new columns of all rows where a migration has added columns,
    and tables that are new as a whole. Files are private to their owner and appear all at once,
    with a manifest of counts and SHA-256 digests. A finished export is returned as it is.

    Args:
        clone_url: The state at the target time; its role must see all rows of every table.
        source_url: The present, likewise.
        directory: Where the files will lie; made, with mode 0700.
        statement_timeout: Seconds that one statement may take.
        progress: Called before each table with its name, its number from 1, and how many follow.

    Raises:
        RescueUnderWay: another process writes the same export.
        RescueUnusable: the directory holds something else, or a file of it was changed.
        DatabaseUnreachable: a database does not answer, or not in time.
        DatabaseRefused: a table cannot be read.
        OSError: the files cannot be written.
    """
    finished = read_export(directory)
    if finished is not None:
        return finished
    with _workshop(directory) as partial:
        # Who held the workshop before may have finished in the meantime.
        finished = read_export(directory)
        if finished is not None:
            return finished
        with compare(clone_url, source_url, statement_timeout=statement_timeout) as comparison:
            writer = RescueWriter(partial)
            losses = []
            for number, pair in enumerate(comparison.pairs, 1):
                if progress is not None:
                    progress(pair.name, number, len(comparison.pairs))
                losses.append(_export_table(comparison, pair, writer))
            for shape in comparison.new:
                writer.add_table(comparison.source, shape, "rows", shape.writable)
            report = report_of(comparison, tuple(losses))
        files = writer.finish()
        writer.write(MANIFEST, manifest_text(report, files).encode())
        _sync(partial)
        partial.rename(directory)
        _sync(directory.parent)
    return RescueExport(str(directory), report, files)


def _export_table(comparison: Comparison, pair: Pair, writer: RescueWriter) -> TableLoss:
    counts = {"inserted": 0, "changed": 0, "deleted": 0}
    written: list[Difference] = []
    deleted: list[Difference] = []
    for difference in comparison.differences(pair):
        counts[difference.kind] += difference.rows
        batch = deleted if difference.kind == "deleted" else written
        batch.append(difference)
        if len(batch) == _BATCH:
            _flush(comparison, pair, writer, written, deleted)
    _flush(comparison, pair, writer, written, deleted)
    if pair.new_columns:
        new = tuple(name for name in pair.new_columns if name not in pair.source.generated)
        columns = (*pair.key, *new) if pair.key else pair.source.writable
        if new:
            writer.add_table(comparison.source, pair.source, "columns", columns)
    return TableLoss(
        pair.name,
        **counts,
        keyed=bool(pair.key),
        new_columns=pair.new_columns,
        dropped_columns=pair.dropped_columns,
    )


def _flush(
    comparison: Comparison,
    pair: Pair,
    writer: RescueWriter,
    written: list[Difference],
    deleted: list[Difference],
) -> None:
    if written:
        columns = pair.source.writable
        writer.add_rows(comparison.source, pair, pair.source, "rows", columns, written)
    if deleted:
        columns = pair.key or pair.clone.writable
        writer.add_rows(comparison.clone, pair, pair.clone, "deleted", columns, deleted)
    written.clear()
    deleted.clear()


@contextmanager
def _workshop(directory: Path) -> Iterator[Path]:
    """An empty directory beside the final one that belongs to this process alone for the block.

    What a crash has left in it is deleted; its lock ends with the process.
    """
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = directory.with_name(f".{directory.name}.partial")
    partial.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RescueUnderWay(str(directory)) from error
        if not _is(partial, descriptor):
            # Renamed between opening and locking: the other process has just finished.
            raise RescueUnderWay(str(directory))
        for left in partial.iterdir():
            left.unlink()
        try:
            yield partial
        finally:
            if _is(partial, descriptor):
                shutil.rmtree(partial, ignore_errors=True)
    finally:
        os.close(descriptor)


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
