"""The moment just before a run's migration, out of its journal."""

from pathlib import Path

import pytest

from leitstand.audit.journal import Journal
from leitstand.notebook.restore_points import NoRestorePoint, UnknownRun, restore_point_of

RUN = "20261124-070000-migrate-3f9a"
FIRST, SECOND, THIRD = (f"2026-11-24T07:0{minute}:00.500000+00:00" for minute in (1, 2, 3))


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    directory = tmp_path / "runs" / RUN
    directory.mkdir(parents=True)
    made = Journal(directory / "journal.jsonl")
    made.append("run.started", run=RUN, env="sandbox")
    return made


def point(journal: Journal, at: str, version: int, *, atomic: bool = True) -> None:
    journal.append(
        "restore.point", before="migrate", point=at, lsn="0/1", versions={"documents": version},
        atomic=atomic,
    )  # fmt: skip


@pytest.mark.parametrize("name", [RUN, "20261124-0700"])
def test_a_run_is_found_by_its_id_or_its_beginning(journal: Journal, name: str) -> None:
    point(journal, FIRST, 1)
    assert FIRST == restore_point_of(name).isoformat()


@pytest.mark.parametrize(
    ("versions", "atomic", "expected"),
    [
        ((1, 1, 1), True, THIRD),
        ((1, 1, 2), True, SECOND),
        ((1, 2, 2), True, FIRST),
        ((1, 1, 1), False, FIRST),
    ],
)
def test_the_last_try_before_anything_was_applied_counts(
    journal: Journal, versions: tuple[int, ...], atomic: bool, expected: str
) -> None:
    for at, version in zip((FIRST, SECOND, THIRD), versions, strict=True):
        point(journal, at, version, atomic=atomic)
    assert expected == restore_point_of(RUN).isoformat()


def test_a_run_that_migrated_nothing_has_no_restore_point(journal: Journal) -> None:
    with pytest.raises(NoRestorePoint, match="hat nichts migriert"):
        restore_point_of(RUN)


@pytest.mark.parametrize("name", ["", "2025", "../x"])
def test_an_unknown_run_is_named(journal: Journal, name: str) -> None:
    with pytest.raises(UnknownRun):
        restore_point_of(name)
