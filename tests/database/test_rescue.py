"""The rescue export: every row that a recovery would lose, whole, private, once."""

import csv
import hashlib
import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from leitstand.core.recovery_types import RescueExport, RescueFile, TableName
from leitstand.database.connection import connect
from leitstand.database.errors import DatabaseUnreachable, RescueUnderWay, RescueUnusable
from leitstand.database.loss import loss_report
from leitstand.database.rescue import export_rescue
from tests.database.test_loss import KEYED, Copies
from tests.fixtures.postgres import Cluster

NOWHERE = "postgresql://owner:x@127.0.0.1:1/app"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "rescue"


def _export(cluster: Cluster, copies: Copies, target: Path) -> RescueExport:
    return export_rescue(cluster.url(copies.then), cluster.url(copies.now), target)


def _read(target: Path, export: RescueExport, kind: str, table: str = "t") -> list[list[str]]:
    (file,) = (f for f in export.files if f.kind == kind and f.table.name == table)
    with (target / file.name).open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert (file.columns, file.rows) == (tuple(header), len(rows))
    return rows


def _kinds(export: RescueExport) -> list[tuple[str, str]]:
    return [(file.table.name, file.kind) for file in export.files]


def test_rows_since_then_and_keys_of_deleted_ones_are_written(cluster: Cluster, target: Path):
    copies = Copies(
        cluster,
        KEYED,
        "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 50) n",
        "CREATE TABLE u ()",
    )
    copies.write(
        "INSERT INTO t VALUES (100, 'a,\"b\"\n\\.'), (51, '')",
        "UPDATE t SET value = NULL WHERE id = 9",
        "DELETE FROM t WHERE id IN (10, 2)",
    )
    export = _export(cluster, copies, target)
    assert [("t", "deleted"), ("t", "rows")] == _kinds(export)
    assert [["9", ""], ["51", ""], ["100", 'a,"b"\n\\.']] == _read(target, export, "rows")
    assert [["2"], ["10"]] == _read(target, export, "deleted")
    (loss,) = export.report.differing
    assert (2, 1, 2) == (loss.inserted, loss.changed, loss.deleted)


def test_files_are_private_and_their_digests_are_in_the_manifest(cluster: Cluster, target: Path):
    copies = Copies(cluster, KEYED)
    copies.write("INSERT INTO t VALUES (1, 'x')")
    before = os.umask(0)
    try:
        export = _export(cluster, copies, target)
    finally:
        os.umask(before)
    assert 0o700 == stat.S_IMODE(target.stat().st_mode)
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in target.iterdir()}
    assert {file.name for file in export.files} | {"manifest.json"} == set(os.listdir(target))
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest["files"]:
        assert entry["sha256"] == hashlib.sha256((target / entry["name"]).read_bytes()).hexdigest()
    assert [target.name] == os.listdir(target.parent)
    assert "127.0.0.1" not in json.dumps(manifest)


def test_a_finished_export_is_returned_without_asking_a_database(cluster: Cluster, target: Path):
    copies = Copies(cluster, KEYED, "CREATE TABLE v (id int)")
    copies.write("INSERT INTO t VALUES (1, 'x')", "DROP TABLE v", "CREATE TABLE w (id int)")
    first = _export(cluster, copies, target)
    assert first == export_rescue(NOWHERE, NOWHERE, target)


def test_a_new_export_of_the_same_state_has_the_same_files(cluster: Cluster, tmp_path: Path):
    copies = Copies(cluster, KEYED, "CREATE TABLE bag (a int, b text)")
    copies.write(
        "INSERT INTO t SELECT n, 'x' FROM generate_series(1, 25000) n",
        "INSERT INTO bag SELECT n % 7, 'x' FROM generate_series(1, 50) n",
    )
    first = _export(cluster, copies, tmp_path / "one")
    assert first.files == _export(cluster, copies, tmp_path / "two").files
    assert {"bag": 50, "t": 25000} == {file.table.name: file.rows for file in first.files}


def test_the_rows_make_the_clone_equal_again(cluster: Cluster, target: Path):
    copies = Copies(
        cluster,
        "CREATE TABLE t (id uuid, part text, e vector(2), n int,"
        " twice int GENERATED ALWAYS AS (n * 2) STORED, at timestamptz, b bytea, a text[],"
        " PRIMARY KEY (id, part))",
        "INSERT INTO t SELECT gen_random_uuid(), n::text, '[1,2]', n FROM generate_series(1, 90) n",
    )
    copies.write(
        "UPDATE t SET e = '[3,4]', at = now(), b = '\\x00ff', a = '{x,\"y,z\",NULL}' WHERE n < 20",
        "DELETE FROM t WHERE n BETWEEN 20 AND 25",
        "INSERT INTO t SELECT gen_random_uuid(), ' %s ''', '[5,6]', n FROM generate_series(1, 9) n",
    )
    export = _export(cluster, copies, target)
    files = {file.kind: file for file in export.files}
    assert "twice" not in files["rows"].columns
    with connect(cluster.url(copies.then), read_only=False) as connection:
        connection.execute("CREATE TEMP TABLE gone (id uuid, part text)")
        _load(connection, target, files["deleted"], "gone")
        connection.execute("CREATE TEMP TABLE came (LIKE t INCLUDING GENERATED)")
        _load(connection, target, files["rows"], "came")
        connection.execute(
            "DELETE FROM t WHERE (id, part) IN (SELECT id, part FROM gone)"
            " OR (id, part) IN (SELECT id, part FROM came)"
        )
        _load(connection, target, files["rows"], "t")
    assert loss_report(cluster.url(copies.then), cluster.url(copies.now)).lossless


