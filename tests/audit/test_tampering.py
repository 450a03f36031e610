"""Every byte, file and order of a small store, changed: all of it is found."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from leitstand.audit.records import head_of
from leitstand.audit.verification import verify_record
from tests.audit.sealed import Archive, overwrite


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path).filled(2)


def everything(archive: Archive) -> list[Path]:
    return sorted(path for path in archive.store.path.rglob("*") if path.is_file())


def changes(content: bytes, step: int) -> Iterator[tuple[str, bytes]]:
    """Yield versions with one byte changed, removed or inserted, or two neighbours swapped."""
    for at in range(0, len(content), step):
        before, byte, after = content[:at], content[at], content[at + 1 :]
        yield f"bit at {at}", before + bytes([byte ^ 1 << at // step % 8]) + after
        yield f"removed at {at}", before + after
        yield f"inserted at {at}", before + b" " + content[at:]
        if after and after[0] != byte:
            yield f"swapped at {at}", before + after[:1] + bytes([byte]) + after[1:]
    yield "inserted at the end", content + b"\n"
    yield "emptied", b""


def missed_by(archive: Archive, paths: list[Path], step: int) -> list[str]:
    """Return all changes that verification did not find."""
    missed = []
    for path in paths:
        content = path.read_bytes()
        for what, changed in changes(content, step):
            overwrite(path, changed)
            if archive.verify().intact:
                missed.append(f"{path.name}: {what}")
        overwrite(path, content)
    return missed


def test_bytes_all_over_the_store_are_watched(archive: Archive):
    assert [] == missed_by(archive, everything(archive), 97)
    assert archive.verify().intact


@pytest.mark.sweep
@pytest.mark.parametrize("number", range(6))
def test_every_byte_of_the_store_is_watched(archive: Archive, number: int):
    paths = everything(archive)
    assert 6 == len(paths)
    assert [] == missed_by(archive, paths[number : number + 1], 1)


@pytest.mark.sweep
def test_no_byte_of_the_last_signature_and_its_key_id_can_take_another_value(archive: Archive):
    content = archive.record(2).read_bytes()
    for at in range(content.index(b'"payloadType"'), len(content)):
        for value in {*range(256)} - {content[at]}:
            changed = content[:at] + bytes([value]) + content[at + 1 :]
            _, findings = verify_record(changed, 2, archive.keys)
            assert any(finding.breaks for finding in findings), (at, value)


def test_every_bit_of_the_last_signature_and_of_its_key_id_is_watched(archive: Archive):
    """Nothing follows the last record, so only its own form protects what is not signed."""
    path = archive.record(2)
    content = path.read_bytes()
    for at in range(content.index(b'"payloadType"'), len(content)):
        overwrite(path, content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        assert not archive.verify().intact, at


def test_no_file_can_be_removed(archive: Archive):
    anchor = head_of(archive.store)
    for path in everything(archive):
        content = path.read_bytes()
        path.unlink()
        assert not archive.verify(anchor).intact, path.name
        assert archive.verify().findings, path.name
        path.write_bytes(content)
    assert archive.verify(anchor).intact


def test_no_two_files_can_be_swapped(archive: Archive):
    for one, two in itertools.combinations(everything(archive), 2):
        first, second = one.read_bytes(), two.read_bytes()
        overwrite(one, second)
        overwrite(two, first)
        assert not archive.verify().intact, (one.name, two.name)
        overwrite(one, first)
        overwrite(two, second)
    assert archive.verify().intact


def test_no_record_can_be_put_in_anywhere(archive: Archive):
    """A copy of any record at any place, with the rest moved up."""
    copies = [archive.record(seq).read_bytes() for seq in (1, 2)]
    for extra, place in itertools.product(copies, range(3)):
        for number, content in enumerate([*copies[:place], extra, *copies[place:]], start=1):
            archive.record(number).unlink(missing_ok=True)
            archive.record(number).write_bytes(content)
        assert not archive.verify().intact, place
        archive.record(3).unlink()
        for number, content in enumerate(copies, start=1):
            overwrite(archive.record(number), content)
    assert archive.verify().intact


@pytest.mark.parametrize(
    "name",
    ["x", "chain/x", "chain/000000000000.json", "chain/000000000003.json", "chain/3.json",
     "files/x", "files/" + "0" * 64, "incoming/x"],
)  # fmt: skip
def test_no_file_can_be_put_in_anywhere(archive: Archive, name: str):
    """What has the form of an unfinished write is told, and breaks nothing: it says nothing."""
    shutil.copy(archive.record(1), archive.store.path / name)
    assert 1 <= sum(name in str(f.place) or "Beleg 3" in str(f.place)
                    for f in archive.verify().findings)  # fmt: skip
