"""Anchors as notes of a git repository."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from leitstand.audit.anchor_notes import REF, GitFailed, NoteAnchors
from leitstand.audit.anchors import anchor_head, read_anchors
from tests.audit.sealed import Archive


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    path = tmp_path / "checkout"
    path.mkdir()
    git(path, "init", "--quiet", "-b", "main")
    git(path, "commit", "--quiet", "--allow-empty", "-m", "one")
    return path


@pytest.fixture
def clones(tmp_path: Path, checkout: Path) -> tuple[Path, Path]:
    git(tmp_path, "clone", "--quiet", "--bare", "checkout", "origin")
    for name in ("a", "b"):
        git(tmp_path, "clone", "--quiet", "origin", name)
    return tmp_path / "a", tmp_path / "b"


def lines(place: NoteAnchors) -> list[bytes]:
    return sorted(content for _, content in place.envelopes())


def test_a_repository_without_notes_has_no_anchors(checkout: Path):
    assert [] == lines(NoteAnchors(checkout))


def test_a_note_lies_on_the_commit_that_was_checked_out(checkout: Path):
    place = NoteAnchors(checkout)
    assert [True, False, True] == [place.add("", text) for text in (b"{1}", b"{1}", b"{2}")]
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "two")
    place.add("", b"{3}")
    assert [b"{1}", b"{2}", b"{3}"] == lines(place)
    assert "{3}" == git(checkout, "notes", "--ref", REF, "show", "HEAD")
    assert {"{1}", "{2}"} < set(git(checkout, "notes", "--ref", REF, "show", "HEAD~").split("\n"))


def test_a_chain_is_checked_against_its_notes(checkout: Path, tmp_path: Path):
    archive, place = Archive(tmp_path).filled(2), NoteAnchors(checkout)
    made, new = anchor_head(archive.store, "prod", place, archive.signer, archive.keys)
    archive.record(2).unlink()
    found = read_anchors([place], "prod", archive.keys)
    commit = git(checkout, "rev-parse", "HEAD")[:12]
    assert ((f"{REF} {commit}, Zeile 1", made),) == found.anchors
    assert (True, False) == (new, archive.verify(*found.heads).intact)


def test_a_note_that_was_edited_is_found(checkout: Path, tmp_path: Path):
    archive, place = Archive(tmp_path).filled(1), NoteAnchors(checkout)
    anchor_head(archive.store, "prod", place, archive.signer, archive.keys)
    envelope = json.loads(lines(place)[0])
    envelope["payload"] = "e30="
    git(checkout, "notes", "--ref", REF, "add", "-f", "-m", json.dumps(envelope))
    assert ["anchor unreadable"] == [
        str(one.kind.value) for one in read_anchors([place], "prod", archive.keys).findings
    ]


def test_two_that_write_at_once_both_have_their_note(checkout: Path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: NoteAnchors(checkout).add("", b"{%d}" % n), range(4)))
    assert [b"{%d}" % n for n in range(4)] == lines(NoteAnchors(checkout))


def test_notes_of_two_clones_meet_at_their_remote(clones: tuple[Path, Path]):
    a, b = (NoteAnchors(path, "origin") for path in clones)
    a.add("", b"{1}")
    b.add("", b"{2}")
    assert ([b"{1}"], [b"{1}", b"{2}"]) == (lines(a), lines(b))
    a.refresh()
    assert [b"{1}", b"{2}"] == lines(a)
    NoteAnchors(clones[0]).add("", b"{3}")
    b.add("", b"{4}")
    assert a.add("", b"{5}")
    assert [b"{%d}" % n for n in range(1, 6)] == lines(a)


def test_whatever_git_refuses_is_said(tmp_path: Path, checkout: Path):
    for place in (NoteAnchors(tmp_path), NoteAnchors(checkout, "nowhere")):
        with pytest.raises(GitFailed, match=r"^git "):
            place.add("", b"{1}")
    with pytest.raises(GitFailed):
        lines(NoteAnchors(tmp_path))


def test_git_is_not_waited_for_without_end(checkout: Path, tmp_path: Path):
    (tmp_path / "slow").write_text('#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 60\n')
    (tmp_path / "slow").chmod(0o700)
    git(checkout, "remote", "add", "slow", f"ext::{tmp_path}/slow")
    git(checkout, "config", "protocol.ext.allow", "always")
    with pytest.raises(GitFailed, match="nicht fertig"):
        NoteAnchors(checkout, "slow", deadline=1).refresh()
    started, ended = tmp_path / "slow.pid", time.monotonic() + 5
    with suppress(FileNotFoundError, psutil.NoSuchProcess):
        transport = psutil.Process(int(started.read_text()))
        while transport.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < ended
            time.sleep(0.02)
