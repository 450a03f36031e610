"""``leitstand audit``: what it prints of records, and which exit code it ends with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.records import head_of
from leitstand.audit.run_files import KEPT_FILE
from leitstand.audit.signing import FileSigner
from leitstand.audit.store_directory import DirectoryStore
from leitstand.cli import main
from tests.audit.sealed import Archive, make_run, overwrite, resume

Audit = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from leitstand.cli import output

    path = tmp_path / "home"
    monkeypatch.setenv("LEITSTAND_HOME", str(path))
    output.console.cache_clear()
    output.problems.cache_clear()
    (path / "runs").mkdir(parents=True)
    return path


@pytest.fixture
def audit(home: Path, capsys: pytest.CaptureFixture[str]) -> Audit:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["audit", *arguments])
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return int(caught.value.code or 0), shown.out, shown.err

    return call


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Somebody else's archive."""
    return Archive(tmp_path).filled(3)


def there(archive: Archive) -> list[str]:
    """Return the options with which an auditor reads an archive from elsewhere."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
    )

    pem = load_der_public_key(archive.signer.public.der).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    path = archive.path / "public.pem"
    path.write_bytes(pem)
    return ["--store", str(archive.store.path), "--key", str(path)]


def read(output: str) -> Any:
    return json.loads(output)


def test_seal_seals_what_ended_and_names_what_waits(audit: Audit, home: Path):
    make_run(home / "runs", "done")
    make_run(home / "runs", "torn", end="")
    code, output, _ = audit("seal")
    assert 0 == code
    assert "✓ done: Beleg 1" in output
    assert "– torn ist abgerissen" in output
    assert 1 == DirectoryStore(home / "records").head()
    _, output, _ = audit("seal", "--crashed")
    assert "✓ torn: Beleg 2" in output
    assert "done" not in output
    assert "Alle beendeten Läufe sind versiegelt." in audit("seal")[1]


def test_seal_seals_the_next_part_of_a_run_that_was_resumed(audit: Audit, home: Path):
    run = make_run(home / "runs", "a", end="run.paused")
    audit("seal")
    resume(run)
    code, output, _ = audit("seal", "--json")
    assert (0, [("a", 2, 2)]) == (code, [(e["run"], e["seq"], e["part"]) for e in read(output)])


def test_seal_sends_a_kept_record_first(audit: Audit, home: Path):
    make_run(home / "runs", "a")
    late = make_run(home / "runs", "b")
    (home / "records").write_text("in the way")
    code, output, problems = audit("seal")
    assert 4 == code
    assert "✗ a: Das Archiv ist nicht erreichbar" in output
    assert "Nicht versiegelt: a, b." in problems
    assert (late / KEPT_FILE).is_file()
    (home / "records").unlink()
    (home / "runs" / "a" / KEPT_FILE).unlink()
    assert ["b", "a"] == [e["run"] for e in read(audit("seal", "--json")[1])]


def test_seal_names_what_it_cannot_seal_and_seals_the_rest(audit: Audit, home: Path):
    make_run(home / "runs", "good")
    (make_run(home / "runs", "odd") / "journal.jsonl").write_text("{}\n")
    code, output, problems = audit("seal")
    assert 4 == code
    assert "✓ good: Beleg 1" in output
    assert "✗ odd: " in output
    assert "Nicht versiegelt: odd." in problems


def test_list_and_search_show_records_as_tables_and_as_json(audit: Audit, archive: Archive):
    at = ["--store", str(archive.store.path)]
    code, output, _ = audit("list", *at)
    assert 0 == code
    assert ["3", "2", "1"] == [row.split()[0] for row in output.splitlines()[1:]]
    assert "abgeschlossen" in output
    rows = read(audit("search", "release ops-1", "-n", "2", "--json", *at)[1])
    assert [("c", 3), ("b", 2)] == [(row["run"], row["seq"]) for row in rows]
    assert "Keine Belege." in audit("search", "nothing", *at)[1]
    assert "Keine Belege." in audit("list", "--since", "2127-01-01", *at)[1]
    assert "Keine Belege." in audit("list", "--until", "7d", *at)[1]


def test_show_tells_a_record_by_number_or_run_and_whether_its_signature_holds(
    audit: Audit, archive: Archive
):
    at = there(archive)
    code, output, _ = audit("show", "2", *at)
    assert 0 == code
    assert "Lauf        b (release)" in output
    assert "percent: 10" in output
    assert "Unterschrift gilt;" in output
    shown = read(audit("show", "b", "--json", *at)[1])
    assert (2, True, "OPS-1") == (shown["record"], shown["signed"], shown["run"]["ticket"])
    code, output, _ = audit("show", "b", *at[:2])
    assert (0, True) == (code, "Unterschrift gilt NICHT als geprüft" in output)


def test_show_writes_a_page(audit: Audit, archive: Archive, tmp_path: Path):
    page = tmp_path / "page.html"
    assert 0 == audit("show", "1", "--html", str(page), *there(archive))[0]
    assert "<html" in page.read_text()
    assert "OPS-1" in page.read_text()


def test_an_intact_archive_verifies_offline_with_a_public_key(audit: Audit, archive: Archive):
    code, output, _ = audit("verify", *there(archive))
    assert 0 == code
    assert "✓ 3 Belege und 6 Dateien sind so, wie sie versiegelt wurden." in output
    assert "Kein Anker bürgt für die Kette" in output
    head = head_of(archive.store)
    _, output, _ = audit("verify", "--anchor", f"3:{head.digest}", *there(archive))
    assert "Anker" not in output


def test_a_changed_journal_is_named_with_file_bytes_and_lines(audit: Audit, archive: Archive):
    path = next(p for p in archive.files if b'"run": "b"' in p.read_bytes())
    overwrite(path, path.read_bytes().replace(b"healthy", b"HEALTHY"))
    code, output, problems = audit("verify", *there(archive))
    assert 6 == code
    assert "✗ Beleg 2, journal.jsonl, Byte 0–" in output
    assert ", Zeile 1–3: Die Datei ist verändert." in output
    assert f"  files/{path.name}" in output
    assert "Befund: Im Archiv ist eine Stelle nicht so, wie versiegelt wurde." in problems


def test_what_is_wrong_is_there_as_json_too(audit: Audit, archive: Archive):
    archive.record(2).unlink()
    code, output, problems = audit("verify", "--json", *there(archive))
    found = read(output)
    assert (6, "", False, 2) == (code, problems, found["intact"], found["records"])
    broken = [(one["kind"], one["record"]) for one in found["findings"] if one["breaks"]]
    assert ("record missing", 2) in broken


def test_what_has_an_honest_cause_is_shown_and_counts_when_asked(audit: Audit, archive: Archive):
    (archive.store.path / "files" / ("0" * 64)).write_bytes(b"")
    code, output, _ = audit("verify", *there(archive))
    assert (0, True) == (code, "! files/0000" in output)
    assert 6 == audit("verify", "--strict", *there(archive))[0]


def test_a_key_that_did_not_sign_verifies_nothing(
    audit: Audit, archive: Archive, home: Path, tmp_path: Path
):
    at = there(archive)
    FileSigner(home / "records.pem")
    code, output, _ = audit("verify", *at[:2])
    assert 6 == code
    assert "Niemand, dem die Umgebung vertraut, hat unterschrieben" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify"], "Es ist kein Schlüssel bekannt"),
        (["verify", "--key", "none.pem"], "none.pem ist kein Ed25519-Schlüssel."),
        (["verify", "--anchor", "3:abc"], "„3:abc“ ist kein Anker."),
        (["verify", "--store", "http://x"], "ist keine Adresse eines Archivs"),
        (["show", "7"], "Einen Beleg „7“ gibt es im Archiv nicht."),
        (["show", "20261126"], "Einen Beleg „20261126“ gibt es im Archiv nicht."),
        (["list", "--since", "gestern"], "„gestern“ ist keine Zeit."),
        (["seal", "nirgends"], "Den Lauf „nirgends“ gibt es"),
        (["search"], "Es fehlt die Angabe TEXT."),
    ],
)
def test_bad_input_ends_with_2(arguments: list[str], message: str, audit: Audit, home: Path):
    if arguments[0] == "verify" and len(arguments) > 2 and arguments[1] != "--key":
        FileSigner(home / "records.pem")
    code, output, problems = audit(*arguments)
    assert (2, "") == (code, output)
    assert message in problems


def test_the_key_of_this_machine_is_shown(audit: Audit, home: Path):
    code, output, _ = audit("key", "--json")
    assert (0, FileSigner(home / "records.pem").public.text) == (code, read(output)["public_key"])


def test_the_export_is_json_lines_and_leaves_out_what_was_changed(
    audit: Audit, archive: Archive, tmp_path: Path
):
    _, output, _ = audit("export", "--after", "1", *there(archive))
    assert [2, 3] == [read(one)["record"] for one in output.splitlines()]
    path = next(p for p in archive.files if b'"run": "b"' in p.read_bytes())
    overwrite(path, b"{}")
    out = tmp_path / "events.jsonl"
    code, _, problems = audit("export", "--events", "-o", str(out), *there(archive))
    assert 6 == code
    assert {1, 3} == {read(one)["record"] for one in out.read_text().splitlines()}
    assert "Beleg 2, journal.jsonl: Die Datei ist verändert." in problems


@pytest.mark.parametrize("events", [[], ["--events"]])
def test_the_schema_is_printed_without_any_archive(events: list[str], audit: Audit):
    code, output, _ = audit("export", "--schema", *events)
    assert 0 == code
    assert {"name", "type", "mode", "description"} == set(read(output)[0])
