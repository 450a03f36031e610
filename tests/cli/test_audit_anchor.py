"""``leitstand audit anchor``: what it prints, and where the end of the chain is kept."""

import json
import subprocess
from pathlib import Path

import pytest
import typer

from leitstand.audit.anchor_notes import REF
from leitstand.audit.anchors import AnchorDisagrees, NothingToAnchor
from leitstand.audit.verification import verify_store
from leitstand.cli import audit_anchor, output
from leitstand.cli.audit_anchor import NotAnchored, NowhereToAnchor
from leitstand.cli.audit_places import anchors_of
from leitstand.execution.store_opening import NoAnchorAddress
from leitstand.notebook.record_signer import own_signer
from tests.audit.sealed import Archive, make_run


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home, checkout = tmp_path / "home", tmp_path / "checkout"
    monkeypatch.setenv("LEITSTAND_HOME", str(home))
    monkeypatch.setattr("leitstand.project.project_root", lambda: checkout)
    output.console.cache_clear()
    home.mkdir()
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (
        ["init", "--quiet", str(checkout)],
        ["-C", str(checkout), *identity, "commit", "--quiet", "--allow-empty", "-m", "one"],
    ):
        subprocess.run(["git", *command], check=True, capture_output=True)
    return checkout


@pytest.fixture
def archive(checkout: Path, tmp_path: Path) -> Archive:
    """The archive of this machine."""
    made = Archive(tmp_path)
    made.signer = own_signer()
    return made.filled(2)


def call(archive: Archive, *arguments: str) -> None:
    app = typer.Typer()
    audit_anchor.add_to(app)
    app(["--store", str(archive.store.path), *arguments], standalone_mode=False)


def test_the_end_of_the_chain_is_kept_and_shown(
    archive: Archive, capsys: pytest.CaptureFixture[str]
):
    head = archive.verify().head
    call(archive, "git:")
    call(archive, "git:")
    first, weak, again, _ = capsys.readouterr().out.splitlines()
    shown = f"✓ git: – Beleg 2:{head.digest}"
    assert (shown, f"{shown} war schon verankert") == (first, again)
    assert weak.startswith("  Die Notiz bleibt in diesem Arbeitsverzeichnis")
    heads, findings = anchors_of(["git:"], archive.keys)
    assert ([head], []) == (heads, findings)
    report = verify_store(archive.store, archive.keys, heads)
    assert (2, True) == (report.anchored, report.intact)


def test_a_place_that_refuses_does_not_keep_others_from_it(
    archive: Archive, checkout: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(NotAnchored, match="git:nowhere"):
        call(archive, "git:nowhere", "git:")
    assert ["✗", "✓"] == [row[0] for row in capsys.readouterr().out.splitlines()[:2]]
    notes = subprocess.run(
        ["git", "-C", str(checkout), "notes", "--ref", REF, "list"], capture_output=True, text=True
    )
    assert 1 == len(notes.stdout.splitlines())


def test_a_program_reads_it_as_json(archive: Archive, capsys: pytest.CaptureFixture[str]):
    call(archive, "git:", "--json")
    (row,) = json.loads(capsys.readouterr().out)
    head = archive.verify().head
    assert ("git:", "local", head.seq, head.digest, True) == (
        row["place"], row["chain"], row["seq"], row["digest"], row["new"],
    )  # fmt: skip


def test_a_chain_that_was_cut_is_not_anchored(archive: Archive):
    call(archive, "git:")
    archive.record(2).unlink()
    with pytest.raises(AnchorDisagrees, match="Beleg 2"):
        call(archive, "git:")
    archive.seal(make_run(archive.path / "runs", "z"))
    with pytest.raises(AnchorDisagrees, match="Beleg 2"):
        call(archive, "git:")


def test_whoever_names_no_place_or_none_that_is_one_is_told(archive: Archive, tmp_path: Path):
    with pytest.raises(NowhereToAnchor):
        call(archive)
    with pytest.raises(NoAnchorAddress):
        call(archive, "somewhere")
    archive.store.path = tmp_path / "none"
    with pytest.raises(NothingToAnchor):
        call(archive, "git:")