def _load(connection: object, target: Path, file: RescueFile, table: str) -> None:
    columns = ", ".join(file.columns)
    statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT csv, HEADER true)"
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:  # type: ignore[attr-defined] # any connection
        copy.write((target / file.name).read_bytes())


def test_rows_without_a_key_are_written_as_often_as_they_were_added(cluster: Cluster, target: Path):
    copies = Copies(cluster, "CREATE TABLE t (a text)", "INSERT INTO t VALUES ('x'), ('y'), ('y')")
    copies.write("INSERT INTO t VALUES ('x'), ('x'), ('z')", "DELETE FROM t WHERE a = 'y'")
    export = _export(cluster, copies, target)
    assert [["x"], ["x"], ["z"]] == sorted(_read(target, export, "rows"))
    assert [["y"], ["y"]] == _read(target, export, "deleted")


def test_content_that_only_a_migration_made_room_for_is_kept(cluster: Cluster, target: Path):
    copies = Copies(cluster, KEYED, "INSERT INTO t VALUES (2, 'x'), (1, 'y')")
    copies.write(
        "ALTER TABLE t ADD COLUMN note text",
        "UPDATE t SET note = 'new' WHERE id = 2",
        "CREATE TABLE u (id int)",
        "INSERT INTO u VALUES (5)",
    )
    export = _export(cluster, copies, target)
    assert [("t", "columns"), ("u", "rows")] == _kinds(export)
    assert [["1", ""], ["2", "new"]] == _read(target, export, "columns")
    assert [["5"]] == _read(target, export, "rows", "u")


@pytest.mark.parametrize("name", ["../../up", "a/b", "x" * 63, "Ä %s {0}", ".."])
def test_no_table_name_leads_out_of_the_directory(cluster: Cluster, target: Path, name: str):
    quoted = name.replace('"', '""')
    copies = Copies(cluster, f'CREATE TABLE "{quoted}" ("a%s" int PRIMARY KEY)')
    copies.write(f'INSERT INTO "{quoted}" VALUES (1)')
    export = _export(cluster, copies, target)
    (file,) = export.files
    assert TableName("public", name) == file.table
    assert (target / file.name).is_file()
    assert "/" not in file.name


def test_nothing_is_written_where_nothing_differs(cluster: Cluster, target: Path):
    copies = Copies(cluster, KEYED)
    export = _export(cluster, copies, target)
    assert () == export.files
    assert ["manifest.json"] == os.listdir(target)


def test_a_failed_export_leaves_nothing_and_can_be_repeated(cluster: Cluster, target: Path):
    copies = Copies(cluster, KEYED)
    copies.write("INSERT INTO t VALUES (1, 'x')")
    with pytest.raises(DatabaseUnreachable):
        export_rescue(NOWHERE, cluster.url(copies.now), target)
    assert [] == os.listdir(target.parent)
    assert 1 == len(_export(cluster, copies, target).files)


def test_what_a_killed_export_left_is_replaced(cluster: Cluster, target: Path):
    copies = Copies(cluster, KEYED)
    copies.write("INSERT INTO t VALUES (1, 'x')")
    left = target.with_name(".rescue.partial")
    left.mkdir()
    (left / "001-public.t.rows.csv").write_text("torn")
    export = _export(cluster, copies, target)
    assert [["1", "x"]] == _read(target, export, "rows")
    assert [target.name] == os.listdir(target.parent)


def test_two_exports_at_once_do_not_mix(cluster: Cluster, target: Path):
    copies = Copies(cluster, KEYED)
    copies.write("INSERT INTO t SELECT n, repeat('x', 50) FROM generate_series(1, 30000) n")
    urls = (cluster.url(copies.then), cluster.url(copies.now))
    context = multiprocessing.get_context("spawn")
    outcomes = context.Queue()
    workers = [context.Process(target=_try, args=(outcomes, *urls, target)) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = [outcomes.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(10)
    assert "written" in found
    assert {"written", "under way"} >= set(found)
    assert 30000 == export_rescue(NOWHERE, NOWHERE, target).files[0].rows
    assert [target.name] == os.listdir(target.parent)


def _try(outcomes: object, clone: str, source: str, target: Path) -> None:
    try:
        export_rescue(clone, source, target)
        outcomes.put("written")  # type: ignore[attr-defined] # multiprocessing has no public type
    except RescueUnderWay:
        outcomes.put("under way")  # type: ignore[attr-defined] # the same


@pytest.mark.parametrize("damage", ["changed", "missing", "no manifest", "manifest", "format"])
def test_a_damaged_export_is_never_overwritten(cluster: Cluster, target: Path, damage: str):
    copies = Copies(cluster, KEYED)
    copies.write("INSERT INTO t VALUES (1, 'x')")
    (file,) = _export(cluster, copies, target).files
    manifest = target / "manifest.json"
    match damage:
        case "changed":
            (target / file.name).write_text("id,value\n1,y\n")
        case "missing":
            (target / file.name).unlink()
        case "no manifest":
            manifest.unlink()
        case "manifest":
            manifest.write_text("[]")
        case "format":
            manifest.write_text('{"format": 9}')
    before = sorted(os.listdir(target))
    with pytest.raises(RescueUnusable, match="keinen vollständigen Rettungsexport"):
        _export(cluster, copies, target)
    assert before == sorted(os.listdir(target))
